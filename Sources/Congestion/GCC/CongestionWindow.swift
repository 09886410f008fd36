import Wire

/// A window over bytes in flight that pushes the target back when feedback stalls (libwebrtc
/// `congestion_window_pushback_controller.cc`, its default string "QueueSize:350,MinBitrate:30000").
///
/// *Deviation:* libwebrtc's default lets the encoder drop frames instead; a server has no encoder, so that the target
/// falls, as libwebrtc did before.
struct CongestionWindow: Sendable, BitwiseCopyable {
    private static let queue = Interval.milliseconds(350)
    private static let least = 3_000.0
    /// bit/s.
    private static let leastTarget = 30_000.0

    /// Bytes; 0 while unknown.
    private var window = 0.0
    private(set) var ratio = 1.0

    /// A new window from the least of the last longest round trips.
    mutating func update(target: Double, roundTrip: Interval) {
        let fresh = max(target / 8 * (roundTrip + Self.queue).seconds, Self.least)
        window = window > 0 ? (window + fresh) / 2 : fresh
    }

    /// Moves the push-back by how full the window is.
    mutating func fill(_ bytesInFlight: Int) {
        guard window > 0 else { return }
        let fill = Double(bytesInFlight) / window
        if fill > 1.5 {
            ratio *= 0.9
        } else if fill > 1 {
            ratio *= 0.95
        } else if fill < 0.1 {
            ratio = 1
        } else {
            ratio = min(ratio * 1.05, 1)
        }
        ratio = max(ratio, 0.001)
    }

    func target(_ target: Double) -> Double {
        let pushed = target * ratio
        return pushed < Self.leastTarget ? min(target, Self.leastTarget) : pushed
    }
}
