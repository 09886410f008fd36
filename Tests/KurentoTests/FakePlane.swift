import Session

/// A media plane that does nothing, remembers what it was asked and says what it is told to.
actor FakePlane: MediaPlane {
    private(set) var operations: [Operation] = []
    private(set) var opened: [SessionID] = []
    private(set) var closed: [SessionID] = []
    private var receivers: [SessionID: @Sendable (SessionEvent) async -> Void] = [:]
    private var refusals: [Refusal] = []
    private var openRefusal: Refusal?
    private var blocked: [CheckedContinuation<Void, Never>] = []
    private var blocks = false
    private var blockWaiters: [CheckedContinuation<Void, Never>] = []
    var statistics = EndpointStatistics()
    var element = ElementStatus()

    func open(_ session: SessionID) async throws(Refusal) -> WorkerID {
        if let openRefusal { throw openRefusal }
        opened.append(session)
        return WorkerID("w1")
    }

    func perform(_ operation: Operation, in session: SessionID) async throws(Refusal) -> Outcome {
        operations.append(operation)
        if blocks {
            for waiter in blockWaiters { waiter.resume() }
            blockWaiters = []
            await withCheckedContinuation { blocked.append($0) }
        }
        if !refusals.isEmpty { throw refusals.removeFirst() }
        switch operation {
        case .openEndpoint:
            return .opened(
                OpenedEndpoint(
                    candidates: [
                        "candidate:1 1 udp 2130706431 192.0.2.1 40000 typ host",
                        "candidate:2 1 udp 2130706430 2001:db8::1 40000 typ host",
                    ],
                    fingerprint: CertificateFingerprint(
                        algorithm: "sha-256", value: Array(repeating: "AB", count: 32).joined(separator: ":"))))
        case .readStatistics: return .statistics(statistics)
        case .openElement: return .openedElement([])
        case .openPlain:
            return .openedPlain(OpenedPlain(address: "192.0.2.1", audioPort: 40_200, videoPort: 40_202))
        case .readElement: return .element(element)
        default: return .done
        }
    }

    func close(_ session: SessionID) async {
        closed.append(session)
        receivers[session] = nil
    }

    func owner(of session: SessionID) async -> WorkerID? { WorkerID("w1") }

    func subscribe(to session: SessionID, _ receive: @escaping @Sendable (SessionEvent) async -> Void) async {
        receivers[session] = receive
    }

    func workers() async -> [WorkerStatus] { [] }

    func emit(_ body: SessionEvent.Body, in session: SessionID? = nil, at position: String? = nil) async {
        guard let session = session ?? opened.last, let receive = receivers[session] else { return }
        await receive(SessionEvent(session: session, body: body, position: position))
    }

    // Taking over

    private var adopts = false
    private(set) var adoptedAfter: [String?] = []
    private(set) var disowned: [SessionID] = []

    func allowAdoption() { adopts = true }

    func adopt(_ session: SessionID, after position: String?) async throws(Refusal) {
        guard adopts else { throw Refusal(.notFound, "gone") }
        adoptedAfter.append(position)
    }

    func disown(_ session: SessionID) async { disowned.append(session) }

    func refuseNext(_ refusal: Refusal) { refusals.append(refusal) }
    func refuseSessions(_ refusal: Refusal?) { openRefusal = refusal }
    func set(_ statistics: EndpointStatistics) { self.statistics = statistics }
    func set(_ element: ElementStatus) { self.element = element }
    func forgetOperations() { operations = [] }

    func block() { blocks = true }

    /// Returns once an operation hangs.
    func waitUntilBlocked() async {
        if blocked.isEmpty { await withCheckedContinuation { blockWaiters.append($0) } }
    }

    func unblock() {
        blocks = false
        for continuation in blocked { continuation.resume() }
        blocked = []
    }

    var routes: [String] {
        operations.compactMap { operation in
            switch operation {
            case .connect(let route): "connect \(route.kind) \(route.source) > \(route.sink)"
            case .disconnect(let route): "disconnect \(route.kind) \(route.source) > \(route.sink)"
            default: nil
            }
        }
    }
}
