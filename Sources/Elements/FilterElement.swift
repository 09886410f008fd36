import Media
import Payload
import RTP
import Reactor
import Session
import Wire

/// A filter: decodes the video that is routed to it, looks at it or changes it, and sends what it made.
///
/// What it sends keeps the source's time stamps and sender reports, so sound that goes by the filter stays in step with
/// its pictures.
struct FilterElement: MediaElement {
    private let port: ElementPort
    private let ssrc: UInt32
    private var track: ReceivedTrack
    /// Nil for a filter that only looks.
    private var sent: SentTrack?
    private let video: FilteredVideo
    private var lipSync = LipSync()
    private var reports: [ElementOutput] = []

    init(_ specification: FilterSpecification, policy: ResourcePolicy, port: ElementPort) throws(Refusal) {
        do throws(MediaError) {
            video = try FilteredVideo(specification, policy: policy)
        } catch {
            throw Refusal(.invalid, "the filter cannot be made: \(error)")
        }
        self.port = port
        var random = SeededRandom(seed: HostClock.entropy())
        ssrc = UInt32.random(in: 1...(.max), using: &random)
        track = ReceivedTrack(.video, policy: .complete(patience: Limits.filterPatience), random: &random)
        guard specification.changesVideo else { return }
        let cname = "filter-" + String(random.next(), radix: 36)
        sent = SentTrack(.vp8, payloadType: 96, cname: cname, now: HostClock.now, random: &random)
    }

    var media: [NegotiatedMedia] {
        var section = track.section
        if let sent {
            section.direction = .sendrecv
            section.receive = sent.section.receive
        }
        return [section]
    }

    let status = ElementStatus()

    // MARK: Commands

    mutating func obey(_ command: ElementCommand, now: Instant) -> Outcome {
        do throws(Refusal) {
            try video.work.obey(command)
            return .done
        } catch {
            return .refused(error)
        }
    }

    mutating func hear(_ message: String, now: Instant) { video.work.hear(message) }

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
                var batch = PacketBatch()
                sent?.report(ntp: report.ntp, timestamp: report.rtpTimestamp, into: &batch)
                if !batch.isEmpty { port.send(.packets(batch)) }
            case .pictureLossIndication, .fullIntraRequest: video.requestKeyFrame()
            default: continue
            }
        }
    }

    var deadline: Instant { track.deadline }

    mutating func advance(to now: Instant) {
        var batch = PacketBatch()
        while let (frame, format, _) = track.nextFrame(&lipSync, now: now) {
            let isLate = HostClock.now - frame.arrival > Limits.lateness
            for picture in video.take(frame, format, isLate: isLate) {
                sent?.send(picture.bytes, timestamp: picture.timestamp, into: &batch)
            }
        }
        if track.asksForKeyFrame(isNeeded: video.needsKeyFrame, now: now) {
            var writer = ByteWriter(capacity: 16)
            writer.writePictureLossIndication(senderSSRC: ssrc, mediaSSRC: track.ssrc)
            batch.append(writer.bytes)
        }
        if !batch.isEmpty { port.send(.packets(batch)) }
        reports += video.work.takeReports()
    }

    mutating func takeReports() -> [ElementOutput] {
        defer { reports = [] }
        return reports
    }

    mutating func finish(now: Instant) { video.work.close() }
}
