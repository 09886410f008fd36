import Media
import Payload
import RTP
import Reactor
import Session
import Wire

/// An element that stands in the way of one kind of media: decodes what is routed to it, looks at it or changes it, and
/// sends what it made, with the source's sender reports: what goes by the element stays in step with that.
struct ConverterElement<Converter: FrameConverter>: MediaElement {
    private let port: ElementPort
    private let ssrc: UInt32
    private var track: ReceivedTrack
    /// Nil for one that only looks.
    private var sent: SentTrack?
    private let converter: Converter
    private var lipSync = LipSync()
    private var reports: [ElementOutput] = []

    /// - Parameter target: what it sends; nil for one that only looks.
    init(_ converter: Converter, of kind: MediaKind, target: PayloadFormat?, port: ElementPort) {
        self.converter = converter
        self.port = port
        var random = SeededRandom(seed: HostClock.entropy())
        ssrc = UInt32.random(in: 1...(.max), using: &random)
        track = ReceivedTrack(kind, policy: .complete(patience: Limits.converterPatience), random: &random)
        guard let target else { return }
        let cname = "converter-" + String(random.next(), radix: 36)
        let payloadType: UInt8 = kind == .video ? 96 : 111
        sent = SentTrack(target, payloadType: payloadType, cname: cname, now: HostClock.now, random: &random)
    }

    var media: [NegotiatedMedia] {
        var section = track.section
        if let sent {
            section.direction = .sendrecv
            section.receive = sent.section.receive
        }
        return [section]
    }

    private(set) var status = ElementStatus()

    // MARK: Commands

    mutating func obey(_ command: ElementCommand, now: Instant) -> Outcome {
        do throws(Refusal) {
            try converter.obey(command)
            return .done
        } catch {
            return .refused(error)
        }
    }

    mutating func hear(_ message: String, now: Instant) { converter.hear(message) }

    // MARK: Media

    mutating func receive(_ packet: RawSpan, now: Instant) {
        guard packet.byteCount > 1 else { return }
        // RFC 5761 section 4.
        guard !(192...223).contains(packet.uint8(at: 1)) else { return receiveRTCP(packet, now: now) }
        guard let header = try? RTPHeader(parsing: packet), header.ssrc == track.ssrc else { return }
        track.receive(header, packet, &lipSync, now: now)
    }

    private mutating func receiveRTCP(_ packet: RawSpan, now: Instant) {
        guard var compound = try? CompoundPacket(packet) else { return }
        while let next = try? compound.next() {
            switch next {
            case .senderReport(let report) where report.ssrc == track.ssrc:
                guard let timestamp = converter.timestamp(ofSource: report.rtpTimestamp) else { continue }
                var batch = PacketBatch()
                sent?.report(ntp: report.ntp, timestamp: timestamp, into: &batch)
                if !batch.isEmpty { port.send(.packets(batch)) }
            case .pictureLossIndication, .fullIntraRequest: converter.requestKeyFrame()
            default: continue
            }
        }
    }

    var deadline: Instant { track.deadline }

    mutating func advance(to now: Instant) {
        status.state = .started
        var batch = PacketBatch()
        while let (frame, format, _) = track.nextFrame(&lipSync, now: now) {
            let isLate = HostClock.now - frame.arrival > Limits.lateness
            for made in converter.take(frame, format, isLate: isLate) {
                sent?.send(made.bytes, timestamp: made.timestamp, into: &batch)
            }
        }
        if track.asksForKeyFrame(isNeeded: converter.needsKeyFrame, now: now) {
            var writer = ByteWriter(capacity: 16)
            writer.writePictureLossIndication(senderSSRC: ssrc, mediaSSRC: track.ssrc)
            batch.append(writer.bytes)
        }
        if !batch.isEmpty { port.send(.packets(batch)) }
        reports += converter.takeReports()
    }

    mutating func takeReports() -> [ElementOutput] {
        defer { reports = [] }
        return reports
    }

    mutating func finish(now: Instant) { converter.close() }
}
