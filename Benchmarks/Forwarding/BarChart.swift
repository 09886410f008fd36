import Foundation

/// Groups of horizontal bars with error bars as SVG, readable on light and on dark pages.
public struct BarChart: Sendable {
    public struct Bar: Sendable {
        public var label: String
        public var value: Double
        public var low: Double
        public var high: Double
        /// Set apart by colour.
        public var isEmphasised: Bool

        public init(label: String, value: Double, low: Double, high: Double, isEmphasised: Bool = false) {
            self.label = label
            self.value = value
            self.low = low
            self.high = high
            self.isEmphasised = isEmphasised
        }
    }

    public struct Group: Sendable {
        public var title: String
        public var bars: [Bar]

        public init(title: String, bars: [Bar]) {
            self.title = title
            self.bars = bars
        }
    }

    public var title: String
    public var subtitle: String
    public var groups: [Group]

    public init(title: String, subtitle: String, groups: [Group]) {
        self.title = title
        self.subtitle = subtitle
        self.groups = groups
    }

    private static let width = 760.0
    private static let labelWidth = 168.0
    private static let valueWidth = 116.0
    private static let rowHeight = 26.0

    public var svg: String {
        let bars = groups.flatMap(\.bars)
        let most = max(bars.map { max($0.value, $0.high) }.max() ?? 1, 1e-9)
        let scale = (Self.width - Self.labelWidth - Self.valueWidth) / most
        var y = 62.0
        var body = ""
        for group in groups {
            body += text(16, y + 15, group.title, "group")
            y += 26
            for bar in group.bars {
                body += row(bar, y, scale)
                y += Self.rowHeight
            }
            y += 14
        }
        let height = Int(y)
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(Self.width)) \(height)" \
            width="\(Int(Self.width))" height="\(height)" role="img" aria-label="\(Self.escape(title))">
            <style>
            text { font: 13px system-ui, sans-serif; fill: #1f2328; }
            .title { font-size: 16px; font-weight: 600; }
            .group { font-weight: 600; }
            .note { fill: #59636e; }
            .bar { fill: #8c959f; }
            .own { fill: #0969da; }
            .error { stroke: #1f2328; stroke-width: 1.5; fill: none; }
            @media (prefers-color-scheme: dark) {
            text { fill: #e6edf3; }
            .note { fill: #9198a1; }
            .bar { fill: #6e7681; }
            .own { fill: #4493f8; }
            .error { stroke: #e6edf3; }
            .page { fill: #0d1117; }
            }
            </style>
            <rect class="page" width="100%" height="100%" fill="#ffffff" rx="8"/>
            \(text(16, 28, title, "title"))\(text(16, 48, subtitle, "note"))\(body)</svg>

            """
    }

    private func row(_ bar: Bar, _ y: Double, _ scale: Double) -> String {
        let start = Self.labelWidth
        let width = max(1, bar.value * scale)
        let middle = y + 10
        let low = start + bar.low * scale
        let high = start + bar.high * scale
        let end = start + max(bar.value, bar.high) * scale
        var row = text(28, y + 14, bar.label, "label")
        row += "<rect class=\"\(bar.isEmphasised ? "bar own" : "bar")\" x=\"\(Self.number(start))\""
        row += " y=\"\(Self.number(y))\" width=\"\(Self.number(width))\" height=\"20\" rx=\"3\"/>\n"
        row += "<path class=\"error\" d=\"M\(Self.number(low)) \(Self.number(middle - 5))v10"
        row += "M\(Self.number(low)) \(Self.number(middle))H\(Self.number(high))"
        row += "M\(Self.number(high)) \(Self.number(middle - 5))v10\"/>\n"
        return row + text(end + 8, y + 14, ResultTables.fixed(bar.value, 2) + " µs", "label")
    }

    private func text(_ x: Double, _ y: Double, _ text: String, _ style: String) -> String {
        "<text class=\"\(style)\" x=\"\(Self.number(x))\" y=\"\(Self.number(y))\">\(Self.escape(text))</text>\n"
    }

    private static func number(_ value: Double) -> String { String(format: "%.1f", value) }

    private static func escape(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }
}

extension BarChart {
    /// Server CPU for each delivered packet, by content; the error bars are the least and the most of the rounds.
    public init(_ result: BenchmarkResult) {
        let groups = Content.allCases.compactMap { content -> Group? in
            let bars = result.servers(with: content).compactMap { server in
                result.summary(server, content).map { summary in
                    Bar(
                        label: server.title, value: summary.cost, low: summary.leastCost, high: summary.mostCost,
                        isEmphasised: server == .apus)
                }
            }
            let title = "\(content.title), \(content.publishers) → \(result.settings.subscribers)"
            return bars.isEmpty ? nil : Group(title: title, bars: bars)
        }
        self.init(
            title: "Server CPU per forwarded packet",
            subtitle: "microseconds, less is better; median, least and most of the rounds; "
                + "\(Measurement.profile), \(result.machine.cores) cores, loopback",
            groups: groups)
    }
}
