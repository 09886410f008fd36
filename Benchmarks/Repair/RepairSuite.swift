import Foundation

/// All losses on both legs, with repair and without.
public struct RepairSuite: Sendable {
    public static let losses = [0, 0.01, 0.02, 0.05, 0.1, 0.2]

    public var losses = RepairSuite.losses
    public var legs = Leg.allCases
    public var patterns = LossPattern.allCases
    public var seeds = 3
    public var from: UInt64 = 1
    /// Of each call.
    public var seconds = 60

    public init() {}

    public var callCount: Int { losses.count * legs.count * patterns.count * seeds * 2 }

    /// Runs every call; `isContinuing` is asked before each. What was finished is in the result.
    public func run(isContinuing: (Int) -> Bool = { _ in true }) -> RepairResult {
        var result = RepairResult(seeds: seeds, from: from, seconds: seconds)
        var done = 0
        for leg in legs {
            for pattern in patterns {
                for loss in losses {
                    var figures: [[RepairFigures]] = [[], []]
                    for seed in 0..<UInt64(seeds) {
                        for (index, isRepaired) in [false, true].enumerated() {
                            guard isContinuing(done) else { return result }
                            let call = RepairCall(
                                RepairCall.Settings(
                                    leg: leg, pattern: pattern, loss: loss, isRepaired: isRepaired, seconds: seconds,
                                    seed: from &+ seed))
                            figures[index].append(call.run())
                            done += 1
                        }
                    }
                    result.rows.append(
                        RepairResult.Row(
                            leg: leg, pattern: pattern, loss: loss, without: .mean(figures[0]),
                            with: .mean(figures[1])))
                }
            }
        }
        result.isComplete = true
        return result
    }
}

public struct RepairResult: Sendable, Codable {
    public struct Row: Sendable, Codable {
        public var leg: Leg
        public var pattern: LossPattern
        public var loss: Double
        public var without: RepairFigures
        public var with: RepairFigures
    }

    public var rows: [Row] = []
    public var seeds: Int
    public var from: UInt64
    public var seconds: Int
    public internal(set) var isComplete = false

    init(seeds: Int, from: UInt64, seconds: Int) {
        self.seeds = seeds
        self.from = from
        self.seconds = seconds
    }

    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    /// A line for each row: without repair → with it.
    public var text: String {
        var lines = [
            "leg   pattern  loss     frames in time %    frozen s/min   worst gap s      audio lost %"
                + "   key frames/min  repeated %"
        ]
        for row in rows {
            let (before, after) = (row.without, row.with)
            let head = Self.left(row.leg.rawValue, 6) + Self.left(row.pattern.rawValue, 8)
            lines.append(
                head
                    + String(
                        format: "%4.0f %%     %6.1f → %5.1f    %5.1f → %4.1f   %4.1f → %4.1f     %5.2f → %5.2f"
                            + "     %5.1f → %4.1f      %6.1f", row.loss * 100, before.framesInTime * 100,
                        after.framesInTime * 100, before.frozenPerMinute, after.frozenPerMinute, before.longestGap,
                        after.longestGap, before.audioLost * 100, after.audioLost * 100, before.keyFramesPerMinute,
                        after.keyFramesPerMinute, after.repeated * 100))
        }
        lines.append("")
        lines.append("Without repair → with it. \(seeds) calls of \(seconds) s each, seeds from \(from).")
        if !isComplete { lines.append("Stopped before the end.") }
        return lines.joined(separator: "\n")
    }

    private static func left(_ text: String, _ width: Int) -> String {
        text.padding(toLength: width, withPad: " ", startingAt: 0)
    }
}
