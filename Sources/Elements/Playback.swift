import Media
import Payload
import RTP
import Reactor
import Session
import Wire

/// Sends what a source holds at the pace of its clock.
///
/// What peers can take goes out as it is; other codecs become VP8 and Opus, or are left out where nothing is to be
/// decoded.
struct Playback {
    /// What became of it by itself.
    enum Event {
        case ended
        case failed(ElementFailure)
        /// Part of what the source holds is not played.
        case leftOut(ElementFailure)
    }

    private let port: ElementPort
    private let usesEncodedMedia: Bool
    private var streams: [SentTrack]
    private var source: PlayerSource?
    /// By the source's numbers.
    private var tracks: [Int: PlayedTrack] = [:]
    private(set) var information: SourceInformation?
    /// What was played, in the source's time.
    private(set) var position = Interval.zero
    /// When the source's time zero is; nil while nothing moves.
    private var origin: Instant?
    /// Where a seek leads; nil once that is reached.
    private var sought: Interval?
    private var events: [Event] = []

    /// - Parameter usesEncodedMedia: nothing is decoded: every codec that RTP carries goes out as it is.
    init(usesEncodedMedia: Bool, port: ElementPort) {
        self.port = port
        self.usesEncodedMedia = usesEncodedMedia
        var random = SeededRandom(seed: HostClock.entropy())
        let cname = "player-" + String(random.next(), radix: 36)
        let audio: [SentTrack.Format] = [(.opus, 111), (.pcmu, 0), (.pcma, 8)]
        let video: [SentTrack.Format] = [(.vp8, 96), (.vp9, 98), (.h264, 102)]
        streams = [audio, video].map { formats in
            SentTrack(usesEncodedMedia ? formats : [formats[0]], cname: cname, now: HostClock.now, random: &random)
        }
    }

    var media: [NegotiatedMedia] { streams.map(\.section) }

    // MARK: Commands

    var isOpen: Bool { source != nil }

    /// Media of this kind are encoded anew. Nil while none are played.
    func encodes(_ kind: MediaKind) -> Bool? {
        tracks.values.first { streams[$0.stream].section.kind == kind }.map(\.isEncoding)
    }

    mutating func open(_ source: PlayerSource) {
        close()
        self.source = source
    }

    /// Time stands still until the next ``advance(to:)``.
    mutating func pause() { origin = nil }

    mutating func close() {
        source?.close()
        source = nil
        tracks = [:]
        information = nil
        position = .zero
        origin = nil
        sought = nil
    }

    /// Goes there, or to the key frame before where pictures may not be decoded; what was read is dropped.
    mutating func seek(to target: Interval) {
        source?.seek(to: target)
        position = target
        origin = nil
        let begin = tracks.values.allSatisfy(\.beginsAnywhere) ? target : .earliest
        sought = begin
        for index in tracks.keys { tracks[index]?.restart(at: begin) }
    }

    // MARK: Playing

    /// Requests for key frames.
    mutating func receive(_ packet: RawSpan, now: Instant) {
        guard var compound = try? CompoundPacket(packet) else { return }
        while let next = try? compound.next() {
            switch next {
            case .pictureLossIndication(let request):
                for (index, track) in tracks where streams[track.stream].ssrc == request.mediaSSRC {
                    requestKeyFrame(of: index)
                }
            case .fullIntraRequest: for index in tracks.keys { requestKeyFrame(of: index) }
            default: continue
            }
        }
    }

    /// Makes one, unless the resource's next is near.
    private func requestKeyFrame(of index: Int) {
        guard source?.hasKeyFrame(of: index, until: position + Limits.keyFramePatience) != true else { return }
        tracks[index]?.requestKeyFrame()
    }

    /// When the next packet is due, while something plays.
    var deadline: Instant {
        guard let origin, let next = source?.nextTime else { return HostClock.now + Limits.sourceLook }
        return origin + next
    }

    /// Sends what is due. After an end or a failure nothing is open any more.
    mutating func advance(to now: Instant) -> [Event] {
        defer { events = [] }
        play(to: now)
        return events
    }

    private mutating func play(to now: Instant) {
        guard let source else { return }
        if let failure = source.failure { return end(.failed(failure)) }
        if tracks.isEmpty {
            guard let info = source.info else { return }
            guard open(info, source) else { return }
        }
        var batch = PacketBatch()
        play(source, into: &batch, now: now)
        let unixOffset = Interval(nanoseconds: Int64(clamping: HostClock.wallClock)) - (now - .origin)
        for index in streams.indices { streams[index].report(now: now, unixOffset: unixOffset, into: &batch) }
        if !batch.isEmpty { port.send(.packets(batch)) }
        if source.isExhausted { end(.ended) }
    }

    private mutating func end(_ event: Event) {
        close()
        events.append(event)
    }

    /// What the source holds is known: says what will be sent. False when nothing of it can be.
    private mutating func open(_ info: MediaInfo, _ source: PlayerSource) -> Bool {
        do throws(MediaError) {
            for (kind, stream) in [(MediaTrack.Kind.audio, 0), (.video, 1)] {
                let found = info.tracks.filter { $0.kind == kind }
                let wanted = usesEncodedMedia ? found.first { PayloadFormat(carrying: $0) != nil } : found.first
                guard let wanted else {
                    if let lost = found.first { events.append(.leftOut(Self.unforwardable(lost, source))) }
                    continue
                }
                let track = try PlayedTrack(wanted, stream: stream, usesEncodedMedia: usesEncodedMedia)
                if let format = track.format { streams[stream].follow(format, track.parameterSets) }
                tracks[wanted.index] = track
            }
        } catch {
            end(.failed(ElementFailure(error, source.name, isWriting: false)))
            return false
        }
        guard !tracks.isEmpty else {
            close()
            return false
        }
        information = SourceInformation(
            isSeekable: info.seekable != nil, duration: info.duration.map { Int($0.milliseconds) })
        return true
    }

    private static func unforwardable(_ track: MediaTrack, _ source: PlayerSource) -> ElementFailure {
        let kind = track.kind == .video ? "video" : "audio"
        return ElementFailure(
            .unsupportedCodec,
            "the \(kind) of \(source.name.prefix(200)) is left out: RTP does not carry its codec, \(track.codec.name), "
                + "as it is, and nothing is encoded anew (useEncodedMedia, media.transcoding)")
    }

    /// The source was read up to the place that was sought, as fast as the tracks take what is before that.
    private func reaches(_ target: Interval, _ source: PlayerSource, now: Instant) -> Bool {
        let start = HostClock.now
        while let next = source.nextTime, next < target {
            guard HostClock.now - start < Limits.skipTime, let packet = source.next(until: next) else { return false }
            tracks[packet.track]?.play(packet, at: now, now: now) { _, _ in }
        }
        return source.nextTime != nil || source.isExhausted
    }

    private mutating func play(_ source: PlayerSource, into batch: inout PacketBatch, now: Instant) {
        if let target = sought {
            guard reaches(target, source, now: now) else { return }
            sought = nil
        }
        if origin == nil {
            guard let first = source.nextTime else { return }
            // A seek or a pause goes on where it was.
            origin = now - max(first, .zero)
        }
        while let start = origin, let packet = source.next(until: now - start) {
            var due = start + packet.dts
            if now - due > Limits.longestLag {
                // The source did not come as fast as it plays: time stood still.
                origin = now - packet.dts
                due = now
            }
            position = max(packet.pts, .zero)
            guard let track = tracks[packet.track] else { continue }
            let time = due + (packet.pts - packet.dts)
            track.play(packet, at: time, now: now) { streams[track.stream].send($0, at: $1, into: &batch) }
        }
    }
}
