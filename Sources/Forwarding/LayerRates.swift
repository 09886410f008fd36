import Wire

/// Bits per second of each layer of one stream, measured over windows of ``Limits/rateWindow`` and smoothed.
struct LayerRates: BitwiseCopyable {
    /// Layers beyond the highest are counted as the highest.
    static let layers = 4

    private var bytes = InlineArray<16, UInt32>(repeating: 0)
    private var rates = InlineArray<16, UInt32>(repeating: 0)
    private var windowStart = Instant.origin
    /// The highest layers that a whole window has shown.
    private(set) var highestSpatial = 0
    private(set) var highestTemporal = 0
    private(set) var isKnown = false

    /// Counts a packet of `count` bytes on the wire.
    mutating func count(_ count: Int, spatial: UInt8, temporal: UInt8, now: Instant) {
        let elapsed = now - windowStart
        let isOver = windowStart != .origin && elapsed >= (isKnown ? Limits.rateWindow : Limits.firstRateWindow)
        if isOver {
            // After a pause the window says nothing.
            if elapsed < Limits.rateWindow * 2 { close(elapsed) }
            bytes = InlineArray(repeating: 0)
        }
        if isOver || windowStart == .origin { windowStart = now }
        let place = min(Int(spatial), Self.layers - 1) * Self.layers + min(Int(temporal), Self.layers - 1)
        bytes[place] &+= UInt32(truncatingIfNeeded: count)
    }

    private mutating func close(_ elapsed: Interval) {
        highestSpatial = 0
        highestTemporal = 0
        for place in bytes.indices {
            let rate = UInt64(bytes[place]) &* 8_000 / UInt64(max(elapsed.milliseconds, 1))
            let measured = UInt32(clamping: rate)
            // Half of each new window: an encoder's rate varies from second to second.
            rates[place] = isKnown && rates[place] > 0 && measured > 0 ? rates[place] / 2 + measured / 2 : measured
            guard measured > 0 else { continue }
            highestSpatial = max(highestSpatial, place / Self.layers)
            highestTemporal = max(highestTemporal, place % Self.layers)
        }
        isKnown = true
    }

    /// What all layers up to these take together.
    func rate(spatial: Int, temporal: Int) -> UInt64 {
        var sum: UInt64 = 0
        for row in 0...min(max(spatial, 0), Self.layers - 1) {
            for column in 0...min(max(temporal, 0), Self.layers - 1) {
                sum += UInt64(rates[row * Self.layers + column])
            }
        }
        return sum
    }
}
