public import Wire

/// How a message is to travel: in what order, and how hard it is tried (RFC 8831 section 6.1).
public struct Reliability: Hashable, Sendable {
    public enum Limit: Hashable, Sendable {
        case none
        /// Sent again so many times at most (RFC 7496 section 3.2).
        case retransmissions(UInt32)
        /// Not sent any more once it is as old (RFC 3758 section 4.1).
        case lifetime(Interval)
    }

    public var isOrdered: Bool
    public var limit: Limit

    public static let full = Reliability(isOrdered: true, limit: .none)

    public init(isOrdered: Bool, limit: Limit) {
        self.isOrdered = isOrdered
        self.limit = limit
    }
}
