import ICE
import Testing
import Wire

struct ResumeTests {
    private let start = Instant.origin + .seconds(100)

    /// An agent that goes on from a consent given at ``start``, until `end`; what it sends, and when.
    private func life(from begin: Instant, to end: Instant, seed: UInt64) -> [Instant] {
        let remains = AgentRemains(
            remote: Credentials(ufrag: "abcd", password: "abcdefghijklmnopqrstuvwx"), remoteIsLite: false,
            isControlling: false, selectedTuple: Tuple(socket: 0, remote: Network.clientAddress), consented: start)
        var agent = Agent(
            configuration: AgentConfiguration(
                local: Credentials(ufrag: "efgh", password: "ABCDEFGHIJKLMNOPQRSTUVWX"),
                localCandidates: [.host(address: Network.serverAddress, socket: 0)]),
            resuming: remains, random: SeededRandom(seed: seed), now: begin)
        var sent: [Instant] = []
        var now = begin
        while now < end {
            now = now + .milliseconds(20)
            agent.advance(to: now)
            while agent.nextTransmit() != nil { sent.append(now) }
        }
        return sent
    }

    @Test(arguments: 1...20) func agentsThatEndOneAfterTheOtherDoNotLetConsentRunOut(seed: UInt64) {
        // None lives as long as the time between two checks.
        let sent = (Int64(0)..<4).flatMap { number in
            let begin = start + .seconds(2 * number)
            return life(from: begin, to: begin + .seconds(2), seed: seed)
        }
        #expect(!sent.isEmpty)
    }

    @Test func manyPeersAreNotAllAskedAtOnce() {
        let first = (1...50).compactMap { life(from: start + .seconds(20), to: start + .seconds(22), seed: $0).first }
        #expect(first.count == 50)
        #expect(Set(first).count > 15, "spread over half a second, in steps of 20 ms")
    }

    @Test(arguments: 1...20) func aConsentThatIsFreshIsNotAskedForAgain(seed: UInt64) {
        #expect(life(from: start + .milliseconds(100), to: start + .milliseconds(3900), seed: seed).isEmpty)
    }
}
