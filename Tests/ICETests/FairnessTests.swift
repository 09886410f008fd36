import STUN
import Testing
import Wire

@testable import ICE

/// Many addresses of two families (RFC 8421).
@Suite struct FairnessTests {
    private static func ranks(_ texts: String) -> [UInt8] {
        Candidate.ranks(of: texts.split(separator: " ").compactMap { IPAddress($0) })
    }

    @Test func familiesTakeTurnsAndIPv6IsFirst() {
        #expect(Self.ranks("192.0.2.1 192.0.2.2 2001:db8::1 2001:db8::2") == [1, 3, 0, 2])
        #expect(Self.ranks("2001:db8::1 2001:db8::2 2001:db8::3 2001:db8::4 192.0.2.1") == [0, 2, 3, 4, 1])
        #expect(Self.ranks("192.0.2.1 192.0.2.2 192.0.2.3 2001:db8::1") == [1, 2, 3, 0])
        #expect(Self.ranks("192.0.2.1 192.0.2.2") == [0, 1])
        #expect(Self.ranks("") == [])
    }

    @Test func loopbackIsLastWhateverItsFamily() {
        #expect(Self.ranks("127.0.0.1 ::1 192.0.2.1 2001:db8::1") == [2, 3, 1, 0])
    }

    @Test func theRankIsInThePriorityAndInWhatBasesOnTheCandidate() throws {
        let addresses = [address("192.0.2.1", 1), address("2001:db8::1", 1), address("2001:db8::2", 1)]
        for transport in [CandidateTransport.udp, .tcpPassive, .tcpActive] {
            let hosts = Candidate.hosts(addresses, firstSocket: 3, transport: transport)
            #expect(hosts.map(\.rank) == [1, 0, 2])
            #expect(hosts.map(\.foundation) == ["4", "5", "6"])
            #expect(hosts[1].priority > hosts[0].priority && hosts[0].priority > hosts[2].priority)
        }
        var agent = Agent(
            configuration: AgentConfiguration(
                local: Credentials(ufrag: "abcd", password: "abcdabcdabcdabcdabcdabcd"),
                localCandidates: Candidate.hosts(addresses)),
            random: SeededRandom(seed: 1), now: Instant(nanoseconds: 1))
        let seen = agent.addServerReflexive(address("198.51.100.1", 9), socket: 0)
        #expect(seen?.priority == Candidate.priority(of: .serverReflexive, rank: 1))
        let check = agent.makeRequest(TransactionID(random: &agent.random), socket: 0, nominates: false)
        let message = try Message(parsing: check.span.bytes)
        #expect(message.priority == Candidate.priority(of: .peerReflexive, rank: 1))
    }

    /// Four IPv6 addresses and one of IPv4 at either end make sixteen pairs and one: that one is the second to be tried.
    @Test func theCheckListFollows() {
        let sockets = (1...4).map { address("2001:db8::\($0)", 1) } + [address("192.0.2.1", 1)]
        var agent = Agent(
            configuration: AgentConfiguration(
                local: Credentials(ufrag: "abcd", password: "abcdabcdabcdabcdabcdabcd"), isControlling: true,
                localCandidates: Candidate.hosts(sockets)),
            random: SeededRandom(seed: 1), now: Instant(nanoseconds: 1))
        var now = Instant(nanoseconds: 1)
        agent.setRemote(Credentials(ufrag: "efgh", password: "efghefghefghefghefghefgh"), now: now)
        for candidate in Candidate.hosts((11...14).map { address("2001:db8::\($0)", 1) } + [address("192.0.2.2", 1)]) {
            agent.add(candidate, now: now)
        }
        var tried: [Bool] = []
        var seen: [Tuple] = []
        while seen.count < 17, now < Instant(nanoseconds: 5_000_000_000) {
            while let transmit = agent.nextTransmit() {
                guard !seen.contains(transmit.tuple) else { continue }
                seen.append(transmit.tuple)
                tried.append(transmit.tuple.remote.ip.isIPv4)
            }
            now = now + .milliseconds(10)
            agent.advance(to: now)
        }
        #expect(seen.count == 17)
        #expect(tried.firstIndex(of: true) == 1)
    }
}
