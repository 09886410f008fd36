import ForwardingBenchmark
import Foundation

/// Which SCTP.
public enum Stack: String, Sendable, Codable, Hashable, CaseIterable {
    case apus
    case usrsctp
}

/// Bulk transfers between two ends of one stack, in turns: Apus with Apus, usrsctp with usrsctp.
public struct SCTPRun: Sendable {
    /// Bytes of the messages, in the order of the tables.
    public var messageLengths = [16_384, 65_536]
    public var rounds = 7
    /// Milliseconds of each transfer that do not count, and those that do.
    public var warmUp: Int64 = 500
    public var window: Int64 = 2_000
    /// Sender on core 0 and receiver on core 1.
    public var isPinned = true
    /// Path of `apus`.
    private let executable: String
    /// The folder `Benchmarks` of the checkout.
    private let sources: String

    /// Bytes of an SCTP packet: what is left of Apus's DTLS datagrams.
    private static let packetLength = 1_160

    public init(executable: String, sources: String) {
        self.executable = executable
        self.sources = sources
    }

    /// Runs every round; `status` is told of each transfer. Cancelled, it returns the rounds that are whole.
    public func run(status: (String) -> Void) async throws -> SCTPResult {
        let folder = NSTemporaryDirectory() + "apus-bench-sctp-\(ProcessInfo.processInfo.processIdentifier)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let peer = try compilePeer(into: folder)
        var result = SCTPResult(machine: .this, run: self)
        for round in 0..<rounds {
            var samples: [SCTPResult.Sample] = []
            for length in messageLengths {
                // Who begins changes, so that a machine that becomes slower is slower for both.
                for stack in round.isMultiple(of: 2) ? [Stack.apus, .usrsctp] : [.usrsctp, .apus] {
                    guard !Task.isCancelled else { return result }
                    status("round \(round + 1) of \(rounds), \(length / 1_024) KiB, \(stack.rawValue)")
                    let program = stack == .apus ? [executable, "bench", "sctp-end"] : [peer]
                    samples.append(try await transfer(program, stack, length))
                }
            }
            result.rounds.append(samples)
        }
        result.isComplete = true
        return result
    }

    private func compilePeer(into folder: String) throws -> String {
        let paths = ["SCTP/peer.c", "SCTP/CUSRSCTP/end.c"].map { sources + "/" + $0 }
        for path in paths where !FileManager.default.fileExists(atPath: path) {
            throw BenchmarkError("there is no \(path); run the benchmark in a checkout, or name it with --sources")
        }
        let output = folder + "/usrsctp"
        do {
            try ChildProcess.run(["/usr/bin/cc", "-O2", "-o", output] + paths + ["-lusrsctp"])
        } catch {
            throw BenchmarkError("\(error)\nIs libusrsctp-dev there? apt-get install libusrsctp-dev")
        }
        return output
    }

    private func transfer(_ program: [String], _ stack: Stack, _ length: Int) async throws -> SCTPResult.Sample {
        let ports = (try FreePort.udp(), try FreePort.udp())
        let rest = [Self.packetLength, length, Int(warmUp), Int(window)].map { "\($0)" }
        let receiver = try end(program + ["receive", "\(ports.0)", "\(ports.1)"] + rest, core: 1)
        // So that the first INIT finds somebody; the other one comes after one second, or three.
        try await Task.sleep(for: .milliseconds(100))
        let sender = try end(program + ["send", "\(ports.1)", "\(ports.0)"] + rest, core: 0)
        return SCTPResult.Sample(
            stack: stack, messageLength: length, sender: try figures(of: sender), receiver: try figures(of: receiver))
    }

    private func end(_ command: [String], core: Int) throws -> PipedProcess {
        let isPinned = isPinned && Machine.this.cores > 1
        return try PipedProcess((isPinned ? ["/usr/bin/taskset", "-c", "\(core)"] : []) + command)
    }

    private func figures(of process: PipedProcess) throws -> EndFigures {
        let output = try process.finish()
        guard let figures = try? JSONDecoder().decode(EndFigures.self, from: Data(output.utf8)) else {
            throw BenchmarkError("an end of the transfer said: \(output)")
        }
        return figures
    }
}
