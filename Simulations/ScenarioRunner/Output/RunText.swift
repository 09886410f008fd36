import ICE
import Simulator
import Wire

/// What happened in a run, in words.
public enum RunText {
    public static func render(_ report: RunReport) -> String {
        var lines = ["\(report.scenario.title) (seed \(report.seed), \(report.scenario.duration.text) simulated)", ""]
        for call in report.calls { lines += describe(call) }
        for event in report.scenario.events.prefix(20) { lines.append("  at \(event.at.text): \(event.text)") }
        if report.scenario.events.count > 20 { lines.append("  and \(report.scenario.events.count - 20) more events") }
        lines += drops(report)
        if !report.verdicts.isEmpty { lines += ["", "Expected:"] }
        for verdict in report.verdicts {
            lines.append("  \(verdict.isMet ? "yes" : "NO ")  \(verdict.expected) (\(verdict.found))")
        }
        if !report.violations.isEmpty { lines += ["", "Broken invariants:"] }
        for violation in report.violations {
            lines.append("  \(violation.text)")
            lines.append("      \(violation.invariant.sentence)")
        }
        lines += ["", "\(report.eventCount) events, replay hash \(report.replayText)"]
        return lines.joined(separator: "\n")
    }

    private static func describe(_ call: RunReport.Call) -> [String] {
        let names = "\(call.name): \(call.from.host) and \(call.to.host)"
        var lines: [String] = []
        if let time = call.connectTime {
            lines.append("\(names) connected \(ExpectationState.milliseconds(time)) after the call began")
        } else {
            lines.append("\(names) did not connect")
        }
        for side in [call.from, call.to] {
            let path = side.kinds.map { "its \($0.local.word) to the other's \($0.remote.word)" } ?? "no path"
            var line = "  \(side.host): \(side.state) at the end, \(path)"
            line += side.isLite ? ", lite" : side.isControlling ? ", controls" : ""
            if let time = side.roundTripTime { line += ", round trip \(ExpectationState.milliseconds(time))" }
            lines.append(line)
        }
        return lines
    }

    private static func drops(_ report: RunReport) -> [String] {
        let sent = report.traffic.reduce(0) { $0 + $1.sent.packets }
        let received = report.traffic.reduce(0) { $0 + $1.received.packets }
        var lines = ["", "\(sent) packets were sent, \(received) arrived"]
        for drop in report.drops { lines.append("  \(drop.count) dropped at \(drop.place): \(drop.reason)") }
        return lines
    }
}

extension Candidate.Kind {
    /// For people who do not know the letters.
    var word: String {
        switch self {
        case .host: "own address"
        case .serverReflexive: "address seen by a server"
        case .peerReflexive: "address seen by the peer"
        case .relayed: "relay"
        }
    }
}
