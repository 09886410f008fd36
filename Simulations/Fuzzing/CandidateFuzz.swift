import ICE
import Wire

/// Candidate lines: parsing, writing what was parsed, and a trickle of them into an agent.
public enum CandidateFuzz {
    public static func run(_ input: RawSpan) {
        let text = String(decoding: input.copied(), as: UTF8.self)
        let now = Instant(nanoseconds: 1)
        let credentials = Credentials(ufrag: "fuzz", password: "fuzz-password-aaaaaaaaaa")
        let local = SocketAddress(ip: IPAddress(ipv4: 0xC000_0201), port: 40000)
        var agent = Agent(
            configuration: AgentConfiguration(
                local: credentials, localCandidates: [.host(address: local, socket: 0)]),
            random: SeededRandom(seed: 1), now: now)
        agent.setRemote(credentials, now: now)
        for line in text.split(separator: "\n", maxSplits: 64) {
            agent.addRemoteCandidate(String(line), now: now)
            guard let candidate = try? Candidate(sdp: String(line)), candidate.sdp.utf8.count < 500 else { continue }
            precondition((try? Candidate(sdp: candidate.sdp)) == candidate, "a written candidate reads back")
        }
        while agent.nextTransmit() != nil {}
        agent.advance(to: now + .seconds(40))
    }
}
