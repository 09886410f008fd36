/// What other implementations gave in the same cases, measured with them over ten seeds: libwebrtc's GCC (2026, no
/// field trial set), libwebrtc's SCReAMv2 of July 2026, and Cisco's NADA of 2017. Their encoder and pacer were not a
/// browser's; ±10 % is noise.
public struct ReferenceFigures: Sendable {
    public struct WindowFigures: Sendable, Hashable {
        public var controller: String
        public var utilisation: Double
        public var utilisationDeviation: Double?
        /// Kilobits per second.
        public var mediaRate: Double
        /// Milliseconds.
        public var median: Double?
        public var percentile95: Double
        public var percentile95Deviation: Double?
        public var fairness: Double
        /// Kilobits per second of each flow, with slashes.
        public var flowRates: String
    }

    public struct ChangeFigures: Sendable, Hashable {
        public var controller: String
        /// Nil where no seed reached it.
        public var seconds: Double?
        public var deviation: Double?
        /// Seeds of ten.
        public var reached: Int
    }

    private struct WindowKey: Hashable {
        var id: String
        var from: Double
    }
    private struct ChangeKey: Hashable {
        var id: String
        var at: Double
        var kind: String
    }

    private let windows: [WindowKey: [WindowFigures]]
    private let changes: [ChangeKey: [ChangeFigures]]

    public static let all = ReferenceFigures()

    private init() {
        var windows: [WindowKey: [WindowFigures]] = [:]
        for field in Self.rows(Self.windowText) where field.count == 12 {
            windows[WindowKey(id: field[0], from: Double(field[1]) ?? 0), default: []].append(
                WindowFigures(
                    controller: Self.name(field[3]), utilisation: Double(field[4]) ?? 0,
                    utilisationDeviation: Double(field[5]),
                    mediaRate: Double(field[6]) ?? 0, median: Double(field[7]), percentile95: Double(field[8]) ?? 0,
                    percentile95Deviation: Double(field[9]), fairness: Double(field[10]) ?? 1, flowRates: field[11]))
        }
        var changes: [ChangeKey: [ChangeFigures]] = [:]
        for field in Self.rows(Self.changeText) where field.count == 7 {
            changes[ChangeKey(id: field[0], at: Double(field[1]) ?? 0, kind: field[2]), default: []].append(
                ChangeFigures(
                    controller: Self.name(field[3]), seconds: Double(field[4]), deviation: Double(field[5]),
                    reached: Int(field[6]) ?? 0))
        }
        self.windows = windows
        self.changes = changes
    }

    private static func name(_ controller: String) -> String {
        (controller == "NADA" ? "Cisco " : "libwebrtc ") + controller
    }

    private static func rows(_ text: String) -> [[String]] {
        text.split(separator: "\n").map { line in
            line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
    }

    /// The figures of a window, GCC first; empty where there are none.
    public func window(_ id: String, from: Double) -> [WindowFigures] { windows[WindowKey(id: id, from: from)] ?? [] }

    /// The figures of a change, GCC first; empty where there are none.
    public func change(_ id: String, _ change: Change) -> [ChangeFigures] {
        changes[ChangeKey(id: id, at: change.at, kind: change.kind.rawValue)] ?? []
    }
}
