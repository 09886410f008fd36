import Wire

/// Bounds of multicast DNS.
public enum Limits {
    /// Of one label (RFC 1035 section 2.3.4).
    static let labelBytes = 63
    /// Of one name, with its length bytes (RFC 1035 section 2.3.4).
    static let nameBytes = 255
    /// Compression pointers followed in one name.
    static let pointers = 16
    /// Questions and records read of one message; what is behind them is not looked at.
    static let records = 64
    /// Bytes of one message (RFC 6762 section 17).
    static let messageBytes = 9000
    /// Names that are looked up at the same time.
    public static let lookups = 64
    /// Who may wait for one name.
    static let waiters = 64
    /// Time from each query for a name to the next, and from the last one to the end: the first gap is a second or
    /// more, and each is twice the one before (RFC 6762 section 5.2).
    static let pauses: [Interval] = [.seconds(1), .seconds(2), .seconds(2)]
}
