/// A step of what a simulcast publisher offers: a spatial layer with some of its temporal layers.
public struct LayerStep: Sendable, Hashable {
    /// Bits per second of payload.
    public var rate: UInt64
    public var framesPerSecond: Double
    /// Lines of the picture; a change of it needs a key frame.
    public var height: Int

    /// 180p, 360p and 720p, each with half of the frames at 60 % of the rate or with all of them.
    public static let simulcast: [LayerStep] = [(150_000, 180), (500_000, 360), (1_500_000, 720)].flatMap {
        rate, height in
        [
            LayerStep(rate: rate * 6 / 10, framesPerSecond: 15, height: height),
            LayerStep(rate: rate, framesPerSecond: 30, height: height),
        ]
    }

    /// Bits per second on the wire, with the headers of each packet.
    var wireRate: UInt64 {
        let packets = (Double(rate) / framesPerSecond / 8 / Double(MediaSizes.payload)).rounded(.up)
        return rate + UInt64(packets * framesPerSecond * Double(MediaSizes.overhead) * 8)
    }
}

/// What a media server does for one viewer instead of encoding: it forwards the step that fits. Down at once; up when
/// the target has been 15 % above the next step for two seconds. While the target is lower, it asks for padding up to
/// there now and then for as long as that makes the target rise, and after each failure half as long again passes until
/// it does.
struct LayerSelector: Sendable {
    private enum Exploration: Sendable {
        case none(next: UInt64)
        /// As long as the target keeps rising from what it was.
        case padding(until: UInt64, from: Double)
    }

    let steps: [LayerStep]
    /// Nil while only audio fits.
    private(set) var current: Int?
    private var exploration: Exploration
    private var wait = Self.firstWait
    private var roomSince: UInt64?
    private var raisedAt: UInt64?
    private(set) var switches = 0
    /// The next frame has to be a key frame, which the publisher takes a while to send.
    private(set) var keyFrameAt: UInt64?

    private static let headroom = 1.15
    /// Where nothing but audio is sent, any picture is better than none.
    private static let leastHeadroom = 1.03
    /// A target that rises less while padding is sent is taken to have arrived.
    private static let progress = 1.05
    /// Nanoseconds.
    private static let steadyTime: UInt64 = 2_000_000_000
    private static let firstWait: UInt64 = 3_000_000_000
    private static let longestWait: UInt64 = 60_000_000_000
    private static let paddingTime: UInt64 = 4_000_000_000
    private static let probation: UInt64 = 10_000_000_000
    /// A round trip to the publisher and an encoder.
    private static let keyFrameDelay: UInt64 = 150_000_000
    /// The target may be a little below the step before that counts.
    private static let tolerance = 0.95

    init(steps: [LayerStep], now: UInt64) {
        self.steps = steps
        exploration = .none(next: now + Self.firstWait)
        current = steps.isEmpty ? nil : 0
        keyFrameAt = now
    }

    private var nextStep: Int? {
        let next = current.map { $0 + 1 } ?? 0
        return next < steps.count ? next : nil
    }

    /// Bits per second on the wire, audio included.
    private func needed(_ step: Int) -> Double { Double(steps[step].wireRate + MediaSizes.audioWireRate) }

    /// The target that a step up takes.
    private func wanted(_ step: Int) -> Double {
        needed(step) * (current == nil ? Self.leastHeadroom : Self.headroom)
    }

    /// The most and the least that it can use, and up to where padding is wanted; bits per second.
    var allocation: (maximum: UInt64, minimum: UInt64, padding: UInt64) {
        let maximum = steps.isEmpty ? 0 : UInt64(needed(steps.count - 1) * Self.headroom * 1.05)
        var padding: UInt64 = 0
        if case .padding = exploration, let nextStep { padding = UInt64(wanted(nextStep) * 1.05) }
        return (maximum, MediaSizes.audioWireRate, padding)
    }

    /// A new target; true when the allocation has changed.
    mutating func follow(target: UInt64, now: UInt64) -> Bool {
        let target = Double(target)
        if let step = current, target < needed(step) * Self.tolerance { return lower(to: target, now: now) }
        if let raised = raisedAt, now - raised > Self.probation {
            raisedAt = nil
            wait = Self.firstWait
        }
        guard let next = nextStep else { return false }
        guard target >= wanted(next) else {
            roomSince = nil
            return explore(target, now: now)
        }
        let since = roomSince ?? now
        roomSince = since
        guard now - since >= Self.steadyTime else { return false }
        raise(to: target, now: now)
        return true
    }

    private mutating func lower(to target: Double, now: UInt64) -> Bool {
        if let raised = raisedAt, now - raised <= Self.probation { wait = min(wait + wait / 2, Self.longestWait) }
        raisedAt = nil
        set(steps.indices.last { needed($0) <= target }, now: now)
        return true
    }

    private mutating func raise(to target: Double, now: UInt64) {
        raisedAt = now
        set(steps.indices.last { wanted($0) <= target }, now: now)
    }

    private mutating func set(_ step: Int?, now: UInt64) {
        if let step, current.map({ steps[$0].height != steps[step].height }) ?? true {
            keyFrameAt = now + Self.keyFrameDelay
        }
        current = step
        switches += 1
        roomSince = nil
        exploration = .none(next: now + wait)
    }

    private mutating func explore(_ target: Double, now: UInt64) -> Bool {
        switch exploration {
        case .none(let next):
            guard now >= next else { return false }
            exploration = .padding(until: now + Self.paddingTime, from: target)
        case .padding(let until, let start):
            guard now >= until else { return false }
            guard target < start * Self.progress else {
                exploration = .padding(until: now + Self.paddingTime, from: target)
                return false
            }
            wait = min(wait + wait / 2, Self.longestWait)
            exploration = .none(next: now + wait)
        }
        return true
    }

    /// Whether the frame that is due now is a key frame; nil while one is waited for.
    mutating func frameIsKey(now: UInt64) -> Bool? {
        guard let time = keyFrameAt else { return false }
        guard now >= time else { return nil }
        keyFrameAt = nil
        return true
    }

    mutating func requestKeyFrame(now: UInt64) {
        if keyFrameAt == nil { keyFrameAt = now + Self.keyFrameDelay }
    }
}
