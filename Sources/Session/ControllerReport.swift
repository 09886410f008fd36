/// What a controller says of itself.
public struct ControllerReport: Hashable, Sendable, Codable {
    public var id: ControllerID
    /// The start of its process.
    public var incarnation: String
    public var processID: Int32
    public var host: String
    /// Milliseconds since 1970.
    public var startedAt: Int64
    /// Where clients come in: `127.0.0.1:8888`.
    public var addresses: [String]
    /// Where other controllers reach its HTTP without TLS: IP addresses with ports, `192.0.2.1:8888`. Nil of one that
    /// does not say.
    public var httpAddresses: [String]?
    /// Where it hears workers that the store cannot tell of; nil when it does not. Its key is for workers only.
    public var heartbeats: HeartbeatTarget?

    public init(
        id: ControllerID, incarnation: String, processID: Int32, host: String, startedAt: Int64,
        addresses: [String] = [], httpAddresses: [String]? = nil, heartbeats: HeartbeatTarget? = nil
    ) {
        self.id = id
        self.incarnation = incarnation
        self.processID = processID
        self.host = host
        self.startedAt = startedAt
        self.addresses = addresses
        self.httpAddresses = httpAddresses
        self.heartbeats = heartbeats
    }
}

/// One controller in the store.
public struct RegisteredController: Hashable, Sendable {
    public var id: ControllerID
    /// Nil once its time to live has passed, that is, when it is dead.
    public var report: ControllerReport?

    public init(id: ControllerID, report: ControllerReport?) {
        self.id = id
        self.report = report
    }
}
