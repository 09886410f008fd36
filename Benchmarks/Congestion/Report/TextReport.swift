import Foundation

/// The table for a terminal: what was measured, and below it what others gave.
public struct TextReport: Sendable {
    private let result: SuiteResult

    public init(_ result: SuiteResult) { self.result = result }

    public var text: String {
        var lines: [String] = []
        for found in result.cases {
            lines.append("")
            lines.append("\(found.id)  \(found.title)")
            lines += windowLines(found)
            lines += changeLines(found)
            lines += pictureLines(found)
        }
        lines.append("")
        lines.append(
            String(
                format: "%d seed%@ from %llu; %.0f simulated flow-seconds in %.1f s of CPU (%.0f for each)",
                result.seeds, result.seeds == 1 ? "" : "s", result.from, result.flowSeconds, result.processorSeconds,
                result.flowSeconds / max(result.processorSeconds, 1e-9)))
        if !result.isComplete { lines.append("Stopped before the end.") }
        lines.append("Rows with · are reference figures (README.md of Benchmarks/Congestion).")
        return lines.joined(separator: "\n")
    }

    private static let header =
        "  window s   cap kb/s  controller            util           media kb/s   q50  q95 ms      Jain"
        + "   loss %  per flow kb/s"

    private func windowLines(_ found: SuiteResult.Case) -> [String] {
        guard let first = found.controllers.first else { return [] }
        var lines = [Self.header]
        for (index, window) in first.windows.enumerated() {
            let span = "\(Self.seconds(window.from))–\(Self.seconds(window.to))"
            let place = window.link == "bottleneck" ? span : "\(span) \(window.link)"
            var head = Self.left(place, 11) + Self.right(Self.whole(window.capacity / 1000), 8) + "  "
            for controller in found.controllers {
                lines.append("  " + head + row(controller.controller, controller.windows[index]))
                head = String(repeating: " ", count: 21)
            }
            for figures in ReferenceFigures.all.window(found.id, from: window.from) {
                lines.append("  " + head + row(figures))
            }
        }
        return lines
    }

    private func row(_ name: String, _ window: ControllerResult.Window) -> String {
        let flows = window.flowRates.count > 1 ? window.flowRates.map { Self.whole($0.mean / 1000) } : []
        return Self.left(name, 20)
            + String(
                format: "%6.3f ± %5.3f  %11.0f  %4.0f  %4.0f ± %3.0f  %6.3f  %6.2f", window.utilisation.mean,
                window.utilisation.deviation, window.mediaRate.mean / 1000, window.queueingMedian.mean,
                window.queueing95.mean, window.queueing95.deviation, window.fairness.mean, window.loss.mean * 100)
            + "  " + flows.joined(separator: "/")
    }

    private func row(_ figures: ReferenceFigures.WindowFigures) -> String {
        let deviation = figures.utilisationDeviation.map { String(format: "± %5.3f", $0) } ?? "       "
        let spread = figures.percentile95Deviation.map { String(format: "± %3.0f", $0) } ?? "     "
        return Self.left("· " + figures.controller, 20) + String(format: "%6.3f ", figures.utilisation) + deviation
            + String(format: "  %11.0f  ", figures.mediaRate)
            + Self.right(figures.median.map(Self.whole) ?? "", 4)
            + String(format: "  %4.0f ", figures.percentile95) + spread
            + String(format: "  %6.3f          ", figures.fairness) + figures.flowRates
    }

    private func changeLines(_ found: SuiteResult.Case) -> [String] {
        guard let first = found.controllers.first else { return [] }
        return first.changes.enumerated().map { index, change in
            let name = "  \(change.kind == "up" ? "90 %" : "drained") after \(Self.seconds(change.at)) s:"
            let own = found.controllers.map { controller in
                let change = controller.changes[index]
                return "\(controller.controller) " + Self.time(change.seconds, change.reached, controller.seeds)
            }
            let kind: Change.Kind = change.kind == "up" ? .up : .drain
            let others = ReferenceFigures.all.change(found.id, Change(change.at, kind)).map { figures in
                let summary = figures.seconds.map { String(format: "%.1f ± %.1f", $0, figures.deviation ?? 0) }
                let part = figures.reached == 10 || figures.reached == 0 ? "" : " (\(figures.reached) of 10)"
                return "· \(figures.controller) \(summary ?? "never")\(part)"
            }
            return Self.left(name, 23) + (own + others).joined(separator: ", ")
        }
    }

    private static func time(_ summary: Summary, _ reached: Int, _ seeds: Int) -> String {
        guard reached > 0 else { return "never" }
        let part = reached == seeds ? "" : " (\(reached) of \(seeds))"
        return String(format: "%.1f ± %.1f s", summary.mean, summary.deviation) + part
    }

    private func pictureLines(_ found: SuiteResult.Case) -> [String] {
        found.controllers.map { controller in
            let picture = controller.picture
            var text =
                "  seen with \(controller.controller): "
                + String(
                    format: "%.1f freezes a minute, %.1f %% of the time frozen, %.1f frames a second, %.0f lines, ",
                    picture.freezesPerMinute.mean, picture.frozenShare.mean * 100, picture.framesPerSecond.mean,
                    picture.height.mean)
                + String(
                    format: "loss %.2f %%, after repair %.3f %%", picture.loss.mean * 100,
                    picture.residualLoss.mean * 100)
            if !controller.ratios.isEmpty {
                text += "; ratio over 1/5/20 s "
                text += controller.ratios.map { String(format: "%.2f", $0.mean) }.joined(separator: "/")
            }
            return text
        }
    }

    static func seconds(_ value: Double) -> String {
        value == value.rounded() ? String(Int(value)) : String(format: "%.1f", value)
    }

    static func whole(_ value: Double) -> String { String(format: "%.0f", value) }

    private static func left(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
