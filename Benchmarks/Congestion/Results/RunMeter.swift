import Congestion

/// Counts what arrives, in bins of 200 ms (RFC 8868 section 3) and in the scenario's windows.
struct RunMeter: Sendable {
    static let binSeconds = 0.2

    private struct WindowCount: Sendable {
        var delays = DelayHistogram()
        var flowBits: [Double]
        var crossBits = 0.0
        var lost: Int64 = 0
        var received: Int64 = 0
    }

    private let scenario: Scenario
    private var windows: [WindowCount]
    /// Seconds of the last time that the queue was above the drain's limit, for each change.
    private var drained: [Double]
    /// Bits of each flow in each bin.
    private var flowBins: [[Float]]
    private var crossBins: [Float]
    private var delayBins: [[Float]]
    private var lossBins: [[Float]]
    private var targetBins: [[Float]]
    private var received: [Int64]
    private var lost: [Int64]
    /// Which flows and connections use a window's link.
    private let usesFlow: [[Bool]]
    private let usesCross: [[Bool]]
    private static let drainMilliseconds = 100.0
    private static let drainSeconds = 15.0

    init(_ scenario: Scenario) {
        self.scenario = scenario
        let count = scenario.flows.count
        let bins = Int(scenario.duration / Self.binSeconds) + 1
        windows = scenario.windows.map { _ in WindowCount(flowBits: Array(repeating: 0, count: count)) }
        drained = scenario.changes.map(\.at)
        flowBins = Array(repeating: Array(repeating: 0, count: bins), count: count)
        crossBins = Array(repeating: 0, count: bins)
        delayBins = flowBins
        lossBins = flowBins
        targetBins = flowBins
        received = Array(repeating: 0, count: count)
        lost = received
        usesFlow = scenario.windows.map { window in scenario.flows.map { $0.forward.contains(window.link) } }
        usesCross = scenario.windows.map { window in scenario.tcp.map { $0.links.contains(window.link) } }
    }

    mutating func deliver(_ packet: Packet, flow: Int, missing: Int64, now: UInt64) {
        let time = Double(now) / 1e9
        let bin = min(Int(time / Self.binSeconds), crossBins.count - 1)
        // Padding and probes are not what anybody wanted to send.
        let bits = packet.kind == .padding ? 0 : Double(packet.size) * 8
        let delay = Double(packet.queueing) / 1e6
        flowBins[flow][bin] += Float(bits)
        delayBins[flow][bin] = max(delayBins[flow][bin], Float(delay))
        lossBins[flow][bin] += Float(missing)
        received[flow] += 1
        lost[flow] += missing
        for index in windows.indices where scenario.windows[index].contains(time) && usesFlow[index][flow] {
            windows[index].flowBits[flow] += bits
            if packet.kind != .padding { windows[index].delays.add(milliseconds: delay) }
            windows[index].received += 1
            windows[index].lost += missing
        }
        if delay > Self.drainMilliseconds, usesFlow.first?[flow] ?? true {
            noteQueue(at: time - scenario.flows[flow].delay / 1000)
        }
    }

    private mutating func noteQueue(at time: Double) {
        for (index, change) in scenario.changes.enumerated()
        where change.kind == .drain && time > change.at && time <= change.at + Self.drainSeconds {
            drained[index] = time
        }
    }

    mutating func deliverCross(_ packet: Packet, connection: Int, now: UInt64) {
        let time = Double(now) / 1e9
        let bits = Double(packet.size) * 8
        crossBins[min(Int(time / Self.binSeconds), crossBins.count - 1)] += Float(bits)
        for index in windows.indices where scenario.windows[index].contains(time) && usesCross[index][connection] {
            windows[index].crossBits += bits
        }
    }

    mutating func noteTarget(_ flow: Int, _ rate: UInt64, now: UInt64) {
        let bin = min(Int(Double(now) / 1e9 / Self.binSeconds), crossBins.count - 1)
        targetBins[flow][bin] = Float(rate)
    }

    // MARK: Results

    func result(
        algorithm: CongestionAlgorithm, seed: UInt64, flows: [CallSimulation.Flow], links: [Bottleneck],
        keepsSeries: Bool
    ) -> RunResult {
        let totals = received.indices.map { index in
            flowResult(flows[index], received: received[index], lost: lost[index])
        }
        return RunResult(
            seed: seed, windows: windows.indices.map { windowResult($0) },
            changes: scenario.changes.indices.map { changeResult($0) }, flows: totals,
            ratios: scenario.isSymmetric ? ratios() : [], series: keepsSeries ? series() : nil)
    }

    private func windowResult(_ index: Int) -> WindowResult {
        let window = scenario.windows[index]
        let count = windows[index]
        let seconds = window.to - window.from
        let media = count.flowBits.reduce(0, +)
        // Those that have begun; a paused one takes part.
        let taking = scenario.flows.indices.filter {
            usesFlow[index][$0] && scenario.flows[$0].start <= window.from && scenario.flows[$0].end > window.from
        }
        let rates = count.flowBits.map { $0 / seconds }
        let capacity = scenario.bits(of: window.link, from: window.from, to: window.to)
        return WindowResult(
            utilisation: (media + count.crossBits) / capacity, mediaRate: media / seconds,
            crossRate: count.crossBits / seconds, median: count.delays.quantile(0.5),
            percentile95: count.delays.quantile(0.95), fairness: Self.fairness(taking.map { rates[$0] }),
            flowRates: rates, loss: Double(count.lost) / Double(max(count.lost + count.received, 1)),
            oscillation: oscillation(window, flows: taking))
    }

    /// Jain, Chiu and Hawe 1984.
    static func fairness(_ rates: [Double]) -> Double {
        let sum = rates.reduce(0, +)
        let squares = rates.reduce(0) { $0 + $1 * $1 }
        return squares > 0 ? sum * sum / (Double(rates.count) * squares) : 1
    }

    /// How often a minute a flow falls from 15 % above its window's mean to 15 % below it (RFC 8868 section 3 leaves
    /// the marks open), in rates of one second, as a mean over the flows.
    private func oscillation(_ window: Window, flows: [Int]) -> Double {
        var falls = 0
        for flow in flows {
            let rates = seconds(of: flow, from: window.from, to: window.to)
            let mean = rates.reduce(0, +) / Double(max(rates.count, 1))
            var isHigh = false
            for rate in rates {
                if rate > 1.15 * mean { isHigh = true }
                if isHigh, rate < 0.85 * mean {
                    falls += 1
                    isHigh = false
                }
            }
        }
        return Double(falls) / Double(max(flows.count, 1)) / (window.to - window.from) * 60
    }

    private func seconds(of flow: Int, from: Double, to: Double, width: Double = 1) -> [Double] {
        let bins = Int((width / Self.binSeconds).rounded())
        var rates: [Double] = []
        var bin = Int((from / Self.binSeconds).rounded(.up))
        while bin + bins <= Int(to / Self.binSeconds) {
            rates.append(flowBins[flow][bin..<bin + bins].reduce(0) { $0 + Double($1) } / width)
            bin += bins
        }
        return rates
    }

    private func changeResult(_ index: Int) -> Double? {
        let change = scenario.changes[index]
        if change.kind == .drain { return drained[index] - change.at }
        let flows = scenario.flows.indices.filter { scenario.flows[$0].forward.contains(0) }
        let until = scenario.changes.first { $0.at > change.at }?.at ?? scenario.duration - 1
        let rates = flows.map { seconds(of: $0, from: change.at, to: until) }
        for second in rates.first?.indices ?? 0..<0 {
            let time = change.at + Double(second)
            let active = flows.count { scenario.flows[$0].start <= time }
            let goal = min(scenario.rate(of: 0, at: time + 0.5), Double(FlowDescription.maximumRate) * Double(active))
            if rates.reduce(0, { $0 + $1[second] }) >= 0.9 * goal { return Double(second + 1) }
        }
        return nil
    }

    /// RFC 8868 section 3: the largest ratio between two flows in windows of 1, 5 and 20 s of the last window.
    private func ratios() -> [Double] {
        guard let window = scenario.windows.last else { return [] }
        return [1.0, 5, 20].map { width in
            let width = min(width, (window.to - window.from).rounded(.down))
            let rates = scenario.flows.indices.map {
                seconds(of: $0, from: window.from, to: window.to, width: width)
            }
            var worst = 1.0
            for slot in rates.first?.indices ?? 0..<0 {
                let slice = rates.map { $0[slot] }
                worst = max(worst, (slice.max() ?? 1) / max(slice.min() ?? 1, 1))
            }
            return worst
        }
    }

    private func flowResult(_ flow: CallSimulation.Flow, received: Int64, lost: Int64) -> FlowResult {
        let quality = flow.video.quality
        return FlowResult(
            loss: Double(lost) / Double(max(lost + received, 1)),
            residualLoss: Double(flow.video.unrepaired) / Double(max(flow.sender.sentVideo, 1)),
            freezesPerMinute: quality.freezesPerMinute, frozenShare: quality.frozenShare,
            framesPerSecond: quality.framesPerSecond, height: quality.meanHeight)
    }

    private func series() -> RunSeries {
        let width = Self.binSeconds
        let bins = Int(scenario.duration / width)
        let capacity: [Double] =
            if let trace = scenario.links[0].trace {
                trace.rates(width: width, bins: bins)
            } else {
                (0..<bins).map { scenario.rate(of: 0, at: Double($0) * width) }
            }
        return RunSeries(
            binSeconds: width, capacity: capacity,
            rates: flowBins.map { $0.prefix(bins).map { Double($0) / width } },
            targets: targetBins.map { Self.held($0.prefix(bins).map { Double($0) }) },
            cross: scenario.tcp.isEmpty ? [] : crossBins.prefix(bins).map { Double($0) / width },
            delays: delayBins.map { $0.prefix(bins).map { Double($0) } },
            losses: lossBins.map { $0.prefix(bins).map { Double($0) } })
    }

    /// A value holds until the next one.
    private static func held(_ values: [Double]) -> [Double] {
        var last = 0.0
        return values.map { value in
            if value > 0 { last = value }
            return last
        }
    }
}
