import Wire

@testable import Congestion

/// One bottleneck with a tail-drop queue between media senders and their receivers, in steps of a millisecond.
///
/// Small on purpose: enough to show what a controller does. The suite that measures is elsewhere.
struct LinkModel {
    struct Flow {
        var start = 0.0
        var end = Double.infinity
        var pause: ClosedRange<Double>?
        /// s, each way.
        var delay = 0.05
        var weight = 1.0
        var largestRate = 1_500_000.0
        var hasFeedback = true
    }

    var algorithm: CongestionAlgorithm
    /// From when, in s, the link carries so many bit/s.
    var capacity: [(from: Double, rate: Double)]
    var flows: [Flow]
    /// s.
    var duration: Double
    var queue = 0.3
    var jitter = 0.005
    var loss = 0.0
    var startRate: UInt64 = 150_000
    var smallestRate = 150_000.0
    /// Start and end of a long NewReno flow.
    var tcp: ClosedRange<Double>?
    /// Short NewReno transfers of 30 to 50 KB with pauses of ten seconds on average.
    var shortTCP = 0
    var marksECN = false
    var seed: UInt64 = 1

    struct Sample {
        var time: Double
        var delivered: [Double]
        var targets: [Double]
        var tcp: Double
        /// Queueing delay of delivered media packets, s.
        var delays: [Double]
        var lost: Int
    }

    struct Result {
        var samples: [Sample] = []
        var step = 0.2

        /// Delivered bit/s of all media flows between two times.
        func rate(_ range: Range<Double>, flow: Int? = nil) -> Double {
            let chosen = samples.filter { range.contains($0.time) }
            let bits = chosen.reduce(0.0) { sum, sample in
                sum + (flow.map { sample.delivered[$0] } ?? sample.delivered.reduce(0, +))
            }
            return chosen.isEmpty ? 0 : bits / (Double(chosen.count) * step)
        }

        func target(at time: Double, flow: Int = 0) -> Double {
            samples.last { $0.time <= time }?.targets[flow] ?? 0
        }

        func tcpRate(_ range: Range<Double>) -> Double {
            let chosen = samples.filter { range.contains($0.time) }
            return chosen.isEmpty ? 0 : chosen.reduce(0.0) { $0 + $1.tcp } / (Double(chosen.count) * step)
        }

        /// Seconds.
        func delay(_ range: Range<Double>, quantile: Double) -> Double {
            let all = samples.filter { range.contains($0.time) }.flatMap(\.delays).sorted()
            return all.isEmpty ? 0 : all[min(Int(Double(all.count) * quantile), all.count - 1)]
        }

        func jain(_ range: Range<Double>, flows: [Int]) -> Double {
            let rates = flows.map { rate(range, flow: $0) }
            let sum = rates.reduce(0, +)
            let squares = rates.reduce(0) { $0 + $1 * $1 }
            return squares > 0 ? sum * sum / (Double(rates.count) * squares) : 0
        }

        /// The last time within 15 s after `time` at which a packet waited longer than 100 ms, after `time`.
        func drain(after time: Double) -> Double {
            let late = samples.last {
                $0.time >= time && $0.time < time + 15 && ($0.delays.max() ?? 0) > 0.1
            }
            return late.map { $0.time + step - time } ?? 0
        }
    }

    func run() -> Result {
        var simulation = LinkSimulation(self)
        return simulation.run()
    }
}
