import Media
import Payload
import RTP
import Reactor
import Session
import Wire

/// A recorder: writes what is routed to it. What the container takes is written as it came; other codecs are encoded
/// anew.
struct RecorderElement: MediaElement {
    private let specification: RecorderSpecification
    private let policy: ResourcePolicy
    private let mayEncode: Bool
    private let port: ElementPort
    private let ssrc: UInt32
    private var tracks: [ReceivedTrack] = []
    private var lipSync = LipSync()
    private var recording: Recording?
    private var encoding = EncodingState()
    private(set) var status = ElementStatus()
    private var reports: [ElementOutput] = []

    /// - Parameter mayEncode: codecs that the container does not take are encoded anew, else refused.
    init(_ specification: RecorderSpecification, policy: ResourcePolicy, mayEncode: Bool, port: ElementPort) {
        self.specification = specification
        self.policy = policy
        self.mayEncode = mayEncode
        self.port = port
        var random = SeededRandom(seed: HostClock.entropy())
        ssrc = UInt32.random(in: 1...(.max), using: &random)
        for kind in specification.profile.kinds {
            tracks.append(ReceivedTrack(kind, policy: .complete(patience: Limits.packetPatience), random: &random))
        }
    }

    var media: [NegotiatedMedia] { tracks.map(\.section) }

    // MARK: Commands

    mutating func obey(_ command: ElementCommand, now: Instant) -> Outcome {
        switch command {
        case .start:
            if recording == nil {
                do throws(ElementFailure) {
                    recording = try Recording(specification, mayEncode: mayEncode) { uri throws(ElementFailure) in
                        try policy.location(uri)
                    }
                } catch {
                    reports.append(.failed(error))
                    return .done
                }
            }
            if status.state == .paused { recording?.resume() }
            status.state = .started
        case .pause:
            guard status.state == .started else { break }
            take(now: now)
            attempt { recording throws(MediaError) in try recording.pause() }
            if recording != nil { status.state = .paused }
        case .stop: stop(now: now)
        default: return .refused(Refusal(.invalid, "a recorder cannot do that"))
        }
        return .done
    }

    private mutating func stop(now: Instant) {
        if status.state == .started { take(now: now) }
        attempt { recording throws(MediaError) in try recording.finish() }
        recording = nil
        status.state = .stopped
    }

    // MARK: Recording

    mutating func receive(_ packet: RawSpan, now: Instant) {
        guard packet.byteCount > 1 else { return }
        // RFC 5761 section 4.
        guard !(192...223).contains(packet.uint8(at: 1)) else { return receiveRTCP(packet, now: now) }
        guard let header = try? RTPHeader(parsing: packet),
            let index = tracks.firstIndex(where: { $0.ssrc == header.ssrc })
        else { return }
        tracks[index].receive(header, packet, &lipSync, now: now)
    }

    private mutating func receiveRTCP(_ packet: RawSpan, now: Instant) {
        guard var compound = try? CompoundPacket(packet) else { return }
        while let next = try? compound.next() {
            if case .senderReport(let report) = next { lipSync.receive(report, now: now) }
        }
    }

    var deadline: Instant {
        tracks.map(\.deadline).min() ?? .distantFuture
    }

    mutating func advance(to now: Instant) {
        take(now: now)
        guard status.state == .started else { return }
        attempt { recording throws(MediaError) in try recording.advance(to: now) }
        status.position = Int((recording?.length ?? .zero).milliseconds)
        let needsKeyFrame = recording?.needsKeyFrame ?? false
        for index in tracks.indices where tracks[index].asksForKeyFrame(isNeeded: needsKeyFrame, now: now) {
            var writer = ByteWriter(capacity: 16)
            writer.writePictureLossIndication(senderSSRC: ssrc, mediaSSRC: tracks[index].ssrc)
            var batch = PacketBatch()
            batch.append(writer.bytes)
            port.send(.packets(batch))
        }
    }

    /// Frames that are whole; what comes while nothing is recorded is dropped.
    private mutating func take(now: Instant) {
        for index in tracks.indices {
            while let (frame, format, capture) = tracks[index].nextFrame(&lipSync, now: now) {
                guard status.state == .started else { continue }
                attempt { recording throws(MediaError) in
                    try recording.add(frame, format: format, capture: capture, now: now)
                }
            }
        }
    }

    /// A recording that cannot go on has ended; what was written stays.
    private mutating func attempt(_ body: (Recording) throws(MediaError) -> Void) {
        guard let recording else { return }
        do throws(MediaError) {
            try body(recording)
        } catch {
            self.recording = nil
            status.state = .stopped
            var failure = ElementFailure(error, specification.uri, isWriting: true)
            if !recording.isOpen, failure.reason == .unwritable { failure.reason = .unopenable }
            reports.append(.failed(failure))
        }
    }

    mutating func takeReports() -> [ElementOutput] {
        defer { reports = [] }
        return reports + encoding.news { recording?.encodes($0) }
    }

    mutating func finish(now: Instant) { stop(now: now) }
}

extension RecordingProfile {
    /// The kinds of media that it has.
    var kinds: [MediaKind] { (hasAudio ? [.audio] : []) + (hasVideo ? [.video] : []) }
}
