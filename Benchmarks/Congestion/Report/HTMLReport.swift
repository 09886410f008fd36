import Foundation

/// The whole suite as one page that needs nothing else: tables, and the first seed of each case over time.
public struct HTMLReport: Sendable {
    private let result: SuiteResult

    public init(_ result: SuiteResult) { self.result = result }

    public var html: String {
        let links = result.cases.map { "<a href=\"#\(Self.anchor($0.id))\">\(Self.escaped($0.id))</a>" }
        let head =
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
            + "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
            + "<title>Apus: congestion control</title><style>\(Self.style)</style></head>"
        let introduction =
            "<p>Cases of RFC 8867 with the metrics of RFC 8868: mean ± standard deviation over \(result.seeds) seeds "
            + "from \(result.from). Utilisation is media and TCP that arrived over what the link can carry; queueing "
            + "delay is that of media packets, the time of sending included. Rows in grey are reference figures of "
            + "other implementations. Plots show the first seed: rates as means, delays as maxima.</p>"
        let note = result.isComplete ? "" : "<p><strong>Stopped before the end.</strong></p>"
        return head + "<body><h1>Congestion control</h1>" + introduction + note
            + "<nav>\(links.joined(separator: " "))</nav>" + result.cases.map(section).joined() + "</body></html>\n"
    }

    // MARK: A case

    private func section(_ found: SuiteResult.Case) -> String {
        "<section id=\"\(Self.anchor(found.id))\"><h2>\(Self.escaped(found.id)) <small>\(Self.escaped(found.title))"
            + "</small></h2>" + windowTable(found) + changeTable(found) + pictureTable(found)
            + found.controllers.map(plots).joined() + "</section>"
    }

    private func windowTable(_ found: SuiteResult.Case) -> String {
        guard let first = found.controllers.first else { return "" }
        var rows: [String] = []
        for (index, window) in first.windows.enumerated() {
            let place = window.link == "bottleneck" ? "" : " \(window.link)"
            var head = [
                "\(TextReport.seconds(window.from))–\(TextReport.seconds(window.to)) s\(place)",
                TextReport.whole(window.capacity / 1000),
            ]
            for controller in found.controllers {
                rows.append(Self.row(head + cells(controller.controller, controller.windows[index])))
                head = ["", ""]
            }
            for figures in ReferenceFigures.all.window(found.id, from: window.from) {
                rows.append(Self.row(head + cells(figures), style: "reference"))
            }
        }
        return Self.table(
            [
                "window", "capacity kb/s", "controller", "utilisation", "media kb/s", "q50 ms", "q95 ms", "Jain",
                "loss %",
                "falls a minute", "kb/s of each flow",
            ], rows)
    }

    private func cells(_ name: String, _ window: ControllerResult.Window) -> [String] {
        let flows = window.flowRates.count > 1 ? window.flowRates.map { TextReport.whole($0.mean / 1000) } : []
        return [
            name, Self.figure(window.utilisation, 3), Self.figure(window.mediaRate, 0, scale: 1e-3),
            Self.figure(window.queueingMedian, 0), Self.figure(window.queueing95, 0), Self.figure(window.fairness, 3),
            Self.figure(window.loss, 2, scale: 100), Self.figure(window.oscillation, 1), flows.joined(separator: " / "),
        ]
    }

    private func cells(_ figures: ReferenceFigures.WindowFigures) -> [String] {
        let deviation = figures.utilisationDeviation.map { " ± " + Self.fixed($0, 3) } ?? ""
        let spread = figures.percentile95Deviation.map { " ± " + Self.fixed($0, 0) } ?? ""
        return [
            figures.controller, Self.fixed(figures.utilisation, 3) + deviation, Self.fixed(figures.mediaRate, 0),
            figures.median.map { Self.fixed($0, 0) } ?? "", Self.fixed(figures.percentile95, 0) + spread,
            Self.fixed(figures.fairness, 3), "", "", figures.flowRates.replacing("/", with: " / "),
        ]
    }

    private func changeTable(_ found: SuiteResult.Case) -> String {
        guard let first = found.controllers.first, !first.changes.isEmpty else { return "" }
        var rows: [String] = []
        for (index, change) in first.changes.enumerated() {
            let name = (change.kind == "up" ? "to 90 %" : "queue drained") + " after \(TextReport.seconds(change.at)) s"
            var head = [name]
            for controller in found.controllers {
                let change = controller.changes[index]
                let time = change.reached > 0 ? Self.figure(change.seconds, 1) : "never"
                rows.append(Self.row(head + [controller.controller, time, "\(change.reached) of \(controller.seeds)"]))
                head = [""]
            }
            let kind: Change.Kind = change.kind == "up" ? .up : .drain
            for figures in ReferenceFigures.all.change(found.id, Change(change.at, kind)) {
                let time = figures.seconds.map { Self.fixed($0, 1) + " ± " + Self.fixed(figures.deviation ?? 0, 1) }
                rows.append(
                    Self.row(
                        head + [figures.controller, time ?? "never", "\(figures.reached) of 10"], style: "reference"))
            }
        }
        return Self.table(["change", "controller", "seconds", "seeds"], rows)
    }

    private func pictureTable(_ found: SuiteResult.Case) -> String {
        let rows = found.controllers.map { controller in
            let picture = controller.picture
            return Self.row([
                controller.controller, Self.figure(picture.freezesPerMinute, 1),
                Self.figure(picture.frozenShare, 1, scale: 100), Self.figure(picture.framesPerSecond, 1),
                Self.figure(picture.height, 0), Self.figure(picture.loss, 2, scale: 100),
                Self.figure(picture.residualLoss, 3, scale: 100),
                controller.ratios.map { Self.fixed($0.mean, 2) }.joined(separator: " / "),
            ])
        }
        return Self.table(
            [
                "seen with", "freezes a minute", "frozen %", "frames a second", "lines", "loss %", "after repair %",
                "ratio 1 / 5 / 20 s",
            ], rows)
    }

    private func plots(_ controller: ControllerResult) -> String {
        guard let series = controller.series else { return "" }
        let seconds = Double(series.capacity.count) * series.binSeconds
        let isOne = series.rates.count == 1
        func lines(_ values: [[Double]], scale: Double = 1, isPeak: Bool = false) -> [SVGPlot.Line] {
            values.enumerated().map { index, values in
                SVGPlot.Line(
                    name: isOne ? "flow" : "flow \(index + 1)", style: "f\(index % 6)",
                    values: values.map { $0 * scale },
                    isPeak: isPeak)
            }
        }
        var rates = [SVGPlot.Line(name: "capacity", style: "capacity", values: series.capacity.map { $0 / 1e6 })]
        if isOne {
            rates += [SVGPlot.Line(name: "target", style: "target", values: series.targets[0].map { $0 / 1e6 })]
        }
        if !series.cross.isEmpty {
            rates.append(SVGPlot.Line(name: "TCP", style: "cross", values: series.cross.map { $0 / 1e6 }))
        }
        rates += lines(series.rates, scale: 1e-6)
        let plots = [
            SVGPlot(title: "\(controller.controller): rate, Mb/s", seconds: seconds, lines: rates, floor: 1),
            SVGPlot(
                title: "\(controller.controller): queueing delay, ms", seconds: seconds,
                lines: lines(series.delays, isPeak: true), floor: 50),
            SVGPlot(
                title: "\(controller.controller): lost packets in 200 ms", seconds: seconds,
                lines: lines(series.losses, isPeak: true), floor: 4),
        ]
        return "<div class=\"plots\">" + plots.map(\.svg).joined() + "</div>"
    }

    // MARK: Pieces

    private static func table(_ header: [String], _ rows: [String]) -> String {
        "<div class=\"wide\"><table><tr>" + header.map { "<th>\(escaped($0))</th>" }.joined() + "</tr>"
            + rows.joined() + "</table></div>"
    }

    private static func row(_ cells: [String], style: String = "own") -> String {
        "<tr class=\"\(style)\">" + cells.map { "<td>\(escaped($0))</td>" }.joined() + "</tr>"
    }

    private static func figure(_ summary: Summary, _ digits: Int, scale: Double = 1) -> String {
        fixed(summary.mean * scale, digits) + " ± " + fixed(summary.deviation * scale, digits)
    }

    private static func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

    private static func anchor(_ id: String) -> String {
        "case-" + id.replacing(" ", with: "-").replacing("%", with: "")
    }

    static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing("\"", with: "&quot;")
    }

    private static let style = """
        :root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--soft:#6a737d;--rule:#d8dee4;--f0:#0969da;\
        --f1:#bc4c00;--f2:#1a7f37;--f3:#8250df;--f4:#bf3989;--f5:#7d4e00;--cross:#cf222e}
        @media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--paper:#0d1117;--soft:#8b949e;--rule:#30363d;\
        --f0:#58a6ff;--f1:#f0883e;--f2:#56d364;--f3:#bc8cff;--f4:#ff7bcb;--f5:#d9a35b;--cross:#ff7b72}}
        body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:1400px;\
        margin:0 auto;padding:1rem}
        h2{margin:2.5rem 0 .5rem}h2 small{font-weight:400;color:var(--soft)}nav a{margin-right:.7rem;color:var(--f0)}
        .wide{overflow-x:auto;margin:.6rem 0}table{border-collapse:collapse;font-variant-numeric:tabular-nums;\
        font-size:13px}
        th{text-align:right;font-weight:600;border-bottom:2px solid var(--rule);padding:.15rem .6rem}
        td{text-align:right;padding:.1rem .6rem;border-bottom:1px solid var(--rule);white-space:nowrap}
        th:first-child,td:first-child{text-align:left}.reference td{color:var(--soft)}
        .plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(340px,1fr));gap:.5rem}svg{width:100%}
        svg text{fill:var(--ink);font:10px system-ui,sans-serif}svg .name{font-size:12px;font-weight:600}
        svg .tick{fill:var(--soft)}svg .end{text-anchor:end}svg .mid{text-anchor:middle}
        .grid{stroke:var(--rule);stroke-width:.6}polyline{fill:none;stroke-width:1.3;stroke-linejoin:round}
        .capacity{stroke:var(--ink);stroke-dasharray:4 3;stroke-width:1}.target{stroke:var(--soft);stroke-width:1}
        .cross{stroke:var(--cross)}.f0{stroke:var(--f0)}.f1{stroke:var(--f1)}.f2{stroke:var(--f2)}.f3{stroke:var(--f3)}
        .f4{stroke:var(--f4)}.f5{stroke:var(--f5)}
        """
}
