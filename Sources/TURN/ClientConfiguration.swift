/// What a ``Client`` is told at birth.
public struct ClientConfiguration: Sendable {
    public var username: String
    public var password: String
    /// The server is reached over TCP or TLS: nothing is sent again, channel data is padded.
    public var isStream: Bool
    /// The relayed address is to be an IPv6 one (RFC 8656 section 7.1).
    public var wantsIPv6: Bool
    /// Seconds that are asked for.
    public var lifetime: UInt32 = Limits.defaultLifetime

    public init(username: String, password: String, isStream: Bool = false, wantsIPv6: Bool = false) {
        self.username = username
        self.password = password
        self.isStream = isStream
        self.wantsIPv6 = wantsIPv6
    }
}
