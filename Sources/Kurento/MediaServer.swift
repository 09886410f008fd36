public import Logging
public import Session
import Wire

/// The Kurento protocol engine: JSON-RPC text frames in, replies and events out, media through a
/// ``MediaPlane``.
///
/// One actor holds all tables, so a request sees them consistent between two awaits. Requests of one
/// connection run in order; whatever changes a pipeline passes that pipeline's ``SerialGate``, so a
/// worker that is slow for one pipeline delays no other.
public actor MediaServer {
    let plane: any MediaPlane
    /// Nil when nothing outlives this process.
    let memory: (any SignalingMemory)?
    let configuration: KurentoConfiguration
    let serverID: String
    let logger: Logger
    let registry = TypeRegistry.shared

    var connections: [ConnectionID: Connection] = [:]
    var sessions = SessionTable()
    var objects = ObjectTable()
    var cache: RequestCache
    var counters = ServerStatistics()
    var notebook = Notebook()
    private var connectionsOpened: UInt64 = 0

    /// - Parameter memory: where client sessions are kept, so that another process can go on with them.
    public init(
        plane: any MediaPlane, memory: (any SignalingMemory)? = nil,
        configuration: KurentoConfiguration = KurentoConfiguration(), logger: Logger
    ) {
        self.plane = plane
        self.memory = memory
        self.configuration = configuration
        self.logger = logger
        serverID = configuration.serverID.isEmpty ? configuration.drawIdentifier() : configuration.serverID
        cache = RequestCache(lifetime: configuration.requestCacheLifetime)
        objects.insert(MediaObject(serverManagerCreatedAt: configuration.wallClock()))
    }

    /// A client connected. `send` delivers one text frame; it is called for one frame at a time, in order.
    public func connectionOpened(send: @escaping @Sendable (String) async -> Void) -> ConnectionID {
        connectionsOpened += 1
        let id = ConnectionID(rawValue: connectionsOpened)
        connections[id] = Connection(id: id, send: send)
        return id
    }

    /// Handles one text frame and returns once its reply was handed to `send`. Frames given while an
    /// earlier one of the same connection is being handled wait for it.
    public func receive(_ text: String, on id: ConnectionID) async {
        guard let connection = connections[id] else { return }
        await connection.gate.enter()
        if !connection.isClosed { await handle(text, on: connection) }
        connection.gate.leave()
        await drain(connection)
    }

    /// The client went away. Its session keeps its objects until the garbage collector's turn.
    public func connectionClosed(_ id: ConnectionID) async {
        guard let connection = connections.removeValue(forKey: id) else { return }
        let unsent = connection.unsentEvents
        connection.close()
        guard let session = connection.session else { return }
        // They come with the session's next connection.
        if sessions.connection(of: session) == id { for event in unsent { store(event, for: session) } }
        sessions.unbind(session, from: id)
    }

    /// Collects garbage every period, and keeps what is kept, until its task is cancelled.
    public func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.collectPeriodically() }
            if let memory {
                group.addTask {
                    await memory.onWanted { [weak self] record in await self?.giveUp(record) }
                    await memory.onLapse { [weak self] in await self?.checkRecords() }
                    await self.refreshRecords()
                }
            }
        }
    }

    private func collectPeriodically() async {
        while !Task.isCancelled {
            let period = max(configuration.garbageCollectorPeriod.nanoseconds, Interval.seconds(1).nanoseconds)
            do { try await Task.sleep(for: .nanoseconds(period)) } catch { return }
            await collectGarbage()
        }
    }

    /// Releases every pipeline, for an orderly stop.
    public func releaseAll() async {
        for pipeline in objects.pipelines { await release(pipeline) }
    }

    public var statistics: ServerStatistics {
        var gauges = counters
        gauges.connections = connections.count
        gauges.sessions = sessions.count
        gauges.pipelines = objects.pipelines.count
        gauges.endpoints = objects.endpointCount
        gauges.objects = objects.count
        gauges.transcoders = objects.pipelines.reduce(0) { $0 + ($1.pipeline?.transcoders.count ?? 0) }
        return gauges
    }
}
