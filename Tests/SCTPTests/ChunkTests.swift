import Testing
import Wire

@testable import SCTP

/// A packet of ours around the chunks.
private func packet(_ write: (inout PacketWriter) -> Void) -> [UInt8] {
    var writer = PacketWriter(
        PacketHeader(sourcePort: 5000, destinationPort: 5000, verificationTag: 0xABCD_0123), size: 1200)
    write(&writer)
    return writer.finish()
}

private func chunks(_ bytes: [UInt8]) throws -> [Chunk] {
    var walker = try ChunkWalker(bytes.span.bytes)
    var list: [Chunk] = []
    while let chunk = try walker.next() { list.append(chunk) }
    return list
}

private func refusal(_ bytes: [UInt8]) -> ParseError? {
    do {
        _ = try chunks(bytes)
        return nil
    } catch { return error as? ParseError }
}

@Suite struct ChunkTests {
    @Test func dataIsReadAsItWasWritten() throws {
        let data = DataChunk(
            tsn: TSN(0xFFFF_FFFE), stream: 3, sequence: 0xFFFF, payloadProtocol: 51, isUnordered: true, isFirst: true,
            isLast: false, isUrgent: true)
        let bytes = packet {
            $0.write(data, payload: [1, 2, 3, 4, 5][...])
            $0.write(ChunkType.cookieAck)
        }
        let list = try chunks(bytes)
        guard case .data(let read) = list[0], case .cookieAck = list[1] else { return #expect(Bool(false), "\(list)") }
        #expect(list.count == 2 && Array(bytes[read.payload.range]) == [1, 2, 3, 4, 5])
        var same = read
        same.payload = data.payload
        #expect(same == data)
        #expect(bytes.count % 4 == 0)
        let header = try PacketHeader(parsing: bytes.span.bytes)
        #expect(header.verificationTag == 0xABCD_0123 && header.checksum == CRC32C.checksum(of: bytes.span.bytes))
    }

    @Test func initiationIsReadWithItsParameters() throws {
        let sent = InitiationChunk(
            tag: 7, window: 1_048_576, outboundStreams: 1024, inboundStreams: 9, firstTSN: TSN(1))
        let unknown: [UInt8] = [0x80, 1, 0, 4]
        let bytes = packet { $0.write(ChunkType.initiationAck, sent, cookie: [9, 8, 7], unrecognised: [unknown]) }
        guard case .initiationAck(let read) = try chunks(bytes)[0] else { return #expect(Bool(false)) }
        #expect(read.tag == 7 && read.window == 1_048_576 && read.outboundStreams == 1024 && read.inboundStreams == 9)
        var walker = ParameterWalker(read.parameters, in: bytes.span.bytes)
        var found: [UInt16: [UInt8]] = [:]
        while let parameter = try walker.next() { found[parameter.type] = Array(bytes[parameter.value.range]) }
        #expect(found[Parameter.stateCookie] == [9, 8, 7])
        #expect(found[Parameter.supportedExtensions] == [130, 192])
        #expect(found[Parameter.forwardTSNSupported] == [])
        #expect(found[Parameter.unrecognised] == [0x80, 1, 0, 4])
    }

    @Test func acknowledgementsAreReadAsTheyWereWritten() throws {
        let bytes = packet {
            $0.writeSelectiveAck(cumulative: TSN(5), window: 99, gaps: [2...3, 7...7], duplicates: [TSN(4)])
            $0.writeForwardTSN(TSN(8), streams: [(1, 2), (3, 0xFFFF)])
        }
        let list = try chunks(bytes)
        guard case .selectiveAck(let ack) = list[0], case .forwardTSN(let forward) = list[1] else {
            return #expect(Bool(false))
        }
        #expect(ack.cumulative == TSN(5) && ack.window == 99 && ack.duplicateCount == 1 && ack.gapCount == 2)
        #expect((0..<2).map { ack.gap(at: $0, in: bytes.span.bytes) } == [2...3, 7...7])
        #expect(forward.cumulative == TSN(8) && forward.streamCount == 2)
        #expect(forward.stream(at: 1, in: bytes.span.bytes) == (3, 0xFFFF))
    }

    @Test func aSelectiveAckThatDoesNotFitIsCutAndNotSplit() throws {
        let bytes = packet {
            $0.writeSelectiveAck(
                cumulative: TSN(5), window: 99, gaps: (0..<500).map { ($0 * 2 + 2)...($0 * 2 + 2) }, duplicates: [])
        }
        guard case .selectiveAck(let ack) = try chunks(bytes)[0] else { return #expect(Bool(false)) }
        #expect(bytes.count <= 1200 && ack.gapCount == (1200 - 12 - 16) / 4)
    }

    @Test(arguments: [
        // A chunk without length, one beyond the packet, and half a header.
        ([UInt8]([6, 0, 0, 0]), ParseError.badLength), ([6, 0, 0, 8, 1, 2, 3], .badLength), ([6, 0], .truncated),
        // Data without a number, and without data; a SACK that promises more gaps than it has.
        ([0, 3, 0, 8, 0, 0, 0, 1], .truncated), ([0, 3, 0, 16] + [UInt8](repeating: 0, count: 12), .badLength),
        ([3, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 9, 0, 9, 0, 0], .badLength),
        // INIT with tag 0 and with no streams (RFC 9260 section 3.3.2).
        ([1, 0, 0, 20, 0, 0, 0, 0, 0, 0, 9, 9, 0, 1, 0, 1, 0, 0, 0, 1], .badValue),
        ([1, 0, 0, 20, 0, 0, 0, 7, 0, 0, 9, 9, 0, 0, 0, 1, 0, 0, 0, 1], .badValue),
        // FORWARD TSN with half a stream.
        ([192, 0, 0, 10, 0, 0, 0, 1, 0, 0], .badLength),
    ])
    func whatContradictsItselfIsRefused(_ chunk: [UInt8], _ error: ParseError) {
        #expect(refusal([UInt8](repeating: 0, count: 12) + chunk) == error)
    }

    @Test func gapsThatLieAreNoGaps() throws {
        let chunk: [UInt8] = [3, 0, 0, 24, 0, 0, 0, 1, 0, 0, 0, 9, 0, 2, 0, 0, 0, 0, 0, 5, 0, 9, 0, 3]
        let bytes = [UInt8](repeating: 0, count: 12) + chunk
        guard case .selectiveAck(let ack) = try chunks(bytes)[0] else { return #expect(Bool(false)) }
        #expect((0..<2).allSatisfy { ack.gap(at: $0, in: bytes.span.bytes) == nil })
    }
}
