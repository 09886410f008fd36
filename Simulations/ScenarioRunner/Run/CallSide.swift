public import ICE
import STUN
public import Simulator
public import Wire

/// One end of a call in a run: its agent, and what was seen of it from outside.
public final class CallSide {
    public let call: Int
    /// Its machine, and then the further links of that.
    public let hosts: [Int]
    public let isLite: Bool
    /// Local addresses, by socket.
    public let sockets: [SocketAddress]
    public let peer: PeerProcess
    let process: HostProcess
    /// When its agent's state changed, and into what.
    public internal(set) var states: [(time: Instant, state: AgentState)] = []
    /// When its path changed.
    public internal(set) var selections: [(time: Instant, kinds: PairKinds?, remote: SocketAddress?)] = []
    /// The last answer that it may believe, and when the request for it left, by path.
    public internal(set) var lastAnswer: [Tuple: (received: Instant, asked: Instant)] = [:]
    /// The last authentic request from the other side, by path.
    public internal(set) var lastRequest: [Tuple: Instant] = [:]
    /// Requests that wait for an answer, oldest first.
    private var questions: [(id: TransactionID, tuple: Tuple, sent: Instant)] = []
    private var lastTuple: Tuple?
    /// Error answers 487 that it got.
    public internal(set) var roleConflicts = 0

    public var host: Int { hosts[0] }

    init(call: Int, hosts: [Int], isLite: Bool, sockets: [SocketAddress], peer: PeerProcess, process: HostProcess) {
        self.call = call
        self.hosts = hosts
        self.isLite = isLite
        self.sockets = sockets
        self.peer = peer
        self.process = process
    }

    public var agent: Agent { peer.agent }

    /// Whether the last answer on its path, or for a lite agent the last request, is not older than an instant.
    func isHeard(since instant: Instant) -> Bool {
        guard let tuple = agent.selectedTuple else { return false }
        // Inside of a relay's messages answers are not seen: what its agent says must do.
        if self.tuple(tuple) == nil { return agent.state == .completed || agent.state == .connected }
        if isLite { return lastRequest[tuple].map { $0 >= instant } ?? false }
        return lastAnswer[tuple].map { $0.asked >= instant } ?? false
    }

    /// Whose address it sends from; nil through a relay or without a path.
    func leavesFrom(_ addresses: [[IPAddress]]) -> Int? {
        guard let tuple = agent.selectedTuple.flatMap({ self.tuple($0) }) else { return nil }
        let ip = sockets[Int(tuple.socket)].ip
        return hosts.first { addresses[$0].contains(ip) }
    }

    /// Neither its own candidate nor the other's is a relay's.
    var isDirect: Bool { kinds.map { $0.local != .relayed && $0.remote != .relayed } ?? false }

    /// A path that leaves from one of its own sockets; nil for one through a relay.
    func tuple(_ tuple: Tuple) -> Tuple? { Int(tuple.socket) < sockets.count ? tuple : nil }

    /// The path of a datagram that it sent or got.
    public func tuple(local: SocketAddress, remote: SocketAddress) -> Tuple? {
        sockets.firstIndex(of: local).map { Tuple(socket: UInt8($0), remote: remote) }
    }

    // MARK: Watching

    /// Remembered paths and questions: more than an agent has, so that none is missed, and bounded.
    private static let remembered = 512

    func sent(_ part: PacketSummary.STUNPart, on tuple: Tuple, _ now: Instant) {
        guard part.type.messageClass == .request else { return }
        guard !questions.contains(where: { $0.id == part.transactionID && $0.tuple == tuple }) else { return }
        if questions.count >= Self.remembered { questions.removeFirst() }
        questions.append((part.transactionID, tuple, now))
    }

    func received(_ part: PacketSummary.STUNPart, _ payload: [UInt8], on tuple: Tuple, _ arrival: Instant) {
        let now = process.readTime(arrival)
        switch part.type.messageClass {
        case .request:
            guard isAuthentic(payload, key: agent.local.password),
                lastRequest[tuple] != nil || lastRequest.count < Self.remembered
            else { return }
            lastRequest[tuple] = now
        case .success:
            guard let index = questions.firstIndex(where: { $0.id == part.transactionID && $0.tuple == tuple }),
                let key = agent.remote?.password, isAuthentic(payload, key: key),
                lastAnswer[tuple] != nil || lastAnswer.count < Self.remembered
            else { return }
            lastAnswer[tuple] = (now, questions[index].sent)
            questions.remove(at: index)
        case .error: if part.errorCode == ErrorCode.roleConflict.rawValue { roleConflicts += 1 }
        case .indication: break
        }
    }

    private func isAuthentic(_ payload: [UInt8], key: String) -> Bool {
        let span = payload.span
        guard let message = try? unsafe Message(parsing: span.bytes) else { return false }
        return message.verifyIntegrity(key: Array(key.utf8))
    }

    /// Notes what is another than before.
    func poll(_ now: Instant) {
        let state = agent.state
        if states.last?.state != state { states.append((now, state)) }
        let tuple = agent.selectedTuple
        guard tuple != lastTuple else { return }
        lastTuple = tuple
        selections.append((now, kinds, tuple?.remote))
    }

    /// Of the path that it has.
    public var kinds: PairKinds? {
        agent.selectedPair.map { PairKinds(local: $0.local.kind, remote: $0.remote.kind) }
    }
}
