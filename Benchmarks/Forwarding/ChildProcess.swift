internal import CLinux
import Foundation

/// A program that runs beside the benchmark, with its output in a file.
package final class ChildProcess: Sendable {
    let identifier: Int32
    private let log: String
    private let end: Task<Int32, Never>

    /// Starts `command`; its first word is a path.
    init(_ command: [String], log: String, environment: [String: String] = [:]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.standardInput = FileHandle.nullDevice
        guard FileManager.default.createFile(atPath: log, contents: nil), let output = FileHandle(forWritingAtPath: log)
        else { throw BenchmarkError("cannot write \(log)") }
        process.standardOutput = output
        process.standardError = output
        // APUS_SUPERVISED ends the child when this process is gone.
        process.environment = ProcessInfo.processInfo.environment
            .merging(["APUS_SUPERVISED": "\(ProcessInfo.processInfo.processIdentifier)"]) { $1 }
            .merging(environment) { $1 }
        let (ends, continuation) = AsyncStream.makeStream(of: Int32.self)
        process.terminationHandler = {
            continuation.yield($0.terminationStatus)
            continuation.finish()
        }
        let mask = apus_signals_unblock()
        defer { apus_signals_restore(mask) }
        try process.run()
        identifier = process.processIdentifier
        self.log = log
        end = Task {
            for await status in ends { return status }
            return -1
        }
    }

    var isRunning: Bool {
        guard let sample = ProcessTable.sample(identifier) else { return false }
        return sample.parent == getpid()
    }

    /// The last lines of its output, for an error.
    var lastOutput: String {
        let text = FileManager.default.contents(atPath: log).map { String(decoding: $0, as: UTF8.self) } ?? ""
        return text.split(separator: "\n").suffix(8).joined(separator: "\n")
    }

    /// Asks it to end, after five seconds insists, and waits for the end.
    func stop() async {
        let identifier = identifier
        let descendants = ProcessTable.tree(identifier).dropFirst()
        let starts = descendants.map { ($0, ProcessTable.sample($0)?.startTicks) }
        kill(identifier, SIGTERM)
        let insist = Task {
            try await Task.sleep(for: .seconds(5))
            if isRunning { kill(identifier, SIGKILL) }
        }
        _ = await end.value
        insist.cancel()
        // What its parent left behind, if it is still the same process.
        for (process, start) in starts where start != nil && ProcessTable.sample(process)?.startTicks == start {
            kill(process, SIGTERM)
        }
    }

    /// Waits until `isReady` says so.
    func wait(for what: String, seconds: Double = 20, _ isReady: () async -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while await !isReady() {
            try Task.checkCancellation()
            guard isRunning else { throw BenchmarkError("\(what) has ended at once:\n\(lastOutput)") }
            guard ContinuousClock.now < deadline else {
                throw BenchmarkError("\(what) is not ready after \(seconds) s:\n\(lastOutput)")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Runs a short command to its end; what it wrote.
    @discardableResult
    package static func run(_ command: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.standardInput = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        let mask = apus_signals_unblock()
        defer { apus_signals_restore(mask) }
        do {
            try process.run()
        } catch {
            throw BenchmarkError("cannot run \(command[0]): \(error)")
        }
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw BenchmarkError("\(command.joined(separator: " ")) failed:\n\(output)")
        }
        return output
    }
}

/// Ports that are free now. Another program can take one before it is used; then the server says so.
package enum FreePort {
    package static func tcp() throws -> Int { try port(SOCK_STREAM) }
    package static func udp() throws -> Int { try port(SOCK_DGRAM) }

    private static func port(_ kind: __socket_type) throws -> Int {
        let descriptor = socket(AF_INET, Int32(kind.rawValue), 0)
        guard descriptor >= 0 else { throw BenchmarkError("no socket: errno \(errno)") }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { plain in
                guard unsafe bind(descriptor, plain, length) == 0 else { return Int32(-1) }
                return unsafe getsockname(descriptor, plain, &length)
            }
        }
        guard result == 0 else { throw BenchmarkError("no free port: errno \(errno)") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
