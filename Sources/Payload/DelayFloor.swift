import Wire

/// The least of differences between two clocks that packets have shown lately: what is above it is queueing.
///
/// It looks back over half a minute. So it follows clocks that drift apart (100 ppm are 3 ms in that time), and
/// routes that become longer; one packet that was faster than all others counts until it is forgotten.
struct DelayFloor: Sendable {
    /// Nanoseconds of one place.
    private static let placeLength: UInt64 = 4_000_000_000
    private static let places = 8
    /// The least difference in each stretch of time, as a ring; `max` where nothing came.
    private var least = [Int64](repeating: .max, count: DelayFloor.places)
    /// The number of the newest stretch.
    private var stretch: UInt64 = 0
    /// In nanoseconds; nil before the first observation. With silence, it stays.
    private(set) var minimum: Int64?

    mutating func observe(_ difference: Int64, now: Instant) {
        let current = now.nanoseconds / Self.placeLength
        if current > stretch {
            for step in 1...min(current - stretch, UInt64(Self.places)) {
                least[Int((stretch + step) % UInt64(Self.places))] = .max
            }
            // Beyond a whole ring all places are empty, and it does not matter which.
            stretch = current
        }
        let place = Int(current % UInt64(Self.places))
        least[place] = min(least[place], difference)
        minimum = least.min()
    }

    /// Moves all that was seen: one of the clocks was set.
    mutating func shift(by nanoseconds: Int64) {
        for place in least.indices where least[place] != .max { least[place] &+= nanoseconds }
        minimum = minimum.map { $0 &+ nanoseconds }
    }
}
