import ICE
import STUN
import Testing
import Wire

/// A controlled full server and a peer whose every packet the test writes.
struct NominationTests {
    static let key = "server-password-aaaaaaa"
    static let peer = Credentials(ufrag: "cli", password: "client-password-aaaaaaa")
    static let strong = Tuple(socket: 0, remote: address("203.0.113.1", 1))
    static let weak = Tuple(socket: 0, remote: address("203.0.113.2", 2))

    var now = Instant(nanoseconds: 1_000_000_000)
    var agent: Agent

    init() {
        agent = Agent(
            configuration: AgentConfiguration(
                local: Credentials(ufrag: "serv", password: Self.key),
                localCandidates: [.host(address: Network.serverAddress, socket: 0)]),
            random: SeededRandom(seed: 5), now: now)
        agent.setRemote(Self.peer, now: now)
    }

    /// The peer's check from `tuple`; then time passes, and it answers every check of ours there.
    mutating func check(_ tuple: Tuple, nominates: Bool, priority: UInt32, answers: Bool = true) throws {
        let request = makeCheck(username: "serv:cli", key: Self.key, nominates: nominates, priority: priority)
        try agent.take(request, from: tuple, now: now)
        for _ in 0..<20 {
            for sent in agent.allTransmits() where answers { try answer(sent) }
            now = now + .milliseconds(10)
            if agent.deadline <= now { agent.advance(to: now) }
        }
    }

    mutating func answer(_ sent: Transmit) throws {
        guard read(sent.bytes, key: Self.peer.password)?.isRequest == true else { return }
        let id = TransactionID(
            high: sent.bytes[8..<12].reduce(0) { $0 << 8 | UInt32($1) },
            low: sent.bytes[12..<20].reduce(0) { $0 << 8 | UInt64($1) })
        var builder = MessageBuilder(MessageType(.success), transactionID: id)
        builder.addXORMappedAddress(Network.serverAddress)
        try agent.take(builder.finish(key: Array(Self.peer.password.utf8)), from: sent.tuple, now: now)
    }

    @Test mutating func ofAnAggressiveNominatorsPairsTheBestIsTaken() throws {
        try check(Self.strong, nominates: true, priority: 2000)
        #expect(agent.state == .completed)
        try check(Self.weak, nominates: true, priority: 1000)
        #expect(agent.selectedTuple == Self.strong)
    }

    @Test mutating func aLaterNominationOfAWorkingPairIsFollowed() throws {
        try check(Self.strong, nominates: true, priority: 2000)
        try check(Self.weak, nominates: false, priority: 1000)
        #expect(agent.selectedTuple == Self.strong)
        now = now + .seconds(3)
        try check(Self.weak, nominates: true, priority: 1000)
        #expect(agent.selectedTuple == Self.weak)
        #expect(agent.state == .completed)
    }

    @Test mutating func aNominationThatOurCheckDoesNotConfirmIsNotFollowed() throws {
        try check(Self.strong, nominates: true, priority: 2000)
        now = now + .seconds(3)
        try check(Self.weak, nominates: true, priority: 5000, answers: false)
        #expect(agent.selectedTuple == Self.strong)
        #expect(agent.isValidated(Self.weak))
    }

    /// Time passes; the peer answers only on `tuple`.
    mutating func pass(_ interval: Interval, answeringOn tuple: Tuple) throws {
        let end = now + interval
        while now < end {
            now = now + .milliseconds(10)
            if agent.deadline <= now { agent.advance(to: now) }
            for sent in agent.allTransmits() where sent.tuple == tuple { try answer(sent) }
        }
    }

    /// Every copy of our check was lost while the peer's came through: the next of the peer's is a new start.
    @Test mutating func aNominationIsConfirmedThoughOurCheckHadSpentItsCopies() throws {
        try check(Self.strong, nominates: true, priority: 2000)
        try pass(.seconds(3), answeringOn: Self.strong)
        try check(Self.weak, nominates: false, priority: 5000, answers: false)
        try pass(.milliseconds(7_200), answeringOn: Self.strong)
        try check(Self.weak, nominates: true, priority: 5000)
        #expect(agent.selectedTuple == Self.weak)
        #expect(agent.state == .completed)
    }

    @Test mutating func aNominationOutlivesTheFailureOfOurCheck() throws {
        try check(Self.strong, nominates: true, priority: 2000)
        try pass(.seconds(3), answeringOn: Self.strong)
        try check(Self.weak, nominates: true, priority: 5000, answers: false)
        try pass(.seconds(12), answeringOn: Self.strong)
        #expect(agent.selectedTuple == Self.strong)
        try check(Self.weak, nominates: false, priority: 5000)
        #expect(agent.selectedTuple == Self.weak)
    }

    @Test mutating func aNominationThatFailedEndsWithTheNext() throws {
        let third = Tuple(socket: 0, remote: address("203.0.113.3", 3))
        try check(Self.strong, nominates: true, priority: 2000)
        try pass(.seconds(3), answeringOn: Self.strong)
        try check(Self.weak, nominates: true, priority: 5000, answers: false)
        try pass(.seconds(12), answeringOn: Self.strong)
        try check(third, nominates: true, priority: 1000)
        try pass(.seconds(3), answeringOn: third)
        try check(Self.weak, nominates: false, priority: 5000)
        #expect(agent.selectedTuple == third)
    }

    @Test mutating func nothingCountsAfterConsentExpired() throws {
        try check(Self.strong, nominates: true, priority: 2000)
        while agent.state != .failed {
            now = max(now, agent.deadline)
            agent.advance(to: now)
            _ = agent.allTransmits()
        }
        let request = makeCheck(username: "serv:cli", key: Self.key, nominates: true)
        #expect(throws: DropReason.consentExpired) { try agent.take(request, from: Self.strong, now: now) }
        #expect(agent.allTransmits().isEmpty)
        #expect(agent.selectedTuple == nil && !agent.isValidated(Self.strong))
    }

    @Test mutating func newChecksArePaced() {
        for host in 1...30 {
            agent.addRemoteCandidate("candidate:\(host) 1 udp 9 198.51.100.\(host) 9 typ host", now: now)
        }
        var firsts: Set<Tuple> = []
        let start = now
        while agent.deadline <= start + .milliseconds(500) {
            for sent in agent.allTransmits() { firsts.insert(sent.tuple) }
            agent.advance(to: agent.deadline)
        }
        for sent in agent.allTransmits() { firsts.insert(sent.tuple) }
        #expect(firsts.count == 11)
    }

    @Test("STUN/ICE 7: equal tie-breakers part after one conflict") mutating func equalTieBreakersPartAfterOneConflict()
        throws
    {
        func tieBreaker(_ bytes: [UInt8]) -> UInt64? {
            guard let message = try? Message(parsing: bytes.span.bytes) else { return nil }
            return message.controlledTieBreaker ?? message.controllingTieBreaker
        }
        agent.addRemoteCandidate("candidate:1 1 udp 1 203.0.113.1 1 typ host", now: now)
        let first = agent.allTransmits()[0].bytes
        let id = TransactionID(
            high: first[8..<12].reduce(0) { $0 << 8 | UInt32($1) },
            low: first[12..<20].reduce(0) { $0 << 8 | UInt64($1) })
        var builder = MessageBuilder(MessageType(.error), transactionID: id)
        builder.addErrorCode(.roleConflict)
        try agent.take(builder.finish(key: Array(Self.peer.password.utf8)), from: Self.strong, now: now)
        now = now + .milliseconds(50)
        agent.advance(to: now)
        let second = agent.allTransmits()
        #expect(agent.isControlling)
        #expect(second.count == 1)
        #expect(tieBreaker(second[0].bytes) != nil && tieBreaker(second[0].bytes) != tieBreaker(first))
    }
}
