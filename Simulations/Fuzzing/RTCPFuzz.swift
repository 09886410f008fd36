import RTP
import Wire

/// RTCP compounds over arbitrary bytes, and the feedback recorder and NACK list over arbitrary arrivals.
public enum RTCPFuzz {
    public static func run(_ input: RawSpan) {
        parse(input)
        record(input)
        recordStreams(input)
        miss(input)
    }

    private static func parse(_ input: RawSpan) {
        guard var compound = try? CompoundPacket(input) else { return }
        while true {
            do {
                guard let packet = try compound.next() else { return }
                visit(packet, in: input)
            } catch {
                continue
            }
        }
    }

    private static func visit(_ packet: RTCPPacket, in bytes: RawSpan) {
        switch packet {
        case .senderReport(let report):
            for index in 0..<report.reportCount { _ = report.report(at: index, in: bytes) }
        case .receiverReport(let report):
            for index in 0..<report.reportCount {
                _ = report.report(at: index, in: bytes).roundTripTime(at: NTPTimestamp(rawValue: 1 << 63))
            }
        case .sourceDescription(let description):
            if let range = description.cname(of: 1, in: bytes) { _ = bytes.extracting(range) }
        case .goodbye(let goodbye):
            for index in 0..<goodbye.sourceCount { _ = goodbye.source(at: index, in: bytes) }
            if !goodbye.reason.isEmpty { _ = bytes.extracting(goodbye.reason) }
        case .nack(let nack):
            var numbers = nack.sequenceNumbers
            while numbers.next(in: bytes) != nil {}
        case .fullIntraRequest(let request):
            for index in 0..<request.entryCount { _ = request.entry(at: index, in: bytes) }
        case .maximumBitrate(let estimate):
            for index in 0..<estimate.sourceCount { _ = estimate.source(at: index, in: bytes) }
        case .transportFeedback(let feedback):
            var statuses = feedback.statuses
            var count = 0
            while statuses.next(in: bytes) != nil { count += 1 }
            precondition(count == feedback.statusCount)
        case .congestionControlFeedback(let feedback):
            var statuses = feedback.statuses
            while let status = statuses.next(in: bytes) { precondition(status.age.map { $0 >= .zero } ?? true) }
        case .pictureLossIndication, .unknown:
            break
        }
    }

    /// Four bytes an arrival: a sequence number and a signed step of time in 250 µs.
    private static func record(_ input: RawSpan) {
        var recorder = TransportFeedbackRecorder(window: 256)
        var writer = ByteWriter()
        var ticks: Int64 = 1 << 20
        var offset = 0
        while input.byteCount - offset >= 4 {
            ticks = max(0, ticks + Int64(Int16(bitPattern: input.uint16(at: offset + 2))))
            let arrival = Instant(nanoseconds: UInt64(ticks) * 250_000)
            recorder.record(SequenceNumber(input.uint16(at: offset)), arrival: arrival)
            offset += 4
            if offset % 64 == 0 { drain(&recorder, &writer) }
        }
        drain(&recorder, &writer)
    }

    private static func drain(_ recorder: inout TransportFeedbackRecorder, _ writer: inout ByteWriter) {
        while true {
            writer.reset()
            guard recorder.writeFeedback(senderSSRC: 1, mediaSSRC: 2, to: &writer) else { return }
            precondition(writer.count <= Limits.feedbackLength)
            let bytes = unsafe writer.bytes.span.bytes
            guard var compound = try? CompoundPacket(bytes), case .transportFeedback? = try? compound.next() else {
                preconditionFailure("own feedback refused")
            }
        }
    }

    /// Four bytes an arrival: a stream and its mark, a step of time in ms, a sequence number.
    private static func recordStreams(_ input: RawSpan) {
        var recorder = CongestionControlRecorder(streamCount: 4, window: 64)
        var writer = ByteWriter()
        var now = Instant(nanoseconds: 1)
        var offset = 0
        while input.byteCount - offset >= 4 {
            let flags = input.uint8(at: offset)
            now = now + .milliseconds(Int64(Int8(bitPattern: input.uint8(at: offset + 1))))
            let ecn = CongestionControlFeedback.ECN(rawValue: flags & 3) ?? .notCapable
            recorder.record(
                ssrc: UInt32(flags >> 5), SequenceNumber(input.uint16(at: offset + 2)), ecn: ecn, arrival: now)
            if flags & 0x10 != 0 { recorder.remove(ssrc: UInt32(flags >> 5)) }
            offset += 4
            if offset % 64 == 0 { drain(&recorder, &writer, now: now) }
        }
        drain(&recorder, &writer, now: now)
    }

    private static func drain(_ recorder: inout CongestionControlRecorder, _ writer: inout ByteWriter, now: Instant) {
        let timestamp = NTPTimestamp(now, unixOffset: .zero)
        while true {
            writer.reset()
            guard recorder.writeFeedback(senderSSRC: 1, timestamp: timestamp, now: now, to: &writer) else { return }
            precondition(writer.count <= Limits.feedbackLength)
            let bytes = unsafe writer.bytes.span.bytes
            guard var compound = try? CompoundPacket(bytes), case .congestionControlFeedback? = try? compound.next()
            else { preconditionFailure("own feedback refused") }
        }
    }

    private static func miss(_ input: RawSpan) {
        var generator = NackGenerator()
        var list: [SequenceNumber] = []
        var now = Instant(nanoseconds: 1)
        var offset = 0
        while input.byteCount - offset >= 3 {
            let flags = input.uint8(at: offset + 2)
            now = now + .milliseconds(Int64(flags >> 1))
            _ = generator.receive(SequenceNumber(input.uint16(at: offset)), isRecovered: flags & 1 != 0, now: now)
            list.removeAll(keepingCapacity: true)
            generator.due(now: now, into: &list)
            precondition(list.count <= NackGenerator.batch && generator.missingCount <= Limits.missingPackets)
            offset += 3
        }
    }
}
