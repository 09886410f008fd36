import Wire

/// How packets get lost.
public enum LossPattern: String, Sendable, Codable, CaseIterable {
    /// Each for itself.
    case random
    /// In bursts of five on average (Gilbert and Elliott's model: everything is lost in the bad state, nothing in the
    /// good one).
    case bursts

    /// Packets that one burst takes on average.
    static let burst = 5.0
}

/// Decides about one packet after the other.
struct LossProcess {
    private let pattern: LossPattern
    private let ratio: Double
    private var isBad = false
    private var random: SeededRandom

    init(_ pattern: LossPattern, ratio: Double, random: SeededRandom) {
        self.pattern = pattern
        self.ratio = ratio
        self.random = random
    }

    mutating func loses() -> Bool {
        guard ratio > 0 else { return false }
        let draw = Double(random.next() >> 11) / Double(1 << 53)
        switch pattern {
        case .random: return draw < ratio
        case .bursts:
            // In the long run a share `ratio` of the packets meets the bad state.
            let leave = 1 / LossPattern.burst
            let enter = leave * ratio / (1 - ratio)
            isBad = isBad ? draw >= leave : draw < enter
            return isBad
        }
    }
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
        guard !loss.loses() else { return }
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
