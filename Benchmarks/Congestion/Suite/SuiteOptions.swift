import Congestion
import Foundation
import Simulator

/// The options of `apus bench congestion` as they were typed, and what they mean; errors name the option and what would
/// be right.
public struct SuiteOptions: Sendable {
    /// Cases, sections and sweeps with commas; nil is all.
    public var cases: String?
    public var seeds: Int
    public var from: UInt64
    /// Controllers with commas; nil is all.
    public var controller: String?
    /// The file of a mahimahi trace.
    public var trace: String?

    public static let seedRange = 1...1000

    public init(
        cases: String? = nil, seeds: Int = 10, from: UInt64 = 1, controller: String? = nil, trace: String? = nil
    ) {
        self.cases = cases
        self.seeds = seeds
        self.from = from
        self.controller = controller
        self.trace = trace
    }

    /// Names that `--controller` takes.
    public static var controllers: String { CongestionAlgorithm.allCases.map(\.rawValue).joined(separator: ", ") }

    /// The suite that they ask for.
    public func suite() throws(SuiteError) -> CongestionSuite {
        let range = Self.seedRange
        guard range.contains(seeds) else {
            throw SuiteError("--seeds is \(range.lowerBound) to \(range.upperBound), not \(seeds)")
        }
        var algorithms: [CongestionAlgorithm] = []
        for name in Self.words(controller) {
            guard let algorithm = CongestionAlgorithm(rawValue: name) else {
                throw SuiteError("--controller: `\(name)` is none of \(Self.controllers)")
            }
            if !algorithms.contains(algorithm) { algorithms.append(algorithm) }
        }
        let settings = SuiteSettings(
            cases: Self.words(cases), seeds: seeds, from: from,
            controllers: algorithms.isEmpty ? CongestionAlgorithm.allCases : algorithms,
            trace: try trace.map { (path) throws(SuiteError) in try Self.read(path) })
        return try CongestionSuite(settings)
    }

    private static func words(_ text: String?) -> [String] {
        (text ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }

    private static func read(_ path: String) throws(SuiteError) -> LinkTrace {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw SuiteError("--trace: there is no \(path), or it cannot be read")
        }
        do {
            return try LinkTrace(String(decoding: data, as: UTF8.self))
        } catch {
            throw SuiteError("--trace: \(path): \(error)")
        }
    }

    /// Writes a file that an option asked for.
    public static func write(_ text: String, to path: String, option: String) throws(SuiteError) {
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        } catch {
            throw SuiteError("\(option): cannot write \(path): \(error.localizedDescription)")
        }
    }
}
