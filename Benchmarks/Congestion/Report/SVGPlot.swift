import Foundation

/// Lines over time as an SVG element that takes its colours from the page.
struct SVGPlot {
    struct Line {
        var name: String
        /// The class that gives it its colour.
        var style: String
        /// One for each bin.
        var values: [Double]
        /// How bins become one point.
        var isPeak = false
    }

    var title: String
    var seconds: Double
    var lines: [Line]
    /// The least that the axis reaches to.
    var floor: Double

    private static let width = 440.0
    private static let height = 210.0
    private static let left = 44.0
    private static let right = 8.0
    private static let top = 24.0
    private static let bottom = 40.0
    private static let points = 240

    private var plotWidth: Double { Self.width - Self.left - Self.right }
    private var plotHeight: Double { Self.height - Self.top - Self.bottom }

    var svg: String {
        let highest = lines.flatMap(\.values).max() ?? 0
        let step = Self.step(max(highest, floor))
        let limit = max(step, (max(highest, floor) / step).rounded(.up) * step)
        var parts = [
            "<svg viewBox=\"0 0 \(Int(Self.width)) \(Int(Self.height))\" role=\"img\">",
            "<title>\(HTMLReport.escaped(title))</title>",
            "<text class=\"name\" x=\"\(Int(Self.left))\" y=\"14\">\(HTMLReport.escaped(title))</text>",
        ]
        parts += grid(limit: limit, step: step)
        parts += lines.map { line in
            "<polyline class=\"\(line.style)\" points=\"\(coordinates(line, limit: limit))\"/>"
        }
        parts += legend()
        parts.append("</svg>")
        return parts.joined()
    }

    /// 1, 2 or 5 times a power of ten, so that there are three to six of them.
    private static func step(_ highest: Double) -> Double {
        guard highest > 0 else { return 1 }
        let power = pow(10, (log10(highest / 4)).rounded(.down))
        let share = highest / 4 / power
        return power * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10)
    }

    private func x(_ time: Double) -> Double { Self.left + time / seconds * plotWidth }

    private func y(_ value: Double, _ limit: Double) -> Double {
        Self.top + plotHeight * (1 - min(max(value / limit, 0), 1))
    }

    private func grid(limit: Double, step: Double) -> [String] {
        var parts: [String] = []
        for index in 0...Int((limit / step).rounded()) {
            let value = Double(index) * step
            let height = Self.fixed(y(value, limit))
            parts.append(
                Self.line("grid", from: Int(Self.left), to: Int(Self.width - Self.right), height: height)
            )
            parts.append(
                "<text class=\"tick end\" x=\"\(Int(Self.left) - 4)\" y=\"\(height)\" dy=\"3\">"
                    + "\(Self.number(value))</text>"
            )
        }
        let spacing = seconds > 200 ? 50.0 : seconds > 70 ? 20 : 10
        for time in stride(from: 0, through: seconds, by: spacing) {
            parts.append(
                "<text class=\"tick mid\" x=\"\(Self.fixed(x(time)))\" y=\"\(Int(Self.top + plotHeight) + 12)\">"
                    + "\(Int(time)) s</text>"
            )
        }
        return parts
    }

    private func coordinates(_ line: Line, limit: Double) -> String {
        let count = line.values.count
        let size = max(1, (count + Self.points - 1) / Self.points)
        var text = ""
        for start in stride(from: 0, to: count, by: size) {
            let bins = line.values[start..<min(start + size, count)]
            let value = line.isPeak ? bins.max() ?? 0 : bins.reduce(0, +) / Double(bins.count)
            let time = (Double(start) + Double(bins.count) / 2) / Double(count) * seconds
            if !text.isEmpty { text += " " }
            text += "\(Self.fixed(x(time))),\(Self.fixed(y(value, limit)))"
        }
        return text
    }

    private func legend() -> [String] {
        let base = Int(Self.height) - 8
        var place = Int(Self.left)
        return lines.map { line in
            defer { place += 26 + line.name.count * 6 }
            return
                Self.line(line.style, from: place, to: place + 14, height: String(base - 3))
                + "<text class=\"tick\" x=\"\(place + 18)\" y=\"\(base)\">\(HTMLReport.escaped(line.name))</text>"
        }
    }

    private static func line(_ style: String, from start: Int, to end: Int, height: String) -> String {
        "<line class=\"\(style)\" x1=\"\(start)\" x2=\"\(end)\" y1=\"\(height)\" y2=\"\(height)\"/>"
    }

    private static func fixed(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? String(tenths / 10) : "\(tenths / 10).\(tenths % 10)"
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() ? String(Int(value)) : String(format: "%g", (value * 1000).rounded() / 1000)
    }
}
