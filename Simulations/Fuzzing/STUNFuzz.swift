import ICE
import STUN
import Wire

/// STUN parsing, and an agent that is fed the input as it is and again with a right signature: what
/// only an authenticated peer can reach is reached too.
public enum STUNFuzz {
    private static let password = "fuzz-password-aaaaaaaaaa"

    public static func run(_ input: RawSpan) {
        readEverything(input)
        drive(input)
        ask(input)
    }

    private static func readEverything(_ input: RawSpan) {
        _ = Message.localUfrag(ofRequest: input)
        guard let message = try? Message(parsing: input) else { return }
        _ = (message.username, message.software, message.realm, message.nonce)
        _ = (message.priority, message.controllingTieBreaker, message.controlledTieBreaker, message.useCandidate)
        _ = (message.xorMappedAddress, message.mappedAddress, message.errorCode)
        _ = (message.unknownAttributes, message.refusedAttributes, message.localUfrag)
        _ = (message.changeRequest, message.responsePort, message.responseOrigin, message.otherAddress)
        _ = message.verifyFingerprint()
        _ = message.verifyIntegrity(key: Array(password.utf8))
    }

    private static func drive(_ input: RawSpan) {
        guard input.byteCount > 0 else { return }
        let flags = input.uint8(at: 0)
        var now = Instant(nanoseconds: 1_000_000_000)
        let credentials = Credentials(ufrag: "fuzz", password: password)
        let local = SocketAddress(ip: IPAddress(ipv4: 0xC000_0201), port: 40000)
        var agent = Agent(
            configuration: AgentConfiguration(
                local: credentials, isLite: flags & 1 == 1, isControlling: flags & 2 == 2,
                localCandidates: [.host(address: local, socket: 0)]),
            random: SeededRandom(seed: UInt64(flags)), now: now)
        if flags & 4 == 4 { agent.setRemote(credentials, now: now) }
        let signed = sign(input)
        for step in 0..<4 {
            let source = SocketAddress(
                ip: IPAddress(ipv4: 0xC633_6400 | UInt32(flags & 3)), port: UInt16(step) & UInt16(flags >> 4))
            let tuple = Tuple(socket: 0, remote: source)
            try? agent.receive(input, from: tuple, now: now)
            try? unsafe agent.receive(signed.span.bytes, from: tuple, now: now)
            while agent.nextTransmit() != nil {}
            while agent.nextEvent() != nil {}
            now = min(max(now, agent.deadline), now + .seconds(10))
            agent.advance(to: now)
        }
    }

    /// Servers that answer it, and those who wait for answers.
    private static func ask(_ input: RawSpan) {
        let first = SocketAddress(ip: IPAddress(ipv4: 0xCB00_7101), port: 3478)
        let second = IPAddress(ipv4: 0xCB00_7102)
        let source = SocketAddress(ip: IPAddress(ipv4: 0xC633_6401), port: 5000)
        let now = Instant(nanoseconds: 1_000_000_000)
        for server in [
            BindingServer(endpoints: [first]), BindingServer(addresses: (first.ip, second), ports: (3478, 3479)),
        ] {
            guard let answer = try? server.answer(input, from: source, at: 0) else { continue }
            precondition(server.endpoints.indices.contains(answer.endpoint) && answer.destination.ip == source.ip)
            // Four addresses at most, an error with the types that were not understood.
            precondition(answer.bytes.count <= 128)
        }
        var discovery = NATDiscovery(
            NATDiscovery.Configuration(server: first), locals: Array(repeating: source, count: NATDiscovery.sockets),
            random: SeededRandom(seed: 1))
        discovery.start(now: now)
        for socket in 0..<NATDiscovery.sockets { discovery.receive(input, at: socket, from: first, now: now) }
        discovery.advance(to: now + .seconds(1))
        var gatherer = Gatherer(sockets: [source], servers: [first], random: SeededRandom(seed: 1), now: now)
        _ = gatherer.receive(input, from: Tuple(socket: 0, remote: first))
        gatherer.advance(to: now + .seconds(1))
    }

    /// The input's attributes in a message for the agent, with integrity and fingerprint.
    private static func sign(_ input: RawSpan) -> [UInt8] {
        let type = MessageType(wire: input.byteCount >= 2 ? input.uint16(at: 0) & 0x3FFF : 1)
        var builder = MessageBuilder(type ?? MessageType(.request), transactionID: TransactionID(high: 1, low: 2))
        builder.addUsername("fuzz:fuzz")
        var offset = 20
        while input.byteCount - offset >= 4, offset < 512 {
            let length = min(Int(input.uint16(at: offset + 2) & 0xFF), input.byteCount - offset - 4)
            let value = input.extracting((offset + 4)..<(offset + 4 + length))
            builder.add(AttributeType(rawValue: input.uint16(at: offset)), value.copied())
            offset += 4 + length
        }
        return builder.finish(key: Array(password.utf8))
    }
}
