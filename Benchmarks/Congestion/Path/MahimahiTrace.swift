import Wire

/// When a link can send, in mahimahi's format (Netravali et al. 2015): each line is a millisecond at which 1500 bytes
/// may pass, of one packet or of several; what is not used is gone. After the last line the trace begins anew.
public struct MahimahiTrace: Hashable, Sendable {
    /// Why a text is no trace; lines count from one.
    public enum Problem: Error, Hashable, Sendable, CustomStringConvertible {
        case empty
        case notANumber(line: Int)
        case goesBack(line: Int)
        case takesNoTime
        case tooLong

        public var description: String {
            switch self {
            case .empty: "the trace is empty: each line is to hold a time in milliseconds"
            case .notANumber(let line): "line \(line): not a whole number of milliseconds"
            case .goesBack(let line): "line \(line): earlier than the line before; sort the times"
            case .takesNoTime: "all times are 0: the last line is to hold the length of the trace"
            case .tooLong: "more than \(MahimahiTrace.maximumLines) lines; use a shorter part"
            }
        }
    }

    public static let maximumLines = 2_000_000
    /// Bytes of an opportunity, all headers included.
    static let opportunityBytes: Int32 = 1500

    /// Milliseconds from the beginning, in order.
    public let opportunities: [UInt32]

    public init(_ text: String) throws(Problem) {
        var opportunities: [UInt32] = []
        var lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        guard lines.count <= Self.maximumLines else { throw .tooLong }
        for (index, line) in lines.enumerated() {
            let digits = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            guard let time = UInt32(Substring(digits)), digits.first != UInt8(ascii: "+") else {
                throw .notANumber(line: index + 1)
            }
            guard time >= opportunities.last ?? 0 else { throw .goesBack(line: index + 1) }
            opportunities.append(time)
        }
        guard let last = opportunities.last else { throw .empty }
        guard last > 0 else { throw .takesNoTime }
        self.opportunities = opportunities
    }

    /// A trace like a cellular link's: a Markov chain over `rates` that moves to a neighbour after an exponential time,
    /// and in each state a Poisson stream of opportunities; now and then nothing passes for a while.
    ///
    /// A model of our own, meant to be rough rather than true: rates jump by a factor of two and outages last 300 ms.
    public static func cellular(seed: UInt64, seconds: Int = 120) -> MahimahiTrace {
        let rates = [0.3, 0.6, 1.2, 2.4, 4.8].map { $0 * 1e6 }
        var random = RunSeed(seed).stream("cellular trace")
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
        return MahimahiTrace(opportunities: opportunities)
    }

    /// - Parameter opportunities: in order, with a last one above 0.
    private init(opportunities: [UInt32]) { self.opportunities = opportunities }

    /// The trace as a file holds it.
    public var text: String { opportunities.map { "\($0)\n" }.joined() }

    /// Bits per second over the whole trace.
    public var meanRate: UInt64 {
        UInt64(opportunities.count) * UInt64(Self.opportunityBytes) * 8 * 1000 / period
    }

    private var period: UInt64 { UInt64(opportunities.last ?? 1) }

    /// When an opportunity is, in nanoseconds, counted from zero over all repetitions.
    func time(of number: UInt64) -> UInt64 {
        let (turn, index) = number.quotientAndRemainder(dividingBy: UInt64(opportunities.count))
        return (turn * period + UInt64(opportunities[Int(index)])) * 1_000_000
    }

    /// The number of the first opportunity that is not before a time in nanoseconds.
    func first(notBefore time: UInt64) -> UInt64 {
        let milliseconds = (time + 999_999) / 1_000_000
        let turn = milliseconds == 0 ? 0 : (milliseconds - 1) / period
        let rest = UInt32(milliseconds - turn * period)
        var (low, high) = (0, opportunities.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if opportunities[middle] < rest { low = middle + 1 } else { high = middle }
        }
        return turn * UInt64(opportunities.count) + UInt64(low)
    }

    /// Bits that may pass in each bin of `width` seconds, as bits per second, for the plots.
    func rates(width: Double, bins: Int) -> [Double] {
        var bits = Array(repeating: 0.0, count: bins)
        var number: UInt64 = 0
        while true {
            let bin = Int(Double(time(of: number)) / 1e9 / width)
            guard bin < bins else { break }
            bits[bin] += Double(Self.opportunityBytes) * 8
            number += 1
        }
        return bits.map { $0 / width }
    }
}
