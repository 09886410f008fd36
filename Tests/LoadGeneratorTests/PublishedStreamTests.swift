import RTP
import Testing
import Wire

@testable import LoadGenerator

struct PublishedStreamTests {
    private func section(hasRTX: Bool = true) -> ClientSection {
        ClientSection(
            publisher: 1, mid: "v", kind: .video,
            parameters: RTPParameters(
                codecs: [
                    CodecParameters(
                        name: "VP8", payloadType: 96, clockRate: 90_000, rtxPayloadType: hasRTX ? 97 : nil)
                ],
                headerExtensions: [
                    HeaderExtensionParameters(uri: HeaderExtensionURI.mid, id: 1),
                    HeaderExtensionParameters(uri: HeaderExtensionURI.rid, id: 2),
                    HeaderExtensionParameters(uri: HeaderExtensionURI.repairedRid, id: 3),
                    HeaderExtensionParameters(uri: HeaderExtensionURI.transportWideCC, id: 4),
                ]))
    }

    private func stream(rid: String?, hasRTX: Bool = true) throws -> PublishedStream {
        var random = SeededRandom(seed: 3)
        return try PublishedStream(
            section(hasRTX: hasRTX), run: 9, encoding: rid == nil ? 0 : 2, rid: rid,
            sizes: FrameSizes(.real, encoding: 0, framesPerSecond: 30, random: SeededRandom(seed: 1)),
            random: &random, now: Instant(nanoseconds: 0))
    }

    /// The packets of one frame.
    private func packets(_ stream: PublishedStream, at now: Instant) throws -> [[UInt8]] {
        let frame = stream.beginFrame(now: now)
        return try (0..<frame.plan.packets).map { index in
            var buffer = [UInt8](repeating: 0, count: 1_500)
            var span = buffer.mutableSpan
            var raw = span.mutableBytes
            let length = try stream.makePacket(
                index, of: frame, transportSequence: UInt16(index), now: now, window: MeasurementWindow(start: 0),
                into: &raw)
            return Array(buffer[..<length])
        }
    }

    @Test func aFrameIsOneTimestampOneMarkerAndVerifiablePackets() throws {
        let stream = try stream(rid: nil)
        var verifier = StreamVerifier(run: 9, publisher: 1, kind: .video, checksumInterval: 1)
        var counters = VerificationCounters()
        for step in UInt64(0)..<20 {
            let now = Instant(nanoseconds: step * 33_333_333)
            let frame = try packets(stream, at: now)
            let headers = try frame.map { try RTPHeader(parsing: $0.span.bytes) }
            #expect(Set(headers.map(\.timestamp)).count == 1)
            #expect(headers.map(\.marker) == headers.indices.map { $0 == headers.count - 1 })
            for (bytes, header) in zip(frame, headers) {
                let mid = header.headerExtension(id: 1, in: bytes.span.bytes)
                let rid = header.headerExtension(id: 2, in: bytes.span.bytes)
                #expect(mid != nil && rid == nil)
                let sentAt = verifier.receive(
                    bytes.span.bytes, header: header, origin: .media, window: MeasurementWindow(start: 0),
                    counters: &counters)
                #expect(sentAt == now.nanoseconds)
            }
        }
        #expect(counters.delivered == stream.number && counters.corrupt == 0 && counters.sequenceErrors == 0)
        #expect(stream.sentInWindow == stream.number)
    }

    @Test func aKeyFrameFollowsARequest() throws {
        let stream = try stream(rid: nil)
        var keys: [Bool] = []
        for step in UInt64(0)..<6 {
            if step == 3 { stream.wantKeyFrame() }
            let first = try #require(try packets(stream, at: Instant(nanoseconds: step * 33_333_333)).first)
            let header = try RTPHeader(parsing: first.span.bytes)
            let payload = Array(first[header.payloadRange])
            keys.append(try VP8PayloadDescriptor(parsing: payload.span.bytes).isKeyFrameStart)
        }
        #expect(keys == [true, false, false, true, false, false])
    }

    @Test func aRetransmissionIsRTXOfTheSamePayloadAndNamesItsEncoding() throws {
        let stream = try stream(rid: "f")
        let original = try packets(stream, at: Instant(nanoseconds: 0))[7]
        let header = try RTPHeader(parsing: original.span.bytes)
        var buffer = [UInt8](repeating: 0, count: 1_600)
        var span = buffer.mutableSpan
        var raw = span.mutableBytes
        let made = stream.makeRetransmission(of: header.sequenceNumber, into: &raw)
        let again = try #require(made)
        let bytes = Array(buffer[..<again.length])
        let rtx = try RTPHeader(parsing: bytes.span.bytes)
        #expect(!again.isRepeat && rtx.payloadType == 97 && rtx.ssrc == stream.rtxSSRC)
        let number = header.sequenceNumber.rawValue
        var repeated = [UInt8(number >> 8), UInt8(number & 0xFF)]
        repeated += original[header.payloadRange]
        #expect(Array(bytes[rtx.payloadRange]) == repeated)
        let repairedRID = rtx.headerExtension(id: 3, in: bytes.span.bytes).map { Array(bytes[$0]) }
        let rid = rtx.headerExtension(id: 2, in: bytes.span.bytes)
        #expect(repairedRID == Array("f".utf8) && rid == nil)
    }

    @Test func withoutRTXTheVerySamePacketIsSentAgainAndForgottenOnesAreNot() throws {
        let stream = try stream(rid: nil, hasRTX: false)
        let original = try packets(stream, at: Instant(nanoseconds: 0))[0]
        let number = try RTPHeader(parsing: original.span.bytes).sequenceNumber
        var buffer = [UInt8](repeating: 0, count: 1_600)
        var span = buffer.mutableSpan
        var raw = span.mutableBytes
        let made = stream.makeRetransmission(of: number, into: &raw)
        let again = try #require(made)
        let copy = raw.bytes.extracting(0..<again.length).copied()
        #expect(again.isRepeat && copy == original)
        let older = stream.makeRetransmission(of: number.advanced(by: -1), into: &raw)
        #expect(older == nil)
        for step in UInt64(1)..<200 { _ = try packets(stream, at: Instant(nanoseconds: step * 33_333_333)) }
        let forgotten = stream.makeRetransmission(of: number, into: &raw)
        #expect(forgotten == nil)
    }
}
