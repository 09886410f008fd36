/// Error numbers (RFC 8489 section 14.8, RFC 8445 section 16.1, RFC 8656 section 19).
public struct ErrorCode: Hashable, Sendable, BitwiseCopyable {
    /// 300 to 699.
    public let rawValue: UInt16
    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let badRequest = ErrorCode(rawValue: 400)
    public static let unauthenticated = ErrorCode(rawValue: 401)
    public static let forbidden = ErrorCode(rawValue: 403)
    public static let unknownAttribute = ErrorCode(rawValue: 420)
    public static let allocationMismatch = ErrorCode(rawValue: 437)
    public static let staleNonce = ErrorCode(rawValue: 438)
    public static let addressFamilyNotSupported = ErrorCode(rawValue: 440)
    public static let wrongCredentials = ErrorCode(rawValue: 441)
    public static let unsupportedTransport = ErrorCode(rawValue: 442)
    public static let peerAddressFamilyMismatch = ErrorCode(rawValue: 443)
    public static let allocationQuotaReached = ErrorCode(rawValue: 486)
    public static let roleConflict = ErrorCode(rawValue: 487)
    public static let insufficientCapacity = ErrorCode(rawValue: 508)
}
