import Foundation
import LoadGenerator

/// A server that runs for one measurement.
protocol ServerUnderTest: Sendable {
    /// How its clients come in.
    var signaling: any LoadSignaling { get }
    /// The process that forwards the media.
    var mediaProcess: Int32 { get }
    /// All processes of it, that one included.
    var processes: [Int32] { get }
    /// Version and configuration, for the report.
    var facts: ServerFacts { get }
    /// Ends it and waits for its end.
    func stop() async
}

/// What a reader must know to repeat a measurement.
public struct ServerFacts: Sendable, Codable, Hashable {
    public var version: String
    /// Settings that differ from the server's own defaults, and what they are for.
    public var configuration: String

    public init(version: String, configuration: String) {
        self.version = version
        self.configuration = configuration
    }
}

/// Where servers find what they need.
package struct Workshop: Sendable {
    /// The `apus` executable.
    let executable: String
    /// The folder `Benchmarks` of the checkout, with the sources in C.
    let sources: String
    /// For configurations, logs and what was compiled; removed in the end.
    let folder: String
    /// CPU that servers are pinned to; nil for none.
    var serverCPU: Int?

    package init(executable: String, sources: String, folder: String) {
        self.executable = executable
        self.sources = sources
        self.folder = folder
    }

    /// The command that runs `command` where the server belongs, and ends it when this process is gone.
    func guarded(_ command: [String]) -> [String] {
        pinned([executable, "guard", "--"] + command)
    }

    func pinned(_ command: [String]) -> [String] {
        serverCPU.map { ["/usr/bin/taskset", "-c", "\($0)"] + command } ?? command
    }

    func start(_ kind: ServerKind) async throws -> any ServerUnderTest {
        switch kind {
        case .apus: try await ApusServer(self)
        case .apusEmbedded: try await ApusServer(self, isEmbedded: true)
        case .apusWithoutFeedback: try await ApusServer(self, hasFeedback: false)
        case .limit: try await LimitServer(self, usesTrains: true)
        case .limitSendto: try await LimitServer(self, usesTrains: false)
        case .janus: try await JanusServer(self, eventLoops: 0)
        case .janusTuned: try await JanusServer(self, eventLoops: 2)
        }
    }

    /// Compiles C sources once; the path of the result.
    func compile(_ sources: [String], to name: String, flags: [String], libraries: [String]) throws -> String {
        let output = folder + "/" + name
        if FileManager.default.fileExists(atPath: output) { return output }
        let paths = sources.map { self.sources + "/" + $0 }
        for path in paths where !FileManager.default.fileExists(atPath: path) {
            throw BenchmarkError("there is no \(path); run the benchmark in a checkout, or name it with --sources")
        }
        try ChildProcess.run(["/usr/bin/cc", "-O2", "-o", output] + flags + paths + libraries)
        return output
    }
}

/// Why the benchmark cannot go on, in a sentence with a way out.
public struct BenchmarkError: Error, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}
