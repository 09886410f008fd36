import Simulator
import Wire

/// Packets, bytes and drops over time.
struct Plots {
    private struct Series {
        var name: String
        var values: [Int]
    }

    private let report: RunReport
    private let bins: Int
    private let binLength: Interval
    private var packets: [Series] = []
    private var bytes: [Series] = []
    private var drops: [Series] = []

    private static let width = 1080
    private static let height = 170
    private static let left = 64
    private static let colours = ["--a", "--b", "--c", "--d", "--event", "--soft", "--good", "--bad"]
    /// More lines than that cannot be told apart.
    private static let lines = 8

    init(_ report: RunReport) {
        self.report = report
        let duration = max(report.scenario.duration.nanoseconds, 1)
        binLength = Interval(nanoseconds: max(duration / 120, 100_000_000))
        bins = Int(duration / binLength.nanoseconds) + 1
        let empty = [Int](repeating: 0, count: bins)
        packets = report.traffic.map { Series(name: $0.name, values: empty) }
        bytes = packets
        var lost: [String: [Int]] = [:]
        for entry in report.entries {
            let bin = Int(Int64(clamping: entry.time.nanoseconds) / binLength.nanoseconds)
            guard bin < bins, let datagram = entry.datagram else { continue }
            switch entry.kind {
            case .sent:
                packets[entry.host].values[bin] += 1
                bytes[entry.host].values[bin] += datagram.wireBytes
            case .dropped: lost[entry.text, default: empty][bin] += 1
            case .delivered, .copied, .signalled, .noted: break
            }
        }
        drops = lost.keys.sorted().map { Series(name: $0, values: lost[$0] ?? empty) }
    }

    func html() -> String {
        var html = plot("Packets sent, each second", packets) + plot("Bytes sent, each second", bytes)
        if !drops.isEmpty { html += plot("Packets dropped, each second", drops) }
        return html
    }

    private func plot(_ title: String, _ all: [Series]) -> String {
        let busiest = all.filter { $0.values.contains { $0 > 0 } }
            .sorted { $0.values.reduce(0, +) > $1.values.reduce(0, +) }
        let series = Array(busiest.prefix(Self.lines))
        guard !series.isEmpty else { return "" }
        let most = max(perSecond(series.flatMap(\.values).max() ?? 0), 1)
        var body = axes(most)
        for event in report.scenario.events {
            let x = x(Double(event.at.nanoseconds) / Double(max(report.scenario.duration.nanoseconds, 1)))
            body += HTML.line(x, 10, x, Self.height - 26, style: "eventline")
        }
        for (index, one) in series.enumerated() {
            let points = one.values.enumerated().map { bin, value in
                "\(x(Double(bin) / Double(max(bins - 1, 1)))),\(y(perSecond(value), most))"
            }
            body +=
                "<polyline fill=\"none\" stroke-width=\"1.6\" style=\"stroke: var(\(Self.colours[index]))\" points=\""
                + points.joined(separator: " ") + "\"/>\n"
        }
        let legend = series.enumerated().map {
            "<span style=\"color: var(\(Self.colours[$0.offset]))\">■</span> \(HTML.escape($0.element.name))"
        }.joined(separator: " &nbsp; ")
        let more = busiest.count > series.count ? " &nbsp; and \(busiest.count - series.count) more" : ""
        return "<h3>\(title)</h3>" + HTML.svg(Self.width, Self.height, body, label: title)
            + "<p class=\"note\">\(legend)\(more)</p>"
    }

    private func perSecond(_ value: Int) -> Int { value * 1_000_000_000 / Int(binLength.nanoseconds) }
    private func x(_ share: Double) -> Int { Self.left + Int(share * Double(Self.width - Self.left - 16)) }

    private func y(_ value: Int, _ most: Int) -> Int { Self.height - 26 - value * (Self.height - 40) / most }

    private func axes(_ most: Int) -> String {
        var body = ""
        for part in 0...2 {
            let value = most * part / 2
            body += HTML.line(Self.left, y(value, most), Self.width - 16, y(value, most), style: "grid")
            body += HTML.text(Self.left - 8, y(value, most) + 4, String(value), style: "soft small", anchor: "end")
        }
        let duration = report.scenario.duration.nanoseconds
        for part in 0...4 {
            let milliseconds = duration / 1_000_000 * Int64(part) / 4
            body += HTML.text(
                x(Double(part) / 4), Self.height - 8, "\(Decimal.format(milliseconds / 100, unit: 10)) s",
                style: "soft small", anchor: part == 4 ? "end" : "middle")
        }
        return body
    }
}
