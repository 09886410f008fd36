import Foundation

/// What the suite must reach, as `Benchmarks/Thresholds/congestion.json` says.
public struct CongestionThresholds: Sendable, Codable {
    public enum Metric: String, Sendable, Codable {
        case utilisation, mediaRate, queueing95, fairness, loss
        /// Seconds of the change at `from`.
        case drain, up
        /// The largest ratio between equal flows in windows of 20 s.
        case ratio
    }

    /// The mean of a figure over the seeds; of all controllers or of one.
    public struct Threshold: Sendable, Codable {
        public var controller: String?
        /// A case of the table.
        public var id: String
        /// The second at which the window or the change begins; nil is the last window.
        public var from: Double?
        public var metric: Metric
        public var atLeast: Double?
        public var atMost: Double?

        private enum CodingKeys: String, CodingKey {
            case controller, from, metric, atLeast, atMost
            case id = "case"
        }
    }

    public var thresholds: [Threshold]

    public init(file: String) throws(SuiteError) {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw SuiteError("--check: there is no \(file), or it cannot be read")
        }
        do {
            self = try JSONDecoder().decode(Self.self, from: data)
        } catch {
            throw SuiteError("--check: \(file) holds no thresholds: \(error)")
        }
    }

    /// What `result` misses, in words. Cases and controllers that were not asked for are left out.
    public func missed(by result: SuiteResult) -> [String] {
        var missed: [String] = []
        for threshold in thresholds {
            guard let found = result.cases.first(where: { $0.id == threshold.id }) else { continue }
            for controller in found.controllers
            where (threshold.controller ?? controller.controller) == controller.controller {
                let place = threshold.from.map { " from \(TextReport.seconds($0)) s" } ?? ""
                let name = "\(threshold.id)\(place), \(controller.controller), \(threshold.metric.rawValue)"
                guard let value = Self.value(threshold, controller) else {
                    missed.append("\(name): not measured")
                    continue
                }
                let shown = String(format: "%.3g", value)
                if let least = threshold.atLeast, value < least {
                    missed.append("\(name): \(shown), wanted \(least) or more")
                }
                if let most = threshold.atMost, value > most {
                    missed.append("\(name): \(shown), wanted \(most) or less")
                }
            }
        }
        return missed
    }

    private static func value(_ threshold: Threshold, _ controller: ControllerResult) -> Double? {
        let window =
            threshold.from.map { from in controller.windows.first { $0.from == from } } ?? controller.windows.last
        let change = controller.changes.first { $0.at == threshold.from && $0.reached == controller.seeds }
        return switch threshold.metric {
        case .utilisation: window?.utilisation.mean
        case .mediaRate: window?.mediaRate.mean
        case .queueing95: window?.queueing95.mean
        case .fairness: window?.fairness.mean
        case .loss: window?.loss.mean
        case .drain, .up: change?.seconds.mean
        case .ratio: controller.ratios.last?.mean
        }
    }
}
