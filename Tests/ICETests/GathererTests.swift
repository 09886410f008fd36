import STUN
import Testing
import Wire

@testable import ICE

/// Server-reflexive candidates: how they are found, and what they make of a pair.
@Suite struct GathererTests {
    private let locals = [
        SocketAddress(ip: IPAddress("192.168.1.2")!, port: 5000),
        SocketAddress(ip: IPAddress("2001:db8::2")!, port: 5001),
    ]
    private let server = SocketAddress(ip: IPAddress("203.0.113.1")!, port: 3478)
    private let mapped = SocketAddress(ip: IPAddress("198.51.100.1")!, port: 7000)
    private let start = Instant(nanoseconds: 1_000_000_000)

    private func gatherer(servers: Int = 1) -> Gatherer {
        let servers = (0..<UInt16(servers)).map { SocketAddress(ip: server.ip, port: server.port + $0) }
        return Gatherer(sockets: locals, servers: servers, random: SeededRandom(seed: 1), now: start)
    }

    private func answer(_ transmit: Transmit) throws -> [UInt8] {
        try BindingServer(endpoints: [server]).answer(transmit.bytes.span.bytes, from: mapped, at: 0).bytes
    }

    @Test func eachSocketAsksTheServersOfItsFamilyAndTakesTheirAnswerOnly() throws {
        var gatherer = gatherer()
        let first = gatherer.nextTransmit()
        let transmit = try #require(first)
        #expect(transmit.tuple == Tuple(socket: 0, remote: server))
        #expect(gatherer.nextTransmit() == nil, "an IPv6 socket has nobody to ask")
        let bytes = try answer(transmit)
        let elsewhere = Tuple(socket: 0, remote: SocketAddress(ip: server.ip, port: 9))
        #expect(gatherer.receive(bytes.span.bytes, from: elsewhere) == nil)
        let found = gatherer.receive(bytes.span.bytes, from: transmit.tuple)
        #expect(found == Gatherer.Found(socket: 0, mapped: mapped, server: server))
        #expect(gatherer.receive(bytes.span.bytes, from: transmit.tuple) == nil)
        #expect(gatherer.isFinished && gatherer.deadline == .distantFuture)
    }

    @Test func requestsArePacedSentAgainAndGivenUp() {
        var gatherer = gatherer(servers: 3)
        var times: [Interval] = []
        var now = start
        while true {
            while gatherer.nextTransmit() != nil { times.append(now - start) }
            guard gatherer.deadline != .distantFuture else { break }
            now = gatherer.deadline
            gatherer.advance(to: now)
        }
        #expect(times.count == 3 * Limits.gatheringSends)
        #expect(times.prefix(3) == [.zero, .milliseconds(50), .milliseconds(100)])
        #expect(gatherer.isFinished && now - start < .seconds(20))
    }

    @Test func theLocalCandidateOfAPairIsWhatThePeerSaw() throws {
        let local = Candidate.host(address: locals[0], socket: 0)
        var agent = Agent(
            configuration: AgentConfiguration(
                local: Credentials(ufrag: "left", password: "leftleftleftleftleftleft"), isControlling: true,
                localCandidates: [local]), random: SeededRandom(seed: 1), now: start)
        #expect(agent.addServerReflexive(locals[0], socket: 0) == nil, "that is the host candidate")
        let added = agent.addServerReflexive(mapped, socket: 0)
        let reflexive = try #require(added)
        #expect(reflexive.kind == .serverReflexive && reflexive.related == locals[0] && reflexive.address == mapped)
        #expect(agent.addServerReflexive(mapped, socket: 0) == nil)
        let tuple = Tuple(socket: 0, remote: server)
        var pair = CandidatePair(
            tuple: tuple, local: local, remote: .host(address: server, socket: 0), isControlling: true)
        #expect(agent.localCandidate(of: pair) == local)
        pair.mapped = locals[0]
        #expect(agent.localCandidate(of: pair) == local)
        pair.mapped = mapped
        #expect(agent.localCandidate(of: pair) == reflexive)
        pair.mapped = SocketAddress(ip: mapped.ip, port: 7001)
        #expect(agent.localCandidate(of: pair).kind == .peerReflexive)
    }
}
