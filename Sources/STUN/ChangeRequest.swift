/// From where a request wants to be answered (RFC 5780 section 7.2).
public struct ChangeRequest: OptionSet, Hashable, Sendable, BitwiseCopyable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue & 6 }

    /// From the other address.
    public static let address = ChangeRequest(rawValue: 4)
    /// From the other port.
    public static let port = ChangeRequest(rawValue: 2)
}
