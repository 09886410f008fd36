/// Error numbers (RFC 8489 section 14.8, RFC 8445 section 16.1).
public struct ErrorCode: Hashable, Sendable, BitwiseCopyable {
    /// 300 to 699.
    public let rawValue: UInt16
    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let badRequest = ErrorCode(rawValue: 400)
    public static let unauthenticated = ErrorCode(rawValue: 401)
    public static let unknownAttribute = ErrorCode(rawValue: 420)
    public static let roleConflict = ErrorCode(rawValue: 487)
}
