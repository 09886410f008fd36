import Foundation
import ICE
import Simulator
import Wire

extension Encounter.Relays {
    /// For people.
    var title: String {
        switch self {
        case .none: "STUN only"
        case .both: "STUN and TURN at both ends"
        case .onlyA: "TURN only at A"
        case .onlyB: "TURN only at B"
        }
    }
}

/// How a path goes.
enum PathKind: String {
    case direct, relay, fail

    init(_ outcome: Encounter.Outcome) {
        guard let kinds = outcome.kindsAtA else {
            self = .fail
            return
        }
        self = kinds.local == .relayed || kinds.remote == .relayed ? .relay : .direct
    }
}

/// The matrix for a terminal: green is direct, yellow relayed, red no path.
enum MatrixText {
    private static let width = 12

    static func render(_ run: MatrixRun, isColoured: Bool) -> String {
        let classes = EndpointClass.allCases
        var lines = ["A is the row and controls, B the column", ""]
        for (relays, cells) in run.tables {
            lines.append(padded(relays.title) + classes.map { padded($0.name) }.joined())
            for (index, row) in classes.enumerated() {
                let own = cells[(index * classes.count)..<((index + 1) * classes.count)]
                lines.append(padded(row.name) + own.map { coloured($0.outcome, isColoured) }.joined())
            }
            lines.append("")
        }
        for hasRelay in [false, true] {
            let cells = run.server.filter { $0.hasRelay == hasRelay }
            lines.append(
                padded(hasRelay ? "and TURN" : "to a server") + cells.map { coloured($0.outcome, isColoured) }.joined())
        }
        lines.append("")
        for table in NATVariations.Table.allCases where !run.tablesOnly {
            let cells = run.variations.filter { $0.table == table }
            let kinds = cells.map { PathKind($0.outcome) }
            func count(_ kind: PathKind) -> Int { kinds.count { $0 == kind } }
            lines.append(
                "\(table.rawValue): \(cells.count) cells, \(count(.direct)) direct, \(count(.relay)) relayed, "
                    + "\(count(.fail)) without a path (--json or --html names them)")
        }
        lines.append(times(run))
        lines.append("replay hash \(run.replayHash)")
        return lines.joined(separator: "\n")
    }

    static func times(_ run: MatrixRun) -> String {
        let times = run.tables.flatMap { $0.cells.compactMap(\.outcome.connectTime) }.sorted()
        let cells = run.tables.reduce(0) { $0 + $1.cells.count }
        guard let longest = times.last else { return "no cell of \(cells) has a path" }
        return
            "\(times.count) of \(cells) cells have a path; time to it p50 \(times[times.count / 2].milliseconds), p95 "
            + "\(times[times.count * 95 / 100].milliseconds), most \(longest.milliseconds) ms"
    }

    private static func padded(_ text: String) -> String {
        // Titles of tables are longer than a column, and wrap into the next line.
        text.count > width
            ? text + "\n" + String(repeating: " ", count: width)
            : text.padding(
                toLength: width, withPad: " ", startingAt: 0)
    }

    private static func coloured(_ outcome: Encounter.Outcome, _ isColoured: Bool) -> String {
        let text = padded(outcome.text)
        guard isColoured else { return text }
        let colour =
            switch PathKind(outcome) {
            case .direct: 32
            case .relay: 33
            case .fail: 31
            }
        return "\u{1B}[\(colour)m\(text)\u{1B}[0m"
    }
}

/// The matrix as a page of its own: no script, nothing from elsewhere.
enum MatrixPage {
    static func render(_ run: MatrixRun) -> String {
        var body =
            "<h1>NAT against NAT</h1>\n<p>A is the row and controls, B the column. H is a host’s own address, S one "
            + "that a STUN server saw, P one that only the peer saw, R a relay’s; A’s candidate first. "
            + "\(MatrixText.times(run)). Seed \(run.options.seed), replay hash <code>\(run.replayHash)</code>.</p>\n"
            + "<p><span class=direct>direct</span> <span class=relay>relayed</span> "
            + "<span class=fail>no path</span></p>\n"
        for (relays, cells) in run.tables { body += table(relays.title, cells) }
        body +=
            "<h2>Client to a public server with ICE lite</h2>\n<table><tr><th></th>"
            + EndpointClass.allCases.map { "<th>\($0.name)</th>" }.joined() + "</tr>\n"
        for hasRelay in [false, true] {
            body +=
                "<tr><th>\(hasRelay ? "with TURN" : "without")</th>"
                + run.server.filter { $0.hasRelay == hasRelay }.map { cell($0.outcome) }.joined() + "</tr>\n"
        }
        body += "</table>\n"
        for kind in NATVariations.Table.allCases where !run.tablesOnly {
            body += "<h2>\(kind.rawValue)</h2>\n<table class=list>"
            for entry in run.variations where entry.table == kind {
                body += "<tr><th>\(entry.name)</th>\(cell(entry.outcome))</tr>\n"
            }
            body += "</table>\n"
        }
        return page(body)
    }

    private static func table(_ title: String, _ cells: [NATMatrix.Cell]) -> String {
        let classes = EndpointClass.allCases
        var html = "<h2>\(title)</h2>\n<table><tr><th>A \\ B</th>" + classes.map { "<th>\($0.name)</th>" }.joined()
        html += "</tr>\n"
        for (index, row) in classes.enumerated() {
            let own = cells[(index * classes.count)..<((index + 1) * classes.count)]
            html += "<tr><th>\(row.name)</th>" + own.map { cell($0.outcome) }.joined() + "</tr>\n"
        }
        return html + "</table>\n"
    }

    private static func cell(_ outcome: Encounter.Outcome) -> String {
        let time = outcome.connectTime.map { "\($0.milliseconds) ms" } ?? "no path"
        return "<td class=\(PathKind(outcome).rawValue) title=\"\(time)\">\(outcome.text)</td>"
    }

    private static func page(_ body: String) -> String {
        """
        <!doctype html><html lang=en><head><meta charset=utf-8><title>NAT against NAT</title><style>
        :root { color-scheme: light dark; --ok: #1a7f37; --relay: #9a6700; --fail: #cf222e }
        @media (prefers-color-scheme: dark) { :root { --ok: #3fb950; --relay: #d29922; --fail: #f85149 } }
        body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
        table { border-collapse: collapse; font-variant-numeric: tabular-nums } .list { columns: 2 }
        th { font-weight: 500; text-align: left; font-size: 12px } th, td { padding: .2rem .45rem }
        td { text-align: center; color: #fff; border: 1px solid Canvas; font-family: ui-monospace, monospace }
        span { color: #fff; padding: .1rem .5rem } .direct { background: var(--ok) } .relay { background: var(--relay) }
        .fail { background: var(--fail) }
        </style></head><body>
        \(body)</body></html>

        """
    }
}
