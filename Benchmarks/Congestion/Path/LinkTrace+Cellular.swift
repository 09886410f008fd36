import Simulator
import Wire

extension LinkTrace {
    /// A trace like a cellular link's: a Markov chain over `rates` that moves to a neighbour after an exponential time,
    /// and in each state a Poisson stream of opportunities; now and then nothing passes for a while.
    ///
    /// A model of our own, meant to be rough rather than true: rates jump by a factor of two and outages last 300 ms.
    static func cellular(seed: UInt64, seconds: Int = 120) -> LinkTrace {
        let rates = [0.3, 0.6, 1.2, 2.4, 4.8].map { $0 * 1e6 }
        var random = RootSeed(seed).stream("cellular trace")
        var opportunities: [UInt32] = []
        var (time, state) = (0.0, 2)
        while time < Double(seconds) {
            let end = time + random.exponential(mean: 3)
            while time < min(end, Double(seconds)) {
                time += random.exponential(mean: Double(opportunityBytes) * 8 / rates[state])
                opportunities.append(UInt32(min(time, Double(seconds)) * 1000))
            }
            if random.unit() < 0.05 { time += random.exponential(mean: 0.3) }
            let goesUp = state == 0 || (state < rates.count - 1 && random.unit() < 0.5)
            state += goesUp ? 1 : -1
        }
        opportunities.append(UInt32(seconds * 1000))
        do {
            return try LinkTrace(opportunities)
        } catch {
            preconditionFailure("a trace of at least a second: \(error)")
        }
    }

    /// The trace as a file holds it.
    var text: String { opportunities.map { "\($0)\n" }.joined() }

    /// Bits that may pass in each bin of `width` seconds, as bits per second, for the plots.
    func rates(width: Double, bins: Int) -> [Double] {
        var bits = Array(repeating: 0.0, count: bins)
        var number: UInt64 = 0
        while true {
            let bin = Int(Double(time(of: number).nanoseconds) / 1e9 / width)
            guard bin < bins else { break }
            bits[bin] += Double(Self.opportunityBytes) * 8
            number += 1
        }
        return bits.map { $0 / width }
    }
}
