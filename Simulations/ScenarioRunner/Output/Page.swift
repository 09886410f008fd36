import ICE
import Simulator
import Wire

/// A run as one HTML page that needs nothing else: topology, ladder of the messages, plots and tables.
public struct Page {
    let report: RunReport

    public init(_ report: RunReport) { self.report = report }

    public func html() -> String {
        let title = HTML.escape(report.scenario.title)
        let verdict =
            report.isGood
            ? "<span class=\"badge good\">as expected</span>" : "<span class=\"badge bad\">not as expected</span>"
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(title)</title>
            <style>
            \(Self.style)
            </style>
            </head>
            <body>
            <main>
            <header>
            <h1>\(title) \(verdict)</h1>
            <p class="lead">\(HTML.escape(report.scenario.description))</p>
            <p class="meta">seed \(report.seed) · \(report.scenario.duration.text) of simulated time · \
            \(report.eventCount) events · replay hash <code>\(report.replayText)</code></p>
            </header>
            \(results())
            <section><h2>Network</h2>\(TopologyDrawing(report).svg())</section>
            <section><h2>Messages</h2>\(Ladder(report).html())</section>
            <section><h2>Over time</h2>\(Plots(report).html())</section>
            \(tables())
            </main>
            </body>
            </html>

            """
    }

    // MARK: Tables

    private func results() -> String {
        var html = "<section><h2>Calls</h2>"
        html += HTML.table(
            ["Call", "Side", "State at the end", "Path", "Connected after", "Round trip", "Pairs"],
            report.calls.flatMap { call in
                [call.from, call.to].map { side in
                    let host = side.host + (side.isLite ? " (lite)" : "")
                    let path = side.kinds.map { "\($0.local.word) → \($0.remote.word)" } ?? "none"
                    let connected = side.connected.map { ExpectationState.milliseconds($0 - call.start) } ?? "never"
                    let roundTrip = side.roundTripTime.map(ExpectationState.milliseconds) ?? "–"
                    return [call.name, host, "\(side.state)", path, connected, roundTrip, String(side.pairs)]
                }
            })
        if !report.verdicts.isEmpty {
            html += "<h3>Expectations</h3>"
            html += HTML.table(
                ["", "Expected", "Found"],
                report.verdicts.map { [$0.isMet ? "✓" : "✗", $0.expected, $0.found] })
        }
        if !report.violations.isEmpty {
            html += "<h3>Broken invariants</h3>"
            html += HTML.table(
                ["Invariant", "What happened", "What must hold"],
                report.violations.map { [$0.invariant.rawValue, $0.text, $0.invariant.sentence] })
        }
        return html + "</section>"
    }

    private func tables() -> String {
        var html = "<section><h2>Numbers</h2><div class=\"columns\">"
        html += "<div><h3>Hosts</h3>"
        html += HTML.table(
            ["Host", "Addresses", "Sent", "Received"],
            report.traffic.enumerated().map { index, host in
                [
                    host.name, report.addresses[index].map(\.description).joined(separator: " "),
                    "\(host.sent.packets) packets, \(host.sent.bytes) bytes",
                    "\(host.received.packets) packets, \(host.received.bytes) bytes",
                ]
            })
        html += "</div><div><h3>Drops</h3>"
        html +=
            report.drops.isEmpty
            ? "<p>Nothing was dropped.</p>"
            : HTML.table(["Where", "Why", "Packets"], report.drops.map { [$0.place, $0.reason, String($0.count)] })
        html += "</div></div><h3>States</h3>"
        var rows: [(Instant, [String])] = []
        for call in report.calls {
            for side in [call.from, call.to] {
                for change in side.states {
                    rows.append((change.time, [TextLog.time(change.time), call.name, side.host, "\(change.state)"]))
                }
                for change in side.selections {
                    let path = change.kinds.map { "sends to \(change.remote?.description ?? "?") (\($0))" } ?? "no path"
                    rows.append((change.time, [TextLog.time(change.time), call.name, side.host, path]))
                }
            }
        }
        for event in report.scenario.events {
            let time = Instant.origin + event.at
            rows.append((time, [TextLog.time(time), "", "", event.text]))
        }
        let sorted = rows.enumerated().sorted { ($0.element.0, $0.offset) < ($1.element.0, $1.offset) }
        html += HTML.table(["Seconds", "Call", "Host", "What"], sorted.prefix(400).map(\.element.1))
        if sorted.count > 400 { html += "<p class=\"note\">\(sorted.count - 400) more lines are left out.</p>" }
        return html + "</section>"
    }

    /// Both themes from one set of names.
    private static let style = """
        :root { color-scheme: light dark; --back: #fbfbfa; --card: #ffffff; --ink: #1c2126; --soft: #5f6b76;
          --line: #d9dee3; --a: #0b6bcb; --b: #b4460f; --c: #2f7d32; --d: #7b3fb5; --good: #1f7a3a; --bad: #c0271d;
          --wash: #eef3f8; --event: #b78103; }
        @media (prefers-color-scheme: dark) { :root { --back: #14181c; --card: #1b2127; --ink: #e4e9ee; --soft: #98a5b1;
          --line: #323b44; --a: #6cb2ff; --b: #ff9d66; --c: #7fd184; --d: #c69bff; --good: #6fd08c; --bad: #ff8077;
          --wash: #232c35; --event: #e6b84c; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--back); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
        main { max-width: 1180px; margin: 0 auto; padding: 24px 20px 60px; }
        h1 { font-size: 26px; line-height: 1.25; margin: 0 0 8px; }
        h2 { font-size: 19px; margin: 0 0 12px; }
        h3 { font-size: 15px; margin: 18px 0 8px; color: var(--soft); }
        section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 18px 20px;
          margin-top: 18px; overflow-x: auto; }
        .lead { max-width: 78ch; margin: 0 0 6px; }
        .meta, .note { color: var(--soft); font-size: 13px; margin: 6px 0 0; }
        .badge { font-size: 13px; font-weight: 600; border: 1px solid; border-radius: 999px; padding: 2px 10px;
          vertical-align: 3px; white-space: nowrap; }
        .good { color: var(--good); } .bad { color: var(--bad); }
        table { border-collapse: collapse; font-size: 13.5px; width: 100%; }
        th { text-align: left; color: var(--soft); font-weight: 600; }
        th, td { padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
        td { font-variant-numeric: tabular-nums; }
        .columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(380px, 1fr)); gap: 10px 30px; }
        svg { display: block; max-width: none; font-family: system-ui, sans-serif; }
        svg text { fill: var(--ink); font-size: 12px; }
        svg .soft { fill: var(--soft); } svg .small { font-size: 11px; }
        svg .name { font-weight: 600; font-size: 13px; }
        svg .box { fill: var(--wash); stroke: var(--line); }
        svg .wire { stroke: var(--soft); fill: none; stroke-width: 1.3; }
        svg .grid { stroke: var(--line); } svg .life { stroke: var(--line); stroke-dasharray: 3 4; }
        svg .request { stroke: var(--a); fill: var(--a); } svg .answer { stroke: var(--c); fill: var(--c); }
        svg .refusal { stroke: var(--bad); fill: var(--bad); } svg .media { stroke: var(--d); fill: var(--d); }
        svg .event { fill: var(--event); } svg .eventline { stroke: var(--event); stroke-dasharray: 5 3; }
        svg .lost { stroke: var(--bad); stroke-width: 2; fill: none; }
        svg .losttext { fill: var(--bad); font-size: 11px; }
        """
}

/// Small pieces of HTML and SVG.
enum HTML {
    static func escape(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    static func table(_ head: [String], _ rows: [[String]]) -> String {
        let header = head.map { "<th>\(escape($0))</th>" }.joined()
        let body = rows.map { row in "<tr>" + row.map(cell).joined() + "</tr>" }.joined(separator: "\n")
        return "<table><thead><tr>\(header)</tr></thead><tbody>\(body)</tbody></table>\n"
    }

    private static func cell(_ text: String) -> String {
        let style = text == "✓" ? " class=\"good\"" : text == "✗" ? " class=\"bad\"" : ""
        return "<td\(style)>\(escape(text))</td>"
    }

    static func text(_ x: Int, _ y: Int, _ text: String, style: String = "", anchor: String = "start") -> String {
        "<text x=\"\(x)\" y=\"\(y)\" class=\"\(style)\" text-anchor=\"\(anchor)\">\(escape(text))</text>\n"
    }

    static func line(_ x1: Int, _ y1: Int, _ x2: Int, _ y2: Int, style: String) -> String {
        "<line x1=\"\(x1)\" y1=\"\(y1)\" x2=\"\(x2)\" y2=\"\(y2)\" class=\"\(style)\"/>\n"
    }

    static func svg(_ width: Int, _ height: Int, _ body: String, label: String) -> String {
        "<svg width=\"\(width)\" height=\"\(height)\" viewBox=\"0 0 \(width) \(height)\" role=\"img\" "
            + "aria-label=\"\(escape(label))\">\n\(body)</svg>\n"
    }
}
