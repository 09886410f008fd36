public import Wire

/// What a ``Server`` is told at birth.
public struct ServerConfiguration: Sendable {
    /// A socket that clients come to. Its place in the list is the socket index of its clients' tuples.
    public struct Listener: Hashable, Sendable {
        public var address: SocketAddress
        /// TCP or TLS: nothing is lost on the way, and channel data is padded.
        public var isStream: Bool

        public init(address: SocketAddress, isStream: Bool = false) {
            self.address = address
            self.isStream = isStream
        }
    }

    public var listeners: [Listener]
    /// Names the domain of the credentials. Short, since every 401 carries it.
    public var realm = "apus"
    /// Where relayed addresses are, for each family that there is.
    public var relayIPv4: IPAddress?
    public var relayIPv6: IPAddress?
    /// What clients are told instead, where a NAT with one-to-one mapping stands in front of the server.
    public var advertisedIPv4: IPAddress?
    public var advertisedIPv6: IPAddress?
    public var relayPorts: ClosedRange<UInt16> = 49_152...65_535
    /// Passwords by user name.
    public var users: [String: String] = [:]
    /// Secrets of temporary credentials; more than one while they are being changed.
    public var secrets: [String] = []
    /// Seconds between 1970 and ``Wire/Instant/origin``: temporary user names carry wall time.
    public var unixTimeAtOrigin: Int64 = 0
    public var peers = PeerPolicy()
    public var allocations = 4096
    public var allocationsPerUser = 128
    public var maximumLifetime = Limits.maximumLifetime
    /// Payload bytes per second that an allocation may relay, each way; nil is no limit.
    public var bytesPerSecond: Int64?

    public init(listeners: [Listener]) { self.listeners = listeners }
}
