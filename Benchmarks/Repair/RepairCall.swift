import Wire

/// One call: publisher, server, viewer, and two legs of which one loses packets, in virtual time.
struct RepairCall {
    var settings: Settings

    struct Settings {
        var leg: Leg
        var pattern: LossPattern
        /// Share of packets lost on the leg, in both of its directions.
        var loss: Double
        /// NACK, RTX and redundant audio are used; else a key frame is all that mends.
        var isRepaired: Bool
        /// The viewer knows redundant audio; else the server takes it off, and gives what it brings back.
        var knowsRedundancy = true
        var seconds: Int
        var seed: UInt64
        /// One way over one leg.
        var delay = Interval.milliseconds(25)
    }

    /// Frames captured before this are not counted: the call begins.
    static let warmUp = Interval.seconds(2)
    /// The viewer plays this long after the capture: what comes later is late, and the picture stands until it comes.
    static let playout = Interval.milliseconds(300)

    private let begin = Instant.origin + .seconds(10)

    init(_ settings: Settings) { self.settings = settings }

    func run() -> RepairFigures {
        var random = SeededRandom(seed: settings.seed)
        var up = line(.up, &random)
        var upBack = line(.up, &random)
        var down = line(.down, &random)
        var downBack = line(.down, &random)
        let roundTrip = settings.delay * 2
        let server = ServerModel(
            isRepaired: settings.isRepaired, knowsRedundancy: settings.knowsRedundancy, roundTrip: roundTrip,
            seed: random.next(), now: begin)
        var publisher = PublisherModel(isRepaired: settings.isRepaired, begin: begin)
        var viewer = ViewerModel(isRepaired: settings.isRepaired, roundTrip: roundTrip, begin: begin)
        for tick in 0..<(settings.seconds * 1_000) {
            let now = begin + .milliseconds(Int64(tick))
            publisher.produce(now: now, to: &up)
            while let datagram = up.next(now: now) {
                server.receive(datagram, from: ServerModel.publisher, now: now, to: &down)
            }
            while let datagram = downBack.next(now: now) {
                server.receive(datagram, from: ServerModel.viewer, now: now, to: &down)
            }
            server.drain(now: now, toPublisher: &upBack, toViewer: &down)
            while let datagram = upBack.next(now: now) {
                publisher.receive(datagram.bytes, roundTrip: roundTrip, now: now, to: &up)
            }
            while let datagram = down.next(now: now) { viewer.receive(datagram, now: now) }
            viewer.poll(now: now, to: &downBack)
        }
        return figures(publisher, viewer, server)
    }

    private func line(_ leg: Leg, _ random: inout SeededRandom) -> Line {
        let ratio = settings.leg == leg ? settings.loss : 0
        let process = LossProcess(settings.pattern, ratio: ratio, random: random.split())
        return Line(delay: settings.delay, loss: process)
    }

    private func figures(
        _ publisher: PublisherModel, _ viewer: ViewerModel, _ server: ServerModel
    ) -> RepairFigures {
        var figures = RepairFigures()
        let end = begin + .seconds(Int64(settings.seconds)) - .seconds(1)
        let counted = (begin + Self.warmUp)..<end
        let minutes = (end - counted.lowerBound).seconds / 60
        var frames = 0
        while PublisherModel.capture(ofFrame: frames, from: begin) < end { frames += 1 }
        let first = (0..<frames).first { PublisherModel.capture(ofFrame: $0, from: begin) >= counted.lowerBound } ?? 0
        let shown = viewer.video.shown.filter { $0.frame >= first && $0.frame < frames }
        let due = shown.map { PublisherModel.capture(ofFrame: $0.frame, from: begin) + Self.playout }
        figures.framesInTime = Double(zip(shown, due).count { $0.at <= $1 }) / Double(max(frames - first, 1))
        figures.framesShown = Double(shown.count) / Double(max(frames - first, 1))
        var last = counted.lowerBound + Self.playout
        for instant in zip(shown, due).map({ max($0.at, $1) }) + [end + Self.playout] where instant > last {
            let gap = (instant - last).seconds
            figures.longestGap = max(figures.longestGap, gap)
            // webrtc-stats: more than three mean intervals, and 150 ms more than one.
            if gap > MediaModel.frameInterval.seconds + 0.15 {
                figures.freezesPerMinute += 1 / minutes
                figures.frozenPerMinute += gap / minutes
            }
            last = instant
        }
        figures.audioLost = audioLost(viewer, counted)
        figures.keyFramesPerMinute = Double(publisher.keyFrames) * 60 / Double(settings.seconds)
        let repeated = settings.leg == .up ? publisher.retransmitted : server.retransmitted
        figures.repeated = Double(repeated) / Double(max(publisher.mediaPackets, 1))
        return figures
    }

    private func audioLost(_ viewer: ViewerModel, _ counted: Range<Instant>) -> Double {
        var frames = 0
        var lost = 0
        var index = 0
        while true {
            let captured = begin + MediaModel.audioInterval * Int64(index)
            guard captured < counted.upperBound else { break }
            defer { index += 1 }
            guard captured >= counted.lowerBound else { continue }
            frames += 1
            guard let at = viewer.heard[index], at - captured <= Self.playout else {
                lost += 1
                continue
            }
        }
        return Double(lost) / Double(max(frames, 1))
    }
}

/// Between publisher and server, or between server and viewer.
public enum Leg: String, Sendable, Codable, CaseIterable {
    case up, down
}
