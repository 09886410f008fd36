public import ForwardingBenchmark
import Foundation
public import LoadGenerator

/// Processors that were busy: 1 is one of them all the time.
public struct ProcessorUsage: Sendable, Codable, Hashable {
    /// The process that forwards and mixes.
    public var media: Double
    /// The server's other processes.
    public var others: Double
    /// The load generator.
    public var generator: Double
    /// Programs that have nothing to do with it: where they take much, the figures are theirs as well.
    public var strangers: Double

    public init(media: Double = 0, others: Double = 0, generator: Double = 0, strangers: Double = 0) {
        self.media = media
        self.others = others
        self.generator = generator
        self.strangers = strangers
    }
}

/// Forwarding in one window, alone or beside other work.
public struct CompositeMeasurement: Sendable, Codable, Hashable {
    public var round: Int
    public var forwarding: LoadReport
    /// Of the participants and the composite's viewers; nil for forwarding alone.
    public var beside: LoadReport?
    /// nil where nothing was recorded.
    public var recordings: Recordings?
    public var usage: ProcessorUsage

    public init(round: Int, forwarding: LoadReport, beside: LoadReport? = nil, usage: ProcessorUsage) {
        self.round = round
        self.forwarding = forwarding
        self.beside = beside
        self.usage = usage
    }

    /// Of the viewer who got the fewest, or in the file with the fewest; nil for forwarding alone.
    public var picturesPerSecond: Double? {
        recordings?.picturesPerSecond ?? beside.map { $0.pictures?.map(\.perSecond).min() ?? 0 }
    }
    /// The fewest in a second; nil for recordings, whose times are their sources'.
    public var worstSecond: Int? {
        recordings == nil ? beside.map { $0.pictures?.map(\.worstSecond).min() ?? 0 } : nil
    }
    /// Milliseconds.
    public var longestGap: Double? {
        recordings?.longestGap ?? beside.map { $0.pictures?.map(\.longestGap).max() ?? 0 }
    }

    /// What makes the figures worthless.
    public var faults: [String] {
        var faults: [String] = []
        let media = forwarding.media
        for (name, report) in [("forwarding", forwarding), ("beside it", beside)] {
            guard let report else { continue }
            if report.isInterrupted { faults.append("\(name) was interrupted") }
            if report.joins.failed > 0 {
                let reasons = report.joins.failures.keys.sorted().joined(separator: ", ")
                faults.append("\(name): \(report.joins.failed) did not come in (\(reasons))")
            }
            if report.generator.isOverloaded { faults.append("\(name): the generator was overloaded") }
        }
        if media.corrupt + media.misdelivered > 0 {
            faults.append("\(media.corrupt) corrupt, \(media.misdelivered) misdelivered packets")
        }
        if media.delivered == 0 { faults.append("nothing was forwarded") }
        return faults
    }

    /// One line.
    var text: String {
        let added = forwarding.addedLatency
        var text =
            "round \(round)  \(beside == nil ? "alone " : "beside")  added p50 \(fixed(added.p50, 2)),"
            + " p99 \(fixed(added.p99, 2)) ms  media \(fixed(usage.media, 2)) processors"
        if let picturesPerSecond, let longestGap {
            text += "  \(fixed(picturesPerSecond, 1)) pictures/s, longest gap \(fixed(longestGap, 0)) ms"
        }
        return text + (faults.isEmpty ? "" : "  ✗ " + faults.joined(separator: "; "))
    }
}

/// All that a run measured.
public struct CompositeResult: Sendable, Codable, Hashable {
    public var machine: Machine
    public var settings: CompositeSettings
    /// Bits of each participant's pictures in a second, as they were encoded.
    public var bitRate: Int
    public var measurements: [CompositeMeasurement] = []
    public var isInterrupted = false

    public init(machine: Machine, settings: CompositeSettings, bitRate: Int) {
        self.machine = machine
        self.settings = settings
        self.bitRate = bitRate
    }

    public func measurements(beside: Bool) -> [CompositeMeasurement] {
        measurements.filter { ($0.beside != nil) == beside }
    }

    /// The median of all rounds; nil when there is none.
    public func median(beside: Bool, _ figure: (CompositeMeasurement) -> Double) -> Double? {
        Statistics.median(measurements(beside: beside).map(figure))
    }

    /// The fewest pictures a second that a viewer, or a file, had in any round.
    public var picturesPerSecond: Double? { measurements.compactMap(\.picturesPerSecond).min() }

    public var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }

    /// Tables for a terminal.
    public var text: String {
        let machineText = "\(machine.processor), \(machine.cores) processors, Linux \(machine.kernel)"
        let rounds = "median of \(settings.rounds) × \(settings.seconds) s"
        return [workText, "\(machineText); \(rounds)", "", forwardingTable.text, "", picturesText]
            .joined(separator: "\n")
    }

    private var workText: String {
        let sent =
            "\(settings.participants) × \(settings.size) at \(settings.framesPerSecond)/s and "
            + "\(fixed(Double(bitRate) / 1e6, 2)) Mbit/s "
        let use =
            settings.work == .recording
            ? "into a WebM file each"
            : "into \(settings.picture) at \(settings.pictureRate)/s for \(settings.viewers) viewers"
        return sent + use + "; \(settings.sessions) forwarding sessions beside it"
    }

    private var picturesText: String {
        let all = measurements(beside: true)
        guard let rate = picturesPerSecond, let gap = all.compactMap(\.longestGap).max() else { return "" }
        let figures = "\(fixed(rate, 1)) pictures/s for the %@ with the fewest, longest gap \(fixed(gap, 0)) ms"
        guard let worst = all.compactMap(\.worstSecond).min() else {
            let files = all.compactMap(\.recordings).reduce(0) { $0 + $1.files }
            return "recorders: " + figures.replacing("%@", with: "file") + ", \(files) files"
        }
        return "composite: " + figures.replacing("%@", with: "viewer") + ", worst second \(worst)"
    }

    private var forwardingTable: TextTable {
        let isRecording = settings.work == .recording
        var table = TextTable([
            "forwarding", "alone", isRecording ? "beside recorders" : "beside the composite", "difference",
        ])
        func add(_ name: String, _ digits: Int, _ figure: (CompositeMeasurement) -> Double) {
            let (alone, beside) = (median(beside: false, figure), median(beside: true, figure))
            let difference = alone.flatMap { alone in beside.map { $0 - alone } }
            table.add([name] + [alone, beside, difference].map { $0.map { fixed($0, digits) } ?? "–" })
        }
        add("added latency p50, ms", 2) { $0.forwarding.addedLatency.p50 }
        add("added latency p99, ms", 2) { $0.forwarding.addedLatency.p99 }
        add("largest, ms", 1) { $0.forwarding.addedLatency.max }
        add("lost packets", 0) { Double($0.forwarding.media.lost) }
        add("processors, media process", 2) { $0.usage.media }
        add("processors, other processes", 2) { $0.usage.others }
        add("processors, load generator", 2) { $0.usage.generator }
        add("processors, other programs", 2) { $0.usage.strangers }
        return table
    }
}

/// What a run must reach, as `Benchmarks/Thresholds/composite.json` says.
public struct CompositeThresholds: Sendable, Codable, Hashable {
    /// Pictures a second, for every viewer in every round.
    public var picturesPerSecond: Double
    /// Milliseconds of added latency, p99 of forwarding beside the composite, median of the rounds.
    public var addedLatency: Double

    public init(picturesPerSecond: Double, addedLatency: Double) {
        self.picturesPerSecond = picturesPerSecond
        self.addedLatency = addedLatency
    }

    public init(file: String) throws { self = try Thresholds.read(file) }

    /// What `result` misses, in words.
    public func missed(by result: CompositeResult) -> [String] {
        var missed: [String] = []
        for measurement in result.measurements {
            missed += measurement.faults.map { "round \(measurement.round): \($0)" }
        }
        // One picture more or less may lie at the edge of the window.
        let edge = 1 / Double(max(result.settings.seconds, 1))
        if let rate = result.picturesPerSecond {
            if rate + edge < picturesPerSecond {
                missed.append("pictures a second: \(fixed(rate, 2)), wanted \(picturesPerSecond) or more")
            }
        } else {
            missed.append("pictures a second: not measured")
        }
        if let latency = result.median(beside: true, { $0.forwarding.addedLatency.p99 }) {
            if latency > addedLatency {
                missed.append("added latency p99 in ms: \(fixed(latency, 2)), wanted \(addedLatency) or less")
            }
        } else {
            missed.append("added latency: not measured")
        }
        return missed
    }
}

private func fixed(_ value: Double, _ digits: Int) -> String { ResultTables.fixed(value, digits) }
