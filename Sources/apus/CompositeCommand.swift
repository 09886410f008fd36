import ArgumentParser
import CLinux
import CompositeBenchmark
import Foundation
import Synchronization

/// `apus bench composite`: one picture of many participants, or a recording of each, and what forwarding
/// beside it feels.
struct CompositeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "composite", abstract: "Measure a composite or recorders, and what forwarding beside them feels.",
        discussion: """
            Examples:
              apus bench composite                          nine of 640x360; about five minutes
              apus bench composite --rounds 1 --seconds 10  a first look
              apus bench composite --picture 1280x720 --picture-rate 25 --json composite.json
              apus bench composite --work recording         nine WebM files in place of one picture
              apus bench composite --check Benchmarks/Thresholds/composite.json
            It starts a cluster of its own, with one worker that forwards and mixes. Use a release build (swift build -c
            release) on a machine with nothing else to do. Ctrl-C shows what there is. Benchmarks/Composite/README.md
            is the method.
            """)

    @Option(help: "What is done with what participants send: composite or recording.", transform: Self.work)
    var work = CompositeSettings().work
    @Option(help: "Who is mixed or recorded: each sends VP8 and Opus.")
    var participants = CompositeSettings().participants
    @Option(help: "What each of them sends.", transform: Self.size) var size = CompositeSettings().size
    @Option(help: "Their pictures a second.") var frameRate = CompositeSettings().framesPerSecond
    @Option(help: "The composite's size.", transform: Self.size) var picture = CompositeSettings().picture
    @Option(help: "The composite's pictures a second.") var pictureRate = CompositeSettings().pictureRate
    @Option(help: "Viewers of the composite.") var viewers = CompositeSettings().viewers
    @Option(help: "Forwarding sessions beside it, of a publisher and two subscribers each.")
    var sessions = CompositeSettings().sessions
    @Option(help: "Seconds of one measurement.") var seconds = CompositeSettings().seconds
    @Option(help: "Rounds; each measures forwarding alone and beside the work.")
    var rounds = CompositeSettings().rounds
    @Option(help: "Write everything that was measured to this file.") var json: String?
    @Option(help: "Compare with the thresholds in this file; what is missed is named, and the exit code is 1.")
    var check: String?

    private static func work(_ text: String) throws -> CompositeSettings.Work {
        guard let work = CompositeSettings.Work(rawValue: text) else {
            throw ValidationError("`\(text)` is neither composite nor recording")
        }
        return work
    }

    private static func size(_ text: String) throws -> CompositeSettings.Size {
        guard let size = CompositeSettings.Size(text) else {
            throw ValidationError("`\(text)` is no size: write two even numbers from 16 to 4096, such as 640x360")
        }
        return size
    }

    func validate() throws {
        for (name, value, range) in [
            ("participants", participants, 1...30), ("frame-rate", frameRate, 1...60),
            ("picture-rate", pictureRate, 1...30), ("viewers", viewers, 1...30), ("sessions", sessions, 1...500),
            ("seconds", seconds, 1...3_600), ("rounds", rounds, 1...100),
        ] where !range.contains(value) {
            throw ValidationError("--\(name) takes \(range.lowerBound) to \(range.upperBound)")
        }
    }

    private var settings: CompositeSettings {
        var settings = CompositeSettings()
        settings.work = work
        settings.participants = participants
        settings.size = size
        settings.framesPerSecond = frameRate
        settings.picture = picture
        settings.pictureRate = pictureRate
        settings.viewers = viewers
        settings.sessions = sessions
        settings.seconds = seconds
        settings.rounds = rounds
        return settings
    }

    func run() async throws {
        let thresholds = try check.map { try CompositeThresholds(file: $0) }
        _ = apus_raise_file_limit()
        #if DEBUG
            Terminal.error("This is a debug build: its figures say nothing about Apus. Use swift build -c release.")
        #endif
        let run = CompositeRun(
            settings: settings, executable: try ForwardingCommand.executable(), note: { Terminal.error($0) })
        let found = Mutex<CompositeResult?>(nil)
        try await runUntilSignal {
            let result = try await run.run()
            found.withLock { $0 = result }
        }
        guard let result = found.withLock({ $0 }), !result.measurements.isEmpty else {
            throw CommandFailure("stopped before there was anything")
        }
        Terminal.line(result.text)
        if let json { try write(try result.json, to: json) }
        guard let thresholds else { return }
        let missed = thresholds.missed(by: result)
        guard missed.isEmpty else {
            throw CommandFailure("missed:\n" + missed.map { "  ✗ " + $0 }.joined(separator: "\n"))
        }
        Terminal.line("\nEvery threshold is reached.")
    }

    private func write(_ text: String, to path: String) throws {
        do {
            try text.write(toFile: path, atomically: false, encoding: .utf8)
        } catch {
            throw CommandFailure("--json \(path): cannot be written; name a file in a folder that exists")
        }
    }
}
