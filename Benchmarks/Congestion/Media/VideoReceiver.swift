/// What a person would see: frames are shown when they are complete and those before them were shown; what is missing
/// is asked for again (NACK), and what does not come within a second costs a key frame. Without repair a frame that
/// misses a packet is left out, and the next one is shown as if the decoder could hide it.
///
/// Shown at once, without a playout buffer: the buffer's delay would hide short freezes and show up as latency instead.
struct VideoReceiver: Sendable {
    private struct Frame: BitwiseCopyable, Sendable {
        var number: Int32 = -1
        var received: Int16 = 0
        var count: Int16 = 0
        var isKey = false

        var isComplete: Bool { received >= count }
    }
    private struct Missing: BitwiseCopyable, Sendable {
        var sequence: UInt64
        var since: UInt64
        var nextRequest: UInt64
    }

    private let repairs: Bool
    private var frames = [Frame](repeating: Frame(), count: Self.remembered)
    private var next: Int32 = 0
    private var highest: UInt64?
    private var missing: [Missing] = []
    private var isWaitingForKey = false
    private var newestKey: Int32 = -1
    private var lastRequest: UInt64 = 0
    private(set) var quality = PictureQuality()
    /// Packets that no repair brought in time.
    private(set) var unrepaired = 0
    /// Packets, retransmitted ones included.
    private(set) var received = 0

    private static let remembered = 1024
    private static let repairLimit: UInt64 = 1_000_000_000
    private static let keyFrameInterval: UInt64 = 500_000_000
    private static let largestGap: UInt64 = 512
    /// Between looks at what is missing, in nanoseconds.
    static let repairInterval: UInt64 = 20_000_000

    init(repairs: Bool) { self.repairs = repairs }

    var needsRepair: Bool { !missing.isEmpty || isWaitingForKey }

    mutating func receive(_ packet: Packet, height: Int, now: UInt64) {
        received += 1
        notice(packet.detail, now: now)
        guard packet.frame >= next else { return }
        let slot = Int(packet.frame) & (Self.remembered - 1)
        if frames[slot].number != packet.frame {
            frames[slot] = Frame(number: packet.frame, count: packet.frameCount, isKey: packet.isKey)
        }
        frames[slot].received += 1
        if packet.isKey { newestKey = max(newestKey, packet.frame) }
        if !repairs, frames[slot].isComplete { next = packet.frame }
        show(height: height, now: now)
    }

    private mutating func notice(_ sequence: UInt64, now: UInt64) {
        guard let top = highest else {
            highest = sequence
            return
        }
        guard sequence > top else {
            missing.removeAll { $0.sequence == sequence }
            return
        }
        highest = sequence
        guard sequence - top > 1 else { return }
        guard repairs else {
            unrepaired += Int(sequence - top - 1)
            return
        }
        guard sequence - top <= Self.largestGap, missing.count < Int(Self.largestGap) else {
            unrepaired += Int(sequence - top - 1) + missing.count
            missing.removeAll()
            isWaitingForKey = true
            return
        }
        for number in top + 1..<sequence { missing.append(Missing(sequence: number, since: now, nextRequest: now)) }
    }

    private mutating func show(height: Int, now: UInt64) {
        if isWaitingForKey {
            guard newestKey >= next, frames[Int(newestKey) & (Self.remembered - 1)].isComplete else { return }
            isWaitingForKey = false
            next = newestKey
        }
        while true {
            let frame = frames[Int(next) & (Self.remembered - 1)]
            guard frame.number == next, frame.isComplete else { return }
            quality.show(height: height, now: now)
            next += 1
        }
    }

    /// A look at what is missing.
    /// - Returns: a NACK's first number and mask, and whether a key frame is wanted.
    mutating func repair(roundTrip: UInt64, now: UInt64) -> (nack: (first: UInt64, mask: UInt64)?, key: Bool) {
        let before = missing.count
        missing.removeAll { now - $0.since > Self.repairLimit }
        if missing.count < before {
            unrepaired += before - missing.count
            isWaitingForKey = true
        }
        var nack: (first: UInt64, mask: UInt64)?
        for index in missing.indices where missing[index].nextRequest <= now {
            let first = nack?.first ?? missing[index].sequence
            guard missing[index].sequence - first < 64 else { break }
            nack = (first, (nack?.mask ?? 0) | 1 << (missing[index].sequence - first))
            missing[index].nextRequest = now + roundTrip
        }
        let wantsKey = isWaitingForKey && now - lastRequest >= Self.keyFrameInterval
        if wantsKey { lastRequest = now }
        return (nack, wantsKey)
    }

    mutating func pause(now: UInt64) { quality.pause(now: now) }

    mutating func endQuality(now: UInt64) { quality.end(now: now) }
}

/// Freezes, frame rate and resolution of what is shown.
struct PictureQuality: Sendable {
    private(set) var shown = 0
    private(set) var freezes = 0
    /// Seconds.
    private(set) var frozen = 0.0
    private(set) var watched = 0.0
    /// Lines times frames.
    private(set) var lines = 0
    private var last: UInt64?
    private var recent = [Double](repeating: 0, count: Self.averaged)
    private var filled = 0

    /// Frames that the mean duration is over, as in webrtc-stats (`freezeCount`).
    private static let averaged = 30

    mutating func show(height: Int, now: UInt64) {
        shown += 1
        lines += height
        if let last {
            let gap = Double(now - last) / 1e9
            watched += gap
            note(gap)
        }
        last = now
    }

    /// A gap of at least three mean ones, or of a mean one and 150 ms, is a freeze.
    private mutating func note(_ gap: Double) {
        if filled >= Self.averaged {
            let mean = recent.reduce(0, +) / Double(Self.averaged)
            if gap >= max(3 * mean, mean + 0.15) {
                freezes += 1
                frozen += gap
            }
        }
        recent[filled % Self.averaged] = gap
        filled += 1
    }

    mutating func pause(now: UInt64) { last = nil }

    /// A picture that never moved again is frozen until the end.
    mutating func end(now: UInt64) {
        guard let last, now > last, Double(now - last) / 1e9 > 1 else { return }
        freezes += 1
        frozen += Double(now - last) / 1e9
        watched += Double(now - last) / 1e9
        self.last = now
    }

    var framesPerSecond: Double { watched > 0 ? Double(shown) / watched : 0 }
    var frozenShare: Double { watched > 0 ? frozen / watched : 0 }
    var freezesPerMinute: Double { watched > 0 ? Double(freezes) / watched * 60 : 0 }
    var meanHeight: Double { shown > 0 ? Double(lines) / Double(shown) : 0 }
}
