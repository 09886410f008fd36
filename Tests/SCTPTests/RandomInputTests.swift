import Testing
import Wire

@testable import SCTP

/// Whatever comes: a trap ends the test process.
@Suite struct RandomInputTests {
    private func read(_ bytes: [UInt8], _ numbers: inout ReceivedNumbers, _ reassembly: inout Reassembly) throws {
        let packet = bytes.span.bytes
        var walker = try ChunkWalker(packet)
        while let chunk = try walker.next() {
            switch chunk {
            case .data(let data):
                let number = numbers.extended(data.tsn)
                guard data.stream < 64, reassembly.used < 1 << 20, numbers.verdict(number) == .new else { continue }
                numbers.insert(number)
                reassembly.insert(data, Array(bytes[data.payload.range]), at: number)
            case .initiation(let chunk), .initiationAck(let chunk):
                var parameters = ParameterWalker(chunk.parameters, in: packet)
                while try parameters.next() != nil {}
            case .selectiveAck(let ack):
                for index in 0..<ack.gapCount { _ = ack.gap(at: index, in: packet) }
            case .forwardTSN(let forward):
                numbers.forward(to: numbers.extended(forward.cumulative))
                reassembly.forward(to: numbers.cumulative)
                for index in 0..<forward.streamCount {
                    let entry = forward.stream(at: index, in: packet)
                    if entry.stream < 64 { reassembly.skip(stream: entry.stream, through: entry.sequence) }
                }
            default: break
            }
        }
    }

    private func good(_ random: inout SeededRandom) -> [UInt8] {
        var writer = PacketWriter(
            PacketHeader(sourcePort: 5000, destinationPort: 5000, verificationTag: 1), size: 1200)
        for _ in 0..<1 + random.next() % 4 {
            let flags = random.next()
            let chunk = DataChunk(
                tsn: TSN(UInt32(truncatingIfNeeded: random.next() % 200)), stream: UInt16(random.next() % 3),
                sequence: UInt16(random.next() % 5), payloadProtocol: 51, isUnordered: flags & 1 == 0,
                isFirst: flags & 2 == 0, isLast: flags & 4 == 0, isUrgent: flags & 8 == 0)
            writer.write(chunk, payload: [UInt8](repeating: 7, count: 1 + Int(random.next() % 40))[...])
        }
        writer.writeSelectiveAck(cumulative: TSN(3), window: 9, gaps: [2...3], duplicates: [TSN(1)])
        writer.writeForwardTSN(TSN(UInt32(truncatingIfNeeded: random.next() % 150)), streams: [(0, 3), (1, 0xFFFF)])
        let initiation = InitiationChunk(tag: 7, window: 9, outboundStreams: 1, inboundStreams: 1, firstTSN: TSN(1))
        writer.write(ChunkType.initiationAck, initiation, cookie: [1, 2, 3])
        return writer.finish()
    }

    @Test func noiseAndMutationsDoNotTrap() {
        var random = SeededRandom(seed: 11)
        for _ in 0..<200 {
            var numbers = ReceivedNumbers(first: TSN(1))
            var reassembly = Reassembly()
            for _ in 0..<40 {
                var bytes = good(&random)
                if random.next() % 8 == 0 { bytes = bytes.map { _ in UInt8(truncatingIfNeeded: random.next()) } }
                for _ in 0..<random.next() % 4 {
                    bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
                }
                if random.next() % 4 == 0 { bytes.removeLast(Int(random.next() % UInt64(bytes.count))) }
                try? read(bytes, &numbers, &reassembly)
                #expect(reassembly.used >= 0)
            }
        }
    }
}
