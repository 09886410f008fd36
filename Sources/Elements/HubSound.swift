import Media
import Wire

/// The sound of one port on its hub's clock: written as it is decoded, read in steps.
///
/// A source's clock runs at another speed than ours: what it is ahead or behind is taken back by a few samples in each
/// packet, which nobody hears, and by more of them while the delay before it shrinks. What is missing is silence.
struct HubSound {
    /// Two channels, interleaved, from `start` on.
    private var samples: [Int16] = []
    /// Samples of one channel since the hub's origin.
    private var start = 0

    private static let channels = 2
    private static let rate = AudioFrame.sampleRate
    private static let stepCount = HubMixer.stepSamples / channels
    /// Below this, clocks agree.
    private static let tolerance = rate / 1000
    /// Sound that comes this much later than it follows on leaves a gap: what was before is being read already.
    private static let latest = rate / 200
    /// Sound that comes this much earlier is cut.
    private static let earliest = rate / 25
    /// Samples that one packet is made longer or shorter by where clocks differ.
    private static let correction = 4
    /// The part of a packet that is left out where the sound is further off: what `DelayEstimator` takes back, and a
    /// little more.
    private static let hurry = 48

    private var end: Int { start + samples.count / Self.channels }

    /// - Parameter position: where the first sample belongs, in samples since the hub's origin.
    mutating func write(_ sound: [Int16], at position: Int) {
        let count = sound.count / Self.channels
        guard count > 0, position - start < Int(Limits.heldSound.milliseconds) * Self.rate / 1000 else { return }
        let error = position - end
        switch error {
        case (Self.latest + 1)...:
            samples += [Int16](repeating: 0, count: error * Self.channels)
            samples += sound
        case (Self.tolerance + 1)...Self.latest: samples += Self.stretch(sound, to: count + Self.correction)
        case -Self.tolerance...Self.tolerance: samples += sound
        case -Self.latest..<(-Self.tolerance):
            samples += Self.stretch(sound, to: max(count - Self.correction, 1))
        case -Self.earliest..<(-Self.latest):
            samples += Self.stretch(sound, to: max(count - max(count / Self.hurry, Self.correction), 1))
        default: samples += sound.dropFirst(min(-error, count) * Self.channels)
        }
    }

    /// The samples of a step; nil when there are none. Steps are read in order, each once.
    mutating func read(_ step: Int) -> [Int16]? {
        let (from, to) = (step * Self.stepCount, (step + 1) * Self.stepCount)
        defer {
            samples.removeFirst(min(max((to - start) * Self.channels, 0), samples.count))
            start = max(start, to)
        }
        let first = max(from, start)
        guard first < min(to, end) else { return nil }
        var result = [Int16](repeating: 0, count: (first - from) * Self.channels)
        result += samples[(first - start) * Self.channels..<(min(to, end) - start) * Self.channels]
        result += [Int16](repeating: 0, count: HubMixer.stepSamples - result.count)
        return result
    }

    /// The same sound in another number of samples, by straight lines between them.
    static func stretch(_ sound: [Int16], to count: Int) -> [Int16] {
        let length = sound.count / channels
        guard length > 1, count > 1 else { return sound }
        var result: [Int16] = []
        result.reserveCapacity(count * channels)
        for index in 0..<count {
            let (place, rest) = (index * (length - 1)).quotientAndRemainder(dividingBy: count - 1)
            for channel in 0..<channels {
                let left = Int(sound[place * channels + channel])
                let right = Int(sound[min(place + 1, length - 1) * channels + channel])
                result.append(Int16(clamping: left + (right - left) * rest / (count - 1)))
            }
        }
        return result
    }
}
