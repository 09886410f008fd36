/// Bounds on what is read from and written to the wire.
public enum Limits {
    /// Bytes of a message: what the reactor's packet buffers hold.
    public static let messageBytes = 2048
    /// Attributes walked in one message; a connectivity check has under 12.
    public static let attributes = 64
    /// Unknown comprehension-required attributes reported in one 420 response.
    public static let reportedUnknownAttributes = 8
    /// USERNAME's bytes (RFC 8489 section 14.3: fewer than 509).
    public static let usernameBytes = 508
}
