import CLinux
import Foundation
import Synchronization

/// A child process that may inherit descriptors.
final class ChildProcess: Sendable {
    enum End: CustomStringConvertible {
        case exit(Int32)
        case signal(Int32)

        var description: String {
            switch self {
            case .exit(let code): "exit code \(code)"
            case .signal(let number): "signal \(number)"
            }
        }

        /// By SIGKILL: somebody else's doing, an operator's or the kernel's.
        var isKill: Bool { if case .signal(SIGKILL) = self { true } else { false } }
    }

    let identifier: Int32
    /// Nil while it runs. After its end the number may be somebody else's.
    private let end = Mutex<End?>(nil)

    /// Starts it with standard output and error of this process, and `descriptors` as numbers from 3 on.
    /// - Parameter isReplaced: it should end at once when it traps. Swift's own backtrace holds a process for seconds,
    ///   in which it neither lives nor has ended; `APUS_BACKTRACE=yes` in the environment asks for it all the same.
    init(
        _ executable: String, _ arguments: [String], inheriting descriptors: [Int32] = [], isReplaced: Bool = false
    ) throws {
        var environment = ProcessInfo.processInfo.environment
        if isReplaced, environment["APUS_BACKTRACE"] != "yes" { environment["SWIFT_BACKTRACE"] = "enable=no" }
        environment[ParentWatch.variable] = "\(ProcessInfo.processInfo.processIdentifier)"
        let variables = environment.map { "\($0)=\($1)" }.sorted()
        identifier = unsafe Self.withWords([executable] + arguments) { words in
            unsafe Self.withWords(variables) { variables in
                unsafe apus_spawn(executable, words, variables, descriptors, UInt32(descriptors.count))
            }
        }
        guard identifier > 0 else {
            let reason = unsafe String(cString: strerror(-identifier))
            throw CommandFailure("\(executable) cannot be started: \(reason)")
        }
    }

    private static func withWords(
        _ words: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Int32
    ) -> Int32 {
        var copies = unsafe words.map { unsafe strdup($0) }
        unsafe copies.append(nil)
        defer { unsafe copies.forEach { unsafe free($0) } }
        return unsafe copies.withUnsafeBufferPointer { unsafe $0.baseAddress.map(body) ?? -EINVAL }
    }

    /// Waits on a thread of its own, which sees the end in the moment when it comes. To be called once.
    func waitForEnd() async -> End {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { [self] in
                _ = apus_await_end(identifier)
                let end = end.withLock { end in
                    let status = apus_reap(identifier)
                    let value = status >= 256 ? End.signal(status - 256) : End.exit(status)
                    end = value
                    return value
                }
                continuation.resume(returning: end)
            }
        }
    }

    var hasEnded: Bool { end.withLock { $0 != nil } }

    /// Nothing happens once it has ended.
    func send(_ signal: Int32) {
        end.withLock { end in
            if end == nil { _ = apus_kill(identifier, signal) }
        }
    }

    /// Asks it to end, and after `patience` ends it.
    func terminate(patience: Duration) {
        send(SIGTERM)
        Task.detached { [self] in
            try? await Task.sleep(for: patience)
            send(SIGKILL)
        }
    }
}
