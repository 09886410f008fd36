import Payload
import RTP
import Wire

/// Payloads of every format, alone and as a stream through frame buffers; and frames that go through a packetizer and a
/// network that mixes their packets up, and come out as they were.
///
/// The first byte says the format and what is done. Of a stream, each piece of the rest is a length, a byte that says
/// what else happens, and the payload of one packet.
public enum PayloadFuzz {
    private struct Does: OptionSet {
        let rawValue: UInt8
        /// Tens of milliseconds that pass before, up to three.
        static let time: UInt8 = 3
        static let marks = Does(rawValue: 4)
        /// A new timestamp.
        static let steps = Does(rawValue: 8)
        /// The number before is left out; the number is one that was; with both, all jumps.
        static let skips = Does(rawValue: 16)
        static let repeats = Does(rawValue: 32)
        static let jumps: Does = [.skips, .repeats]
        /// Seconds pass.
        static let waits = Does(rawValue: 64)
        /// Nobody fetches.
        static let holds = Does(rawValue: 128)
    }

    public static func run(_ input: RawSpan) {
        guard input.byteCount > 1, input.byteCount <= 16_384 else { return }
        let first = input.uint8(at: 0)
        let formats = PayloadFormat.allCases
        let format = formats[Int(first & 7) % formats.count]
        let rest = input.extracting(1..<input.byteCount)
        readAlone(format, rest)
        let policies: [FrameBuffer.Policy] = [
            .complete(patience: .milliseconds(100)),
            .playout(minimum: .milliseconds(20), maximum: .milliseconds(400)),
        ]
        for policy in policies { stream(FrameBuffer(format, policy: policy), rest) }
        roundTrip(format, rest.copied(), seed: UInt64(first))
    }

    private static func readAlone(_ format: PayloadFormat, _ payload: RawSpan) {
        let depacketizer = Depacketizer(format)
        for marker in [true, false] {
            guard let part = try? depacketizer.part(of: payload, marker: marker) else { continue }
            precondition(part.endsFrame == marker || format.kind == .audio, "the marker ends a picture")
            var assembler = FrameAssembler(format)
            try? assembler.append(payload)
            precondition(assembler.bytes.count <= 4 * payload.byteCount + 4, "a frame is made of its payloads")
        }
        _ = try? SequenceParameterSet(parsing: payload)
        if let configuration = try? AVCConfiguration(parsing: payload) {
            precondition(configuration.parameterSets.units.allSatisfy { !$0.isEmpty })
        }
        for length in 1...4 { check(try? NALUnits(lengthPrefixed: payload.copied(), lengthSize: length)) }
        check(try? NALUnits(annexB: payload.copied()))
        _ = format.duration(of: payload.copied())
    }

    private static func check(_ units: NALUnits?) {
        guard let units else { return }
        precondition(units.units.allSatisfy { !$0.isEmpty } && units.units.count <= Payload.Limits.nalUnitsPerFrame)
        guard let again = try? NALUnits(lengthPrefixed: units.lengthPrefixed) else {
            preconditionFailure("own form refused")
        }
        precondition(again == units)
    }

    private static func stream(_ buffer: FrameBuffer, _ input: RawSpan) {
        var buffer = buffer
        var clock = LipSync()
        clock.add(7, buffer.format.kind, clockRate: buffer.format.clockRate)
        var now = Instant.origin + .seconds(1000)
        var number = SequenceNumber(0xFFF0)
        var timestamp: UInt32 = 0xFFFF_F000
        var lastCapture = Instant.origin
        var offset = 0
        while input.byteCount - offset >= 2 {
            let length = min(Int(input.uint8(at: offset)), input.byteCount - offset - 2)
            let does = Does(rawValue: input.uint8(at: offset + 1))
            let payload = input.extracting((offset + 2)..<(offset + 2 + length))
            offset += 2 + length
            now = now + .milliseconds(10) * Int64(does.rawValue & Does.time)
            if does.contains(.waits) { now = now + .seconds(3) }
            if does.contains(.steps) { timestamp &+= 3000 }
            let step = does.contains(.jumps) ? 20_000 : does.contains(.repeats) ? -4 : does.contains(.skips) ? 3 : 1
            if does.contains(.jumps) { timestamp = timestamp &* 0x9E37_79B9 }
            let header = RTPHeader(
                payloadType: 96, marker: does.contains(.marks), sequenceNumber: number.advanced(by: step),
                timestamp: timestamp, ssrc: 7)
            if !does.contains(.repeats) || does.contains(.jumps) { number = header.sequenceNumber }
            buffer.insert(header, payload: payload, now: now)
            if length > 16 { report(payload, to: &clock, timestamp, now: now) }
            if !does.contains(.holds) { fetch(&buffer, &clock, &lastCapture, now: now) }
            check(buffer)
        }
        fetch(&buffer, &clock, &lastCapture, now: now + .seconds(20))
        check(buffer)
        buffer.reset()
        precondition(buffer.heldPackets == 0 && buffer.heldBytes == 0 && buffer.nextFrame(now: now) == nil)
    }

    private static func report(_ bytes: RawSpan, to clock: inout LipSync, _ timestamp: UInt32, now: Instant) {
        let near = timestamp &+ UInt32(bytes.uint16(at: 8))
        clock.receive(
            SenderReport(
                ssrc: 7, ntp: NTPTimestamp(rawValue: bytes.uint64(at: 0)),
                rtpTimestamp: bytes.uint8(at: 10) < 128 ? near : bytes.uint32(at: 11), packetCount: 0, octetCount: 0),
            now: now)
    }

    /// Takes all frames that there are, and their capture times.
    private static func fetch(
        _ buffer: inout FrameBuffer, _ clock: inout LipSync, _ lastCapture: inout Instant, now: Instant
    ) {
        var count = 0
        var lastTimestamp: Int64?
        while var frame = buffer.nextFrame(now: now) {
            count += 1
            precondition(!frame.bytes.isEmpty && frame.bytes.count <= Payload.Limits.frameLength)
            precondition(frame.arrival <= now && frame.timestamp >= 0)
            clock.place(&frame, of: 7)
            guard let capture = frame.captureTime else { preconditionFailure("a frame has come, so there is a time") }
            if let lastTimestamp, frame.timestamp > lastTimestamp {
                precondition(capture >= lastCapture, "capture times do not go backwards")
            }
            lastTimestamp = frame.timestamp
            lastCapture = capture
        }
        precondition(count <= Payload.Limits.heldVideoPackets, "no more frames than packets")
        precondition(buffer.deadline > now, "what is to be done now is done")
    }

    private static func check(_ buffer: FrameBuffer) {
        precondition(buffer.heldPackets <= Payload.Limits.heldVideoPackets + 1)
        precondition(buffer.heldBytes <= Payload.Limits.heldBytes)
        let counters = buffer.counters
        let known = counters.framedPackets + counters.paddingPackets + counters.drops.total
        precondition(counters.packets == known + UInt64(buffer.heldPackets), "every packet is accounted for")
    }

    /// One frame there and back, its packets shuffled and some sent twice.
    private static func roundTrip(_ format: PayloadFormat, _ bytes: [UInt8], seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var frame = bytes
        // What makes them key frames: the first bit of a frame's tag, frame type and sync code, an IDR picture.
        switch format {
        case .vp8: frame[0] &= 0xFE
        case .vp9: frame = [0x82, 0x49, 0x83, 0x42, 0, 0x27, 0xF0, 0x16, 0x70] + bytes
        case .h264: frame = idrPicture(bytes)
        case .opus: frame = [0x78] + bytes.prefix(1000)
        case .pcmu, .pcma: frame = Array(bytes.prefix(160))
        }
        var packetizer = Packetizer(format, payloadLength: 100 + Int(seed), random: &random)
        if format.kind == .audio { packetizer = Packetizer(format, random: &random) }
        guard let payloads = try? packetizer.packetize(frame) else { preconditionFailure("a frame is refused") }
        precondition(payloads.allSatisfy { $0.bytes.count <= packetizer.payloadLength && !$0.bytes.isEmpty })
        var buffer = FrameBuffer(format, policy: .complete(patience: .milliseconds(100)))
        var order = Array(payloads.indices) + payloads.indices.filter { _ in random.next() & 3 == 0 }
        order.shuffle(using: &random)
        let now = Instant.origin + .seconds(1)
        for index in order {
            let header = RTPHeader(
                payloadType: 96, marker: payloads[index].marker,
                sequenceNumber: SequenceNumber(UInt16(truncatingIfNeeded: 65_530 + index)), timestamp: 1, ssrc: 7)
            let payload = payloads[index].bytes
            unsafe buffer.insert(header, payload: payload.span.bytes, now: now)
        }
        precondition(buffer.nextFrame(now: now)?.bytes == frame, "a frame comes out as it went in")
        precondition(buffer.nextFrame(now: now) == nil && buffer.heldPackets == 0)
    }

    /// Parameter sets, and an IDR slice without start codes inside.
    private static func idrPicture(_ bytes: [UInt8]) -> [UInt8] {
        [0, 0, 0, 1, 0x67, 0x42, 0xC0, 0x1F, 0, 0, 0, 1, 0x68, 0xCE, 0, 0, 0, 1, 0x65, 0x88] + bytes.map { $0 | 4 }
    }

    /// Streams of packets that packetizers made.
    static let seeds: [[UInt8]] = {
        var random = SeededRandom(seed: 9)
        return PayloadFormat.allCases.enumerated().map { index, format in
            var packetizer = Packetizer(format, payloadLength: 200, random: &random)
            packetizer.setParameterSets((try? NALUnits(annexB: idrPicture([]))) ?? NALUnits())
            let frames: [[UInt8]] = [500, 90, 260].map { length -> [UInt8] in
                let noise = random.bytes(length)
                switch format {
                case .vp8: return [length == 500 ? 0x10 : 0x11, 2, 0, 0x9D, 1, 0x2A, 0x40, 1, 0xF0, 0] + noise
                case .vp9:
                    return length == 500
                        ? [0x82, 0x49, 0x83, 0x42, 0, 0x27, 0xF0, 0x16, 0x70] + noise : [0x86, 0, 0x40, 0x92] + noise
                case .h264: return [0, 0, 0, 1, length == 500 ? 0x65 : 0x41, 0x9A] + noise.map { $0 | 4 }
                case .opus: return [0x78] + noise.prefix(60)
                case .pcmu, .pcma: return Array(noise.prefix(160))
                }
            }
            var seed = [UInt8(truncatingIfNeeded: index)]
            for frame in frames {
                for (number, payload) in ((try? packetizer.packetize(frame)) ?? []).enumerated() {
                    let does = (payload.marker ? Does.marks.rawValue : 1) | (number == 0 ? Does.steps.rawValue : 0)
                    seed += [UInt8(clamping: payload.bytes.count), does] + payload.bytes
                }
            }
            return seed
        }
    }()
}
