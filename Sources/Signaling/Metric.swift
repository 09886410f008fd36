/// Every metric of `/metrics`: the one table of names, kinds and meanings.
enum Metric: String, CaseIterable, Sendable {
    case build = "apus_build_info"
    case uptime = "apus_uptime_seconds"
    case kurentoSessions = "apus_kurento_sessions"
    case kurentoPipelines = "apus_kurento_pipelines"
    case kurentoConnections = "apus_kurento_connections"
    case kurentoEndpoints = "apus_kurento_endpoints"
    case kurentoObjects = "apus_kurento_objects"
    case kurentoEvents = "apus_kurento_events_total"
    case kurentoDroppedEvents = "apus_kurento_dropped_events_total"
    case kurentoRequests = "apus_kurento_requests_total"
    case whipRooms = "apus_whip_rooms"
    case whipResources = "apus_whip_resources"
    case whipConnected = "apus_whip_connected_resources"
    case whipRequests = "apus_whip_requests_total"
    case connections = "apus_signaling_connections"
    case webSockets = "apus_signaling_websockets"
    case connectionsAccepted = "apus_signaling_connections_accepted_total"
    case connectionsRefused = "apus_signaling_connections_refused_total"
    case connectionsTooSlow = "apus_signaling_connections_too_slow_total"
    case workerUp = "apus_worker_up"
    case workerSessions = "apus_worker_sessions"
    case workerAssignedSessions = "apus_worker_assigned_sessions"
    case workerSessionLimit = "apus_worker_session_limit"
    case workerEndpoints = "apus_worker_endpoints"
    case workerCPU = "apus_worker_cpu_cores"
    case workerMemory = "apus_worker_memory_bytes"
    case workerPacketsReceived = "apus_worker_received_packets_per_second"
    case workerPacketsSent = "apus_worker_sent_packets_per_second"
    case workerBitsReceived = "apus_worker_received_bits_per_second"
    case workerBitsSent = "apus_worker_sent_bits_per_second"
    case workerDrops = "apus_worker_dropped_packets_total"

    enum Kind: String { case counter, gauge }

    var name: String { rawValue }

    /// Names of counters end in `_total`, as Prometheus wants it.
    var kind: Kind { rawValue.hasSuffix("_total") ? .counter : .gauge }

    var help: String {
        switch self {
        case .build: "Always 1; the labels tell cluster and version."
        case .uptime: "Seconds since the controller started."
        case .kurentoSessions: "Kurento protocol sessions."
        case .kurentoPipelines: "Media pipelines."
        case .kurentoConnections: "Connections that speak the Kurento protocol."
        case .kurentoEndpoints: "Endpoints with a peer transport, of all pipelines."
        case .kurentoObjects: "Objects of all kinds that clients can name."
        case .kurentoEvents: "Events handed to connections."
        case .kurentoDroppedEvents: "Events dropped because the client did not read."
        case .kurentoRequests: "Kurento requests answered, by method and result."
        case .whipRooms: "Rooms with a WHIP publisher or a WHEP player."
        case .whipResources: "WHIP publishers and WHEP players, by kind."
        case .whipConnected: "Those of them with a working path."
        case .whipRequests: "WHIP and WHEP requests answered, by endpoint, method and status."
        case .connections: "Open TCP connections of this process."
        case .webSockets: "Open WebSockets of this process."
        case .connectionsAccepted: "TCP connections accepted."
        case .connectionsRefused: "TCP connections closed at once because a limit was reached."
        case .connectionsTooSlow: "WebSockets closed because the client did not read."
        case .workerUp: "1 while the worker's heartbeat arrives, else 0."
        case .workerSessions: "Sessions that the worker reports."
        case .workerAssignedSessions: "Sessions assigned to the worker, reported or not."
        case .workerSessionLimit: "Sessions that the worker takes at most."
        case .workerEndpoints: "Peer transports on the worker."
        case .workerCPU: "Processor cores in use by the worker."
        case .workerMemory: "Resident memory of the worker."
        case .workerPacketsReceived: "Packets per second from peers."
        case .workerPacketsSent: "Packets per second to peers."
        case .workerBitsReceived: "Bits per second from peers."
        case .workerBitsSent: "Bits per second to peers."
        case .workerDrops: "Packets dropped, by reason."
        }
    }
}
