import Foundation

/// How a TCP sender's window grows and shrinks, in segments.
public enum TCPAlgorithm: String, Sendable, CaseIterable {
    /// RFC 5681 with NewReno's recovery (RFC 6582).
    case newReno = "NewReno"
    /// RFC 9438, with the same recovery.
    case cubic = "CUBIC"
}

/// The congestion window of RFC 5681, in segments, with byte counting (RFC 3465, L = 1: an acknowledged segment counts
/// once, however many a delayed acknowledgement covers).
struct TCPWindow: Sendable {
    private let algorithm: TCPAlgorithm
    private(set) var window: Double
    private(set) var threshold: Double
    /// CUBIC (RFC 9438 section 4): segments, seconds.
    private var maximum = 0.0
    private var epoch: Double?
    private var inflection = 0.0
    private var friendly = 0.0
    private static let cubicScale = 0.4
    private static let cubicDecrease = 0.7

    /// Segments of RFC 6928.
    static let initialWindow = 10.0
    /// Of 1460 bytes: 64 KiB, as long as nothing is known of the path.
    static let initialThreshold = 65_536.0 / 1460

    init(_ algorithm: TCPAlgorithm) {
        self.algorithm = algorithm
        window = Self.initialWindow
        threshold = Self.initialThreshold
    }

    /// One segment was acknowledged outside recovery.
    mutating func grow(now: Double, roundTrip: Double) {
        if window < threshold {
            window += 1
            return
        }
        switch algorithm {
        case .newReno: window += 1 / window
        case .cubic: growCubic(now: now, roundTrip: roundTrip)
        }
    }

    private mutating func growCubic(now: Double, roundTrip: Double) {
        let start = epoch ?? now
        if epoch == nil {
            epoch = now
            friendly = window
            inflection = cbrt(max(0, maximum - window) / Self.cubicScale)
            if maximum < window { maximum = window }
        }
        let age = now - start + roundTrip - inflection
        let target = min(max(Self.cubicScale * age * age * age + maximum, window), 1.5 * window)
        // RFC 9438 section 4.3: what Reno with the same decrease would have.
        friendly += 3 * (1 - Self.cubicDecrease) / (1 + Self.cubicDecrease) / window
        window = max(window + (target - window) / window, friendly)
    }

    /// Loss was found by duplicate acknowledgements, with so many segments in flight.
    mutating func reduce(inFlight: Double) {
        switch algorithm {
        case .newReno:
            threshold = max(inFlight / 2, 2)
        case .cubic:
            // Fast convergence (section 4.7).
            maximum = window < maximum ? window * (1 + Self.cubicDecrease) / 2 : window
            threshold = max(min(window, inFlight) * Self.cubicDecrease, 2)
            epoch = nil
        }
        window = threshold
    }

    mutating func collapse(inFlight: Double) {
        reduce(inFlight: inFlight)
        window = 1
    }

    mutating func inflate(by segments: Double) { window += segments }

    /// RFC 6582 section 3.2 step 3: a partial acknowledgement takes away what it acknowledged, and adds a segment.
    mutating func deflate(acknowledged: Double) { window = max(window - acknowledged + 1, 1) }

    mutating func endRecovery(inFlight: Double) { window = min(threshold, max(inFlight, 1) + 1) }
}
