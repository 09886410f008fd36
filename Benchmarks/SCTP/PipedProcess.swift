internal import CLinux
import ForwardingBenchmark
import Foundation

/// A program that says what it did in one line, and ends.
final class PipedProcess {
    private let process = Process()
    private let output = Pipe()
    private let name: String

    /// Starts `command`; its first word is a path.
    init(_ command: [String]) throws {
        name = command.joined(separator: " ")
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        let mask = apus_signals_unblock()
        defer { apus_signals_restore(mask) }
        do {
            try process.run()
        } catch {
            throw BenchmarkError("cannot run \(command[0]): \(error)")
        }
    }

    /// Waits for its end; what it wrote.
    func finish() throws -> String {
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw BenchmarkError("\(name) failed:\n\(text)") }
        return text
    }
}
