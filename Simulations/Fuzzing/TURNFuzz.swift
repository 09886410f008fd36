import STUN
import TURN
import Wire

/// A TURN server and a client that are fed the input as it is, in a stream, and, its attributes signed, as a request of
/// somebody who knows the password.
public enum TURNFuzz {
    private static let listener = SocketAddress(ip: IPAddress(ipv4: 0xCB00_7101), port: 3478)
    private static let client = Tuple(socket: 0, remote: SocketAddress(ip: IPAddress(ipv4: 0xC633_6401), port: 5000))

    public static func run(_ input: RawSpan) {
        serve(input)
        var framer = StreamFramer()
        framer.receive(input.copied())
        while framer.next() != nil {}
        let now = Instant(nanoseconds: 1_000_000_000)
        var client = Client(
            ClientConfiguration(username: "fuzz", password: "fuzz"), random: SeededRandom(seed: 1), now: now)
        try? client.receive(input, now: now)
        client.advance(to: now + .seconds(1))
    }

    private static func serve(_ input: RawSpan) {
        var configuration = ServerConfiguration(listeners: [.init(address: listener)])
        configuration.relayIPv4 = listener.ip
        configuration.relayIPv6 = IPAddress(ipv6High: 0x2001_0DB8_0000_0000, low: 5)
        configuration.users = ["fuzz": "fuzz"]
        configuration.allocations = 4
        var server = TURN.Server(configuration, random: SeededRandom(seed: 1))
        var now = Instant(nanoseconds: 1_000_000_000)
        let nonce = challenge(&server, now)
        give(&server, allocate(nonce), now)
        for step in 0..<3 {
            _ = try? server.receive(input, from: client, now: now)
            give(&server, sign(input, nonce, methodOf: input), now)
            _ = try? server.receive(
                fromPeer: SocketAddress(ip: IPAddress(ipv4: 0xC000_0201), port: 7), length: input.byteCount, at: 0,
                now: now)
            now = now + .seconds(Int64(step) * 200)
            server.advance(to: now)
            drain(&server, now)
        }
        precondition(server.allocationCount <= 1 && server.relayCount <= 3)
    }

    private static func drain(_ server: inout TURN.Server, _ now: Instant) {
        while let action = server.nextAction() {
            guard case .open(let relay, let address) = action else { continue }
            if address.port % 5 == 0 {
                server.failedToOpen(relay, now: now)
            } else {
                server.opened(relay, now: now)
            }
        }
        while let transmit = server.nextTransmit() { precondition(transmit.client == client) }
    }

    private static func give(_ server: inout TURN.Server, _ bytes: [UInt8], _ now: Instant) {
        _ = try? unsafe server.receive(bytes.span.bytes, from: client, now: now)
        drain(&server, now)
    }

    private static func challenge(_ server: inout TURN.Server, _ now: Instant) -> String {
        let bytes = MessageBuilder(MessageType(.request, .allocate), transactionID: TransactionID(high: 1, low: 1))
            .finish(key: nil)
        _ = try? unsafe server.receive(bytes.span.bytes, from: client, now: now)
        guard let answer = server.nextTransmit() else { return "" }
        let message = try? unsafe Message(parsing: answer.bytes.span.bytes)
        return message?.nonce ?? ""
    }

    private static func allocate(_ nonce: String) -> [UInt8] {
        finish(MessageBuilder(MessageType(.request, .allocate), transactionID: TransactionID(high: 1, low: 2)), nonce) {
            $0.add(.requestedTransport, UInt32(17) << 24)
            $0.add(.evenPort, [0x80])
        }
    }

    /// The input's attributes in a request of a method that its second byte names.
    private static func sign(_ input: RawSpan, _ nonce: String, methodOf source: RawSpan) -> [UInt8] {
        let methods: [Method] = [.allocate, .refresh, .createPermission, .channelBind]
        let method = methods[source.byteCount > 1 ? Int(source.uint8(at: 1) & 3) : 0]
        let builder = MessageBuilder(MessageType(.request, method), transactionID: TransactionID(high: 1, low: 3))
        return finish(builder, nonce) { builder in
            var offset = 20
            while input.byteCount - offset >= 4, offset < 512 {
                let length = min(Int(input.uint16(at: offset + 2) & 0xFF), input.byteCount - offset - 4)
                let value = input.extracting((offset + 4)..<(offset + 4 + length)).copied()
                builder.add(AttributeType(rawValue: input.uint16(at: offset)), value)
                offset += 4 + length
            }
        }
    }

    private static func finish(
        _ builder: MessageBuilder, _ nonce: String, _ build: (inout MessageBuilder) -> Void
    ) -> [UInt8] {
        var builder = builder
        build(&builder)
        builder.addUsername("fuzz")
        builder.add(.realm, Array("apus".utf8))
        builder.add(.nonce, Array(nonce.utf8))
        return builder.finish(
            key: LongTermCredential.key(username: "fuzz", realm: "apus", password: "fuzz"), fingerprint: false)
    }
}
