import Payload
import RTP
import Reactor
import Session
import Wire

/// A player: plays a file or a stream when it is told to.
struct PlayerElement: MediaElement {
    private let specification: PlayerSpecification
    private let policy: ResourcePolicy
    private var playback: Playback
    private(set) var status = ElementStatus()
    private var encoding = EncodingState()
    private var reports: [ElementOutput] = []

    /// - Parameter mayEncode: codecs that not every peer takes are encoded anew, unless the specification has it
    ///   otherwise.
    init(_ specification: PlayerSpecification, policy: ResourcePolicy, mayEncode: Bool, port: ElementPort) {
        self.specification = specification
        self.policy = policy
        playback = Playback(usesEncodedMedia: specification.usesEncodedMedia || !mayEncode, port: port)
    }

    var media: [NegotiatedMedia] { playback.media }

    // MARK: Commands

    mutating func obey(_ command: ElementCommand, now: Instant) -> Outcome {
        switch command {
        case .start: return start()
        case .pause:
            guard status.state == .started else { break }
            status.state = .paused
            playback.pause()
        case .stop: stop()
        case .seek(let milliseconds): return seek(to: .milliseconds(Int64(clamping: milliseconds)))
        default: return .refused(Refusal(.invalid, "a player cannot do that"))
        }
        return .done
    }

    private mutating func start() -> Outcome {
        guard status.state != .started else { return .done }
        if !playback.isOpen {
            do throws(SystemError) {
                playback.open(try PlayerSource(specification, policy: policy))
            } catch {
                return .refused(Refusal(.overLimit, "no thread for a player's source: \(error)"))
            }
        }
        status.state = .started
        return .done
    }

    private mutating func stop() {
        playback.close()
        status = ElementStatus()
    }

    private mutating func seek(to target: Interval) -> Outcome {
        guard let information = status.source else {
            return .refused(Refusal(.invalid, "nothing is playing"))
        }
        guard information.isSeekable, target >= .zero,
            information.duration.map({ target <= .milliseconds(Int64($0)) }) ?? true
        else { return .refused(Refusal(.invalid, "\(target.milliseconds) ms is not among what can be sought")) }
        playback.seek(to: target)
        status.position = Int(target.milliseconds)
        return .done
    }

    // MARK: Playing

    mutating func receive(_ packet: RawSpan, now: Instant) { playback.receive(packet, now: now) }

    var deadline: Instant { status.state == .started ? playback.deadline : .distantFuture }

    mutating func advance(to now: Instant) {
        guard status.state == .started else { return }
        for event in playback.advance(to: now) {
            switch event {
            case .ended: reports.append(.ended)
            case .failed(let failure), .leftOut(let failure): reports.append(.failed(failure))
            }
        }
        guard playback.isOpen else { return stop() }
        status.source = playback.information
        status.position = Int(playback.position.milliseconds)
    }

    mutating func takeReports() -> [ElementOutput] {
        defer { reports = [] }
        return reports + encoding.news { playback.encodes($0) }
    }

    mutating func finish(now: Instant) { stop() }
}
