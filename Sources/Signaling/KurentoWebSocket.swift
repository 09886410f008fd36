public import Kurento
public import Logging

/// Carries the Kurento protocol: one text message is one JSON-RPC frame, either way.
public struct KurentoWebSocket: WebSocketHandler {
    private let server: MediaServer

    public init(server: MediaServer) {
        self.server = server
    }

    public func opened(_ connection: WebSocketConnection) async -> any WebSocketSession {
        // `send` only queues, so a client that reads slowly never holds up the engine.
        let id = await server.connectionOpened { text in connection.send(text) }
        return Client(server: server, id: id)
    }

    private struct Client: WebSocketSession {
        let server: MediaServer
        let id: ConnectionID

        func text(_ text: String) async { await server.receive(text, on: id) }
        func closed() async { await server.connectionClosed(id) }
    }
}

extension KurentoStatus {
    /// What the engine counts, in the form of status and metrics.
    public init(_ statistics: ServerStatistics) {
        self.init()
        connections = statistics.connections
        sessions = statistics.sessions
        pipelines = statistics.pipelines
        endpoints = statistics.endpoints
        objects = statistics.objects
        transcoders = statistics.transcoders
        events = statistics.events
        droppedEvents = statistics.droppedEvents
        requests = [
            RequestCount(method: "all", result: "ok", count: statistics.requests &- statistics.errors),
            RequestCount(method: "all", result: "error", count: statistics.errors),
        ]
    }
}

extension SignalingServer {
    /// Serves the Kurento protocol at ``SignalingConfiguration/kurentoPath``, beside page and status.
    public convenience init(
        configuration: SignalingConfiguration, kurento: MediaServer, status: any StatusSource, logger: Logger
    ) throws {
        try self.init(
            configuration: configuration, webSockets: [configuration.kurentoPath: KurentoWebSocket(server: kurento)],
            status: status, logger: logger)
    }
}
