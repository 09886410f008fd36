import Foundation
import Wire

/// How packets get lost.
public enum LossPattern: String, Sendable, Codable, CaseIterable {
    /// Each for itself.
    case random
    /// In outages of ``meanOutage`` on average (Gilbert and Elliott's model in time: everything is lost in the bad
    /// state, nothing in the good one, and both last for exponentially distributed times).
    case bursts

    /// Seconds; ten packets of the call.
    static let meanOutage = 0.04
}

/// Decides about one packet after the other.
struct LossProcess {
    private let pattern: LossPattern
    private let ratio: Double
    private var isBad = true
    private var until = Instant.origin
    private var random: SeededRandom

    init(_ pattern: LossPattern, ratio: Double, random: SeededRandom) {
        self.pattern = pattern
        self.ratio = ratio
        self.random = random
    }

    mutating func loses(at now: Instant) -> Bool {
        guard ratio > 0 else { return false }
        switch pattern {
        case .random: return draw() < ratio
        case .bursts:
            if until == .origin { until = now }
            while until <= now {
                isBad.toggle()
                // In the long run a share `ratio` of the time is bad.
                let mean = LossPattern.meanOutage * (isBad ? 1 : (1 - ratio) / ratio)
                until = until + .nanoseconds(Int64(-log(1 - draw()) * mean * 1e9) + 1)
            }
            return isBad
        }
    }

    private mutating func draw() -> Double { Double(random.next() >> 11) / Double(1 << 53) }
}

/// One direction of a leg: loses some, delays the rest by the same time, keeps the order.
struct Line {
    struct Datagram {
        var bytes: [UInt8]
        var isRTCP: Bool
    }

    private let delay: Interval
    private var loss: LossProcess
    private var underWay: [(arrival: Instant, datagram: Datagram)] = []
    private var first = 0
    private(set) var bytes = 0

    init(delay: Interval, loss: LossProcess) {
        self.delay = delay
        self.loss = loss
    }

    mutating func send(_ datagram: Datagram, now: Instant) {
        bytes += datagram.bytes.count
        guard !loss.loses(at: now) else { return }
        underWay.append((now + delay, datagram))
    }

    /// The next one that has arrived by `now`.
    mutating func next(now: Instant) -> Datagram? {
        guard first < underWay.count, underWay[first].arrival <= now else { return nil }
        first += 1
        defer {
            if first > 1_000 {
                underWay.removeFirst(first)
                first = 0
            }
        }
        return underWay[first - 1].datagram
    }
}
