import Media
import Payload
import RTP
import Reactor
import Session
import Wire

/// A player: reads a resource and sends what is in it at the pace of its clock.
///
/// What peers can take goes out as it is; other codecs become VP8 and Opus.
struct PlayerElement: MediaElement {
    private let specification: PlayerSpecification
    private let policy: ResourcePolicy
    private let port: ElementPort
    private var streams: [SentTrack]
    private var source: PlayerSource?
    /// By the resource's numbers.
    private var tracks: [Int: PlayedTrack] = [:]
    private(set) var status = ElementStatus()
    private var reports: [ElementOutput] = []
    /// What was played, in the resource's time.
    private var position = Interval.zero
    /// When the resource's time zero is; nil while nothing moves.
    private var origin: Instant?

    init(_ specification: PlayerSpecification, policy: ResourcePolicy, port: ElementPort) {
        self.specification = specification
        self.policy = policy
        self.port = port
        var random = SeededRandom(seed: HostClock.entropy())
        let cname = "player-" + String(random.next(), radix: 36)
        streams = [(PayloadFormat.opus, UInt8(111)), (.vp8, 96)].map { format, payloadType in
            SentTrack(format, payloadType: payloadType, cname: cname, now: HostClock.now, random: &random)
        }
    }

    var media: [NegotiatedMedia] { streams.map(\.section) }

    // MARK: Commands

    mutating func obey(_ command: ElementCommand, now: Instant) -> Outcome {
        switch command {
        case .start: return start()
        case .pause:
            guard status.state == .started else { break }
            status.state = .paused
            origin = nil
        case .stop: stop()
        case .seek(let milliseconds): return seek(to: .milliseconds(Int64(clamping: milliseconds)))
        default: return .refused(Refusal(.invalid, "a player cannot do that"))
        }
        return .done
    }

    private mutating func start() -> Outcome {
        guard status.state != .started else { return .done }
        if source == nil {
            do throws(SystemError) {
                source = try PlayerSource(specification, policy: policy)
            } catch {
                return .refused(Refusal(.overLimit, "no thread for a player's source: \(error)"))
            }
        }
        status.state = .started
        return .done
    }

    private mutating func stop() {
        source?.close()
        source = nil
        tracks = [:]
        position = .zero
        origin = nil
        status = ElementStatus()
    }

    private mutating func seek(to target: Interval) -> Outcome {
        guard let source, let information = status.source else {
            return .refused(Refusal(.invalid, "nothing is playing"))
        }
        guard information.isSeekable, target >= .zero,
            information.duration.map({ target <= .milliseconds(Int64($0)) }) ?? true
        else { return .refused(Refusal(.invalid, "\(target.milliseconds) ms is not among what can be sought")) }
        source.seek(to: target)
        position = target
        status.position = Int(target.milliseconds)
        origin = nil
        for index in tracks.keys { tracks[index]?.restart() }
        return .done
    }

    // MARK: Playing

    /// Requests for key frames and reports. A track that is encoded here can make a key frame.
    mutating func receive(_ packet: RawSpan, now: Instant) {
        guard var compound = try? CompoundPacket(packet) else { return }
        while true {
            guard let next = try? compound.next() else { return }
            switch next {
            case .pictureLossIndication(let request): requestKeyFrame(request.mediaSSRC)
            case .fullIntraRequest: for index in tracks.keys { tracks[index]?.requestKeyFrame() }
            default: continue
            }
        }
    }

    private mutating func requestKeyFrame(_ ssrc: UInt32) {
        for index in tracks.keys where tracks[index].map({ streams[$0.stream].ssrc }) == ssrc {
            tracks[index]?.requestKeyFrame()
        }
    }

    var deadline: Instant {
        guard status.state == .started else { return .distantFuture }
        guard let origin, let next = source?.nextTime else { return HostClock.now + Limits.sourceLook }
        return origin + next
    }

    mutating func advance(to now: Instant) {
        guard status.state == .started, let source else { return }
        if let failure = source.failure {
            stop()
            reports.append(.failed(failure))
            return
        }
        if tracks.isEmpty {
            guard let info = source.info else { return }
            guard open(info) else { return }
        }
        var batch = PacketBatch()
        play(source, into: &batch, now: now)
        let unixOffset = Interval(nanoseconds: Int64(clamping: HostClock.wallClock)) - (now - .origin)
        for index in streams.indices { streams[index].report(now: now, unixOffset: unixOffset, into: &batch) }
        if !batch.isEmpty { port.send(.packets(batch)) }
        guard source.isExhausted else { return }
        stop()
        reports.append(.ended)
    }

    /// What the resource holds is known: says what will be sent. False when nothing of it can be.
    private mutating func open(_ info: MediaInfo) -> Bool {
        do throws(MediaError) {
            for kind in [MediaTrack.Kind.audio, .video] {
                guard let track = info.tracks.first(where: { $0.kind == kind }) else { continue }
                tracks[track.index] = try PlayedTrack(track, stream: kind == .audio ? 0 : 1)
            }
        } catch {
            let failure = ElementFailure(error, specification.uri, isWriting: false)
            stop()
            reports.append(.failed(failure))
            return false
        }
        status.source = SourceInformation(
            isSeekable: info.seekable != nil, duration: info.duration.map { Int($0.milliseconds) })
        return true
    }

    private mutating func play(_ source: PlayerSource, into batch: inout PacketBatch, now: Instant) {
        if origin == nil {
            guard let first = source.nextTime else { return }
            // A seek leads to the key frame before; a pause goes on where it was.
            origin = now - max(first, .zero)
        }
        while let start = origin, let packet = source.next(until: now - start) {
            var due = start + packet.dts
            if now - due > Limits.longestLag {
                // The resource did not come as fast as it plays: time stood still.
                origin = now - packet.dts
                due = now
            }
            position = max(packet.pts, .zero)
            guard let track = tracks[packet.track] else { continue }
            let time = due + (packet.pts - packet.dts)
            track.play(packet, at: time, now: now) { streams[track.stream].send($0, at: $1, into: &batch) }
        }
        status.position = Int(position.milliseconds)
    }

    mutating func takeReports() -> [ElementOutput] {
        defer { reports = [] }
        return reports
    }

    mutating func finish(now: Instant) { stop() }
}
