import Media
import Payload
import RTP
import Reactor
import Session
import Wire

/// One participant of a hub, as an element: takes pictures and sound of what feeds it, and sends the others' sound.
struct HubPortElement: MediaElement {
    private let specification: HubPortSpecification
    private let name: EndpointID
    private let hub: Hub
    private let port: ElementPort
    private let ssrc: UInt32
    private var audio: ReceivedTrack
    private var video: ReceivedTrack?
    private var lipSync = LipSync()
    private var nextLook = Instant.origin
    private let decoders = HubDecoders()
    private var sound = HubSound()
    private let encoder = OwnEncoder()
    private var stream: SentTrack
    /// Whom it hears, where it does not hear all.
    private var heard: [EndpointID] = []
    private var nextStep: Int
    private var nextSent: Int
    /// When the last picture came; nil where none is shown.
    private var pictureAt: Instant?
    private(set) var status = ElementStatus()

    /// For a port that has sound of its own, which nobody else hears the same mix as.
    private final class OwnEncoder {
        var encoder = StepEncoder()
    }

    init(_ specification: HubPortSpecification, named name: EndpointID, hub: Hub, port: ElementPort) {
        self.specification = specification
        self.name = name
        self.hub = hub
        self.port = port
        var random = SeededRandom(seed: HostClock.entropy())
        ssrc = UInt32.random(in: 1...(.max), using: &random)
        audio = ReceivedTrack(
            .audio, policy: .playout(minimum: Limits.soundDelay.minimum, maximum: Limits.soundDelay.maximum),
            random: &random)
        if specification.takesVideo {
            video = ReceivedTrack(
                .video, policy: .playout(minimum: .zero, maximum: Limits.pictureDelay), random: &random)
        }
        let cname = "hub-" + String(random.next(), radix: 36)
        let now = HostClock.now
        stream = SentTrack(.opus, payloadType: 111, cname: cname, now: now, random: &random)
        nextStep = Int((now - hub.origin).nanoseconds / HubMixer.stepLength.nanoseconds)
        nextSent = nextStep
    }

    /// Sound goes both ways.
    var media: [NegotiatedMedia] {
        var both = stream.section
        both.direction = .sendrecv
        both.send = audio.section.send
        return [both] + (video.map { [$0.section] } ?? [])
    }

    mutating func obey(_ command: ElementCommand, now: Instant) -> Outcome {
        guard case .hear(let ports) = command, !specification.hearsAll else {
            return .refused(Refusal(.invalid, "a port of a hub cannot do that"))
        }
        heard = ports
        return .done
    }

    // MARK: What comes in

    mutating func receive(_ packet: RawSpan, now: Instant) {
        guard packet.byteCount > 1 else { return }
        // RFC 5761 section 4.
        guard !(192...223).contains(packet.uint8(at: 1)) else { return receiveRTCP(packet, now: now) }
        guard let header = try? RTPHeader(parsing: packet) else { return }
        if header.ssrc == audio.ssrc {
            audio.receive(header, packet, &lipSync, now: now)
        } else if header.ssrc == video?.ssrc {
            video?.receive(header, packet, &lipSync, now: now)
        }
    }

    private mutating func receiveRTCP(_ packet: RawSpan, now: Instant) {
        guard var compound = try? CompoundPacket(packet) else { return }
        while let next = try? compound.next() {
            if case .senderReport(let report) = next { lipSync.receive(report, now: now) }
        }
    }

    var deadline: Instant {
        min(due(nextStep), audio.deadline, video?.deadline ?? .distantFuture)
    }

    mutating func advance(to now: Instant) {
        status.state = .started
        if now >= nextLook {
            nextLook = now + Limits.lipSyncLook
            audio.keepTime(with: &lipSync)
            video?.keepTime(with: &lipSync)
        }
        let isListening = port.isWatched(.audio)
        hub.setListening(name, isListening)
        var batch = PacketBatch()
        takePictures(into: &batch, now: now)
        takeSound(now: now)
        mix(isListening: isListening, into: &batch, now: now)
        if !batch.isEmpty { port.send(.packets(batch)) }
    }

    private mutating func takePictures(into batch: inout PacketBatch, now: Instant) {
        guard var track = video.take() else { return }
        defer { video = track }
        let isShown = hub.isShown(name)
        while let (frame, format, _) = track.nextFrame(&lipSync, now: now) {
            guard isShown, now - (frame.playoutTime ?? now) < Limits.pictureLag else {
                decoders.resetVideo()
                continue
            }
            guard let picture = decoders.picture(frame, format) else { continue }
            let lateness = HostClock.now - (frame.playoutTime ?? now)
            hub.show(picture, of: name, lateness: lateness, order: specification.order)
            pictureAt = now
        }
        let isOver = pictureAt.map { now - $0 > Limits.pictureLife } ?? false
        if isOver || (pictureAt != nil && !port.isFed(.video)) {
            hub.hide(name)
            decoders.resetVideo()
            pictureAt = nil
        }
        if isShown, track.asksForKeyFrame(isNeeded: decoders.needsKeyFrame, now: now) {
            var writer = ByteWriter(capacity: 16)
            writer.writePictureLossIndication(senderSSRC: ssrc, mediaSSRC: track.ssrc)
            batch.append(writer.bytes)
        }
    }

    private mutating func takeSound(now: Instant) {
        let isHeard = hub.isHeard
        while let (frame, format, _) = audio.nextFrame(&lipSync, now: now) {
            guard isHeard else { continue }
            let time = (frame.playoutTime ?? now) - hub.origin
            sound.write(
                decoders.sound(frame, format),
                at: Int(time.nanoseconds * Int64(AudioFrame.sampleRate / 1000) / 1_000_000))
        }
    }

    // MARK: What goes out

    /// When the step's sound is there, of every port that is in time.
    private func due(_ step: Int) -> Instant { begin(step + 1) + Limits.soundMargin }

    private func begin(_ step: Int) -> Instant {
        hub.origin + .nanoseconds(Int64(step) * HubMixer.stepLength.nanoseconds)
    }

    /// Adds the steps that have ended, and sends those before, which all have added theirs to by now.
    private mutating func mix(isListening: Bool, into batch: inout PacketBatch, now: Instant) {
        if now - due(nextStep) > Limits.soundLag {
            nextStep = Int((now - hub.origin).nanoseconds / HubMixer.stepLength.nanoseconds)
        }
        while now >= due(nextStep) {
            if let own = sound.read(nextStep) {
                hub.mixer.add(own, of: name, to: nextStep)
                hub.mixer.note(now - due(nextStep), now: now)
            }
            nextStep += 1
        }
        let end = nextStep - hub.mixer.lag
        nextSent = isListening ? max(nextSent, end - Limits.longestLagSteps) : max(nextSent, end)
        while nextSent < end {
            for packet in packets(of: nextSent) { stream.send(packet, at: begin(nextSent), into: &batch) }
            nextSent += 1
        }
        let unixOffset = Interval(nanoseconds: Int64(clamping: HostClock.wallClock)) - (now - .origin)
        stream.report(now: now, unixOffset: unixOffset, into: &batch)
    }

    private func packets(of step: Int) -> [[UInt8]] {
        guard specification.hearsAll else { return encoder.encoder.encode(hub.mixer.mix(step, of: heard), of: step) }
        guard port.isFed(.audio) else { return hub.mixer.encodedMix(step) }
        return encoder.encoder.encode(hub.mixer.mix(step, without: name), of: step)
    }

    mutating func takeReports() -> [ElementOutput] { [] }

    mutating func finish(now: Instant) { hub.remove(name) }
}
