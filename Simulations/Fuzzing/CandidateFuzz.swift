import ICE
import Wire

/// Candidate lines: parsing, writing what was parsed, and a trickle of them into an agent; then the input once more as
/// what a TCP connection to it brings (RFC 4571).
public enum CandidateFuzz {
    public static func run(_ input: RawSpan) {
        let text = String(decoding: input.copied(), as: UTF8.self)
        let now = Instant(nanoseconds: 1)
        let credentials = Credentials(ufrag: "fuzz", password: "fuzz-password-aaaaaaaaaa")
        let local = SocketAddress(ip: IPAddress(ipv4: 0xC000_0201), port: 40000)
        var agent = Agent(
            configuration: AgentConfiguration(
                local: credentials,
                localCandidates: [
                    .host(address: local, socket: 0), .host(address: local, socket: 1, transport: .tcpPassive),
                    .host(address: local, socket: 2, transport: .tcpActive),
                ]),
            random: SeededRandom(seed: 1), now: now)
        agent.setRemote(credentials, now: now)
        for line in text.split(separator: "\n", maxSplits: 64) {
            agent.addRemoteCandidate(String(line), now: now)
            guard let candidate = try? Candidate(sdp: String(line)), candidate.sdp.utf8.count < 500 else { continue }
            precondition((try? Candidate(sdp: candidate.sdp)) == candidate, "a written candidate reads back")
        }
        connect(input, to: &agent, now)
        while let transmit = agent.nextTransmit() {
            // Every connection that it opens is refused.
            if transmit.tuple.socket == 2 { agent.streamClosed(transmit.tuple, now: now) }
        }
        agent.advance(to: now + .seconds(40))
    }

    private static func connect(_ input: RawSpan, to agent: inout Agent, _ now: Instant) {
        let tuple = Tuple(socket: 1, remote: SocketAddress(ip: IPAddress(ipv4: 0xC633_6401), port: 5000))
        var stream = FramedStream()
        stream.receive(input.copied())
        while let packet = stream.next() { try? unsafe agent.receive(packet.span.bytes, from: tuple, now: now) }
        precondition(stream.bufferedBytes < FramedStream.headerBytes + FramedStream.longestPacket)
        agent.streamClosed(tuple, now: now)
    }
}
