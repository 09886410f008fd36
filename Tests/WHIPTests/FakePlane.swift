import Logging
import Session

@testable import WHIP

/// A media plane that does nothing, remembers what it was asked and says what it is told to.
actor FakePlane: MediaPlane {
    private(set) var operations: [Operation] = []
    private(set) var opened: [SessionID] = []
    private(set) var closed: [SessionID] = []
    private var receivers: [SessionID: @Sendable (SessionEvent) async -> Void] = [:]
    private var openRefusal: Refusal?
    private var refusal: (@Sendable (Operation) -> Refusal?)?

    func open(_ session: SessionID) async throws(Refusal) -> WorkerID {
        await Task.yield()
        if let openRefusal { throw openRefusal }
        opened.append(session)
        return WorkerID("w1")
    }

    func perform(_ operation: Operation, in session: SessionID) async throws(Refusal) -> Outcome {
        await Task.yield()
        if let refusal = refusal?(operation) { throw refusal }
        operations.append(operation)
        guard case .openEndpoint = operation else { return .done }
        return .opened(
            OpenedEndpoint(
                candidates: ["candidate:1 1 udp 2130706431 192.0.2.1 40000 typ host"],
                fingerprint: CertificateFingerprint(
                    algorithm: "sha-256", value: Array(repeating: "AB", count: 32).joined(separator: ":"))))
    }

    func close(_ session: SessionID) async {
        await Task.yield()
        closed.append(session)
        receivers[session] = nil
    }

    func owner(of session: SessionID) async -> WorkerID? { WorkerID("w1") }

    func subscribe(to session: SessionID, _ receive: @escaping @Sendable (SessionEvent) async -> Void) async {
        receivers[session] = receive
    }

    func workers() async -> [WorkerStatus] { [] }

    func emit(_ body: SessionEvent.Body, room: String = "lobby") async {
        let session = SessionID("room:" + room)
        await receivers[session]?(SessionEvent(session: session, body: body))
    }

    // Taking over

    private(set) var adopted: [SessionID] = []
    private(set) var disowned: [SessionID] = []

    func adopt(_ session: SessionID, after position: String?) async throws(Refusal) { adopted.append(session) }
    func disown(_ session: SessionID) async { disowned.append(session) }

    func refuseSessions(_ refusal: Refusal?) { openRefusal = refusal }
    func refuse(_ refusal: (@Sendable (Operation) -> Refusal?)?) { self.refusal = refusal }
    func forgetOperations() { operations = [] }

    /// Endpoints in the order in which they were opened.
    var endpoints: [EndpointID] {
        operations.compactMap { if case .openEndpoint(let id, _) = $0 { id } else { nil } }
    }

    var negotiated: [NegotiatedEndpoint] {
        operations.compactMap { if case .negotiateEndpoint(_, let negotiated) = $0 { negotiated } else { nil } }
    }

    var selections: [LayerSelection] {
        operations.compactMap { if case .selectLayers(_, let selection) = $0 { selection } else { nil } }
    }

    /// Routes that stand, as the worker would have them.
    var routes: Set<Route> {
        var specification = SessionSpecification()
        for operation in operations { specification.apply(operation) }
        return Set(specification.routes)
    }
}

/// A gateway over a fake plane, and what a client of it does.
struct Stage {
    let plane = FakePlane()
    let gateway: Gateway

    init(memory: FakeMemory? = nil, _ change: (inout GatewayConfiguration) -> Void = { _ in }) {
        var configuration = GatewayConfiguration()
        change(&configuration)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        gateway = Gateway(plane: plane, memory: memory, configuration: configuration, logger: logger)
    }

    func post(_ path: String, _ offer: String, token: String? = nil) async -> GatewayResponse {
        let (path, query) = Self.split(path)
        return await gateway.respond(
            to: GatewayRequest(
                method: "POST", path: path, query: query, contentType: "application/sdp",
                authorization: token.map { "Bearer \($0)" }, body: offer))
    }

    func patch(_ path: String?, _ body: String, ifMatch: String?) async -> GatewayResponse {
        await gateway.respond(
            to: GatewayRequest(
                method: "PATCH", path: Self.split(path ?? "").path, contentType: "application/trickle-ice-sdpfrag",
                ifMatch: ifMatch, body: body))
    }

    func delete(_ path: String?) async -> GatewayResponse {
        await gateway.respond(to: GatewayRequest(method: "DELETE", path: Self.split(path ?? "").path))
    }

    func layers(_ path: String?, _ json: String? = nil) async -> GatewayResponse {
        await gateway.respond(
            to: GatewayRequest(
                method: json == nil ? "GET" : "POST", path: Self.split((path ?? "") + "/layer").path,
                contentType: "application/json", body: json ?? ""))
    }

    /// Until the gateway's own work that nobody waits for is done.
    func eventually(_ condition: () async -> Bool) async -> Bool {
        for _ in 0..<2_000 {
            if await condition() { return true }
            await Task.yield()
        }
        return false
    }

    private static func split(_ target: String) -> (path: [String], query: [String: String]) {
        let parts = target.split(separator: "?")
        var query: [String: String] = [:]
        for pair in parts.dropFirst().first?.split(separator: "&") ?? [] {
            let sides = pair.split(separator: "=")
            query[String(sides[0])] = String(sides.last ?? "")
        }
        return ((parts.first ?? "").split(separator: "/").map(String.init), query)
    }
}

extension GatewayResponse {
    subscript(name: String) -> String? { headers.first { $0.name == name }?.value }
}
