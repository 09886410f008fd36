import SCTP
import Wire

/// What a peer that has proved itself sends over DTLS: chunks for an association that stands, or that is just made.
///
/// Each piece of the input is a length, a byte that says what else happens, and the chunks of one packet. Header and
/// checksum are put right, so that what comes behind them is reached; all is the same in every run.
public enum SCTPFuzz {
    private struct Does: OptionSet {
        let rawValue: UInt8
        /// Hundreds of milliseconds that pass before, up to seven.
        static let time: UInt8 = 7
        /// The header has the tag of an INIT.
        static let isUntagged = Does(rawValue: 8)
        static let sends = Does(rawValue: 16)
        static let opens = Does(rawValue: 32)
        static let closes = Does(rawValue: 64)
        static let holds = Does(rawValue: 128)
    }

    public static func run(_ input: RawSpan) {
        guard input.byteCount <= 16_384 else { return }
        for isConnected in [true, false] {
            var world = World()
            if isConnected { world.connect() }
            world.server.connect(now: world.now)
            var offset = 0
            while input.byteCount - offset >= 2 {
                let length = min(Int(input.uint8(at: offset)) * 4, input.byteCount - offset - 2)
                let does = Does(rawValue: input.uint8(at: offset + 1))
                let chunks = input.extracting((offset + 2)..<(offset + 2 + length)).copied()
                offset += 2 + length
                world.now = world.now + .milliseconds(100) * Int64(does.rawValue & Does.time)
                world.server.advance(to: world.now)
                act(does, &world)
                world.deliver(chunks, tag: does.contains(.isUntagged) ? 0 : serverTag)
            }
        }
    }

    /// The server's, in every run.
    private static let serverTag: UInt32 = {
        var world = World()
        world.connect()
        return world.serverTag
    }()

    private static func act(_ does: Does, _ world: inout World) {
        if does.contains(.opens) { _ = try? world.server.open(ChannelParameters(label: "fuzz"), now: world.now) }
        if does.contains(.sends), let id = world.server.ids.first {
            try? world.server.send(ChannelMessage(.binary, Array(repeating: 7, count: 3000)), on: id, now: world.now)
        }
        if does.contains(.closes), let id = world.server.ids.last { world.server.close(id, now: world.now) }
        world.server.hold(does.contains(.holds) ? 1 << 20 : 0)
    }

    /// The packets of an honest client that opens channels, sends on them and closes one.
    static let seeds: [[UInt8]] = {
        var world = World()
        world.connect()
        let reliability = Reliability(isOrdered: false, limit: .retransmissions(1))
        world.isRecording = true
        for label in ["a", "b"] {
            let parameters = ChannelParameters(label: label, reliability: label == "a" ? .full : reliability)
            guard let id = try? world.client.open(parameters, now: world.now) else { continue }
            for count in [1, 2000] {
                try? world.client.send(
                    ChannelMessage(.binary, Array(repeating: 1, count: count)), on: id, now: world.now)
            }
            world.exchange()
            world.client.close(id, now: world.now)
            world.exchange()
        }
        var opening = World()
        opening.isRecording = true
        opening.connect()
        return [world.recorded, opening.recorded] + more.map { piece($0, does: 16 + 32) }
    }()

    /// SACK with gaps, FORWARD TSN, requests to reset, HEARTBEAT, ERROR, SHUTDOWN, ABORT, unknown ones.
    private static let more: [[UInt8]] = [
        [3, 0, 0, 20, 0, 0, 0, 1, 0, 16, 0, 0, 0, 1, 0, 0, 0, 2, 0, 4],
        [192, 0, 0, 12, 0, 0, 0, 9, 0, 1, 0, 3],
        [130, 0, 0, 22, 0, 13, 0, 18, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9, 0, 1, 0, 0],
        [4, 0, 0, 12, 0, 1, 0, 8, 1, 2, 3, 4], [9, 0, 0, 8, 0, 3, 0, 4], [7, 0, 0, 8, 0, 0, 0, 1], [6, 0, 0, 4],
        [0xFE, 0, 0, 8, 1, 2, 3, 4, 0x3E, 0, 0, 4],
    ]

    private static func piece(_ chunks: [UInt8], does: UInt8) -> [UInt8] {
        [UInt8(clamping: (chunks.count + 3) / 4), does] + chunks
    }

    /// A server, its honest client, and the time.
    private struct World {
        var client: DataChannels
        var server: DataChannels
        var now = Instant(nanoseconds: 1)
        /// Of the server, as the client's packets say.
        private(set) var serverTag: UInt32 = 0
        var isRecording = false
        private(set) var recorded: [UInt8] = []

        init() {
            var random = SeededRandom(seed: 6)
            func association() -> Association {
                Association(
                    localPort: 5000, peerPort: 5000, packetLength: 1160, peerMessageLength: 262_144,
                    random: random.split())
            }
            client = DataChannels(association(), isClient: true)
            server = DataChannels(association(), isClient: false)
        }

        mutating func connect() {
            client.connect(now: now)
            exchange()
        }

        mutating func exchange() {
            var isMoving = true
            while isMoving {
                isMoving = false
                while let packet = client.nextTransmit(now: now) {
                    isMoving = true
                    serverTag = unsafe packet.span.bytes.uint32(at: 4)
                    let chunks = Array(packet.dropFirst(12))
                    if isRecording { recorded += SCTPFuzz.piece(chunks, does: serverTag == 0 ? 8 : 0) }
                    try? unsafe server.receive(packet.span.bytes, now: now)
                }
                while let packet = server.nextTransmit(now: now) {
                    isMoving = true
                    try? unsafe client.receive(packet.span.bytes, now: now)
                }
            }
            while server.nextEvent() != nil {}
        }

        /// Hands the server a packet that only its chunks may be wrong of, and takes what it answers.
        mutating func deliver(_ chunks: [UInt8], tag: UInt32) {
            var writer = ByteWriter()
            writer.write(UInt16(5000))
            writer.write(UInt16(5000))
            writer.write(tag)
            writer.write(UInt32(0))
            writer.write(chunks)
            try? unsafe server.receive(CRC32C.sealed(writer.bytes).span.bytes, now: now)
            var count = 0
            while let packet = server.nextTransmit(now: now) {
                precondition(packet.count <= 1160, "packets keep to the MTU")
                count += 1
            }
            precondition(count <= 64, "one call does not let a flood go")
            while server.nextEvent() != nil {}
            precondition(server.bufferedByteCount <= 2 << 20, "what waits is bounded")
        }
    }
}
