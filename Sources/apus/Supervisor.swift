import Logging

/// Keeps child processes running: one that ends is started again, with back-off, until the task is
/// cancelled; then all are asked to end and, if they do not, are ended.
struct Supervisor: Sendable {
    struct Child: Sendable {
        var name: String
        var executable: String
        var arguments: [String]
        /// A server that the child leans on: its first start waits for it, for a while.
        var startsAfter: Address?
        /// Descriptors that every process of it is given, as numbers from 3 on.
        var inherited: [Int32] = []
        /// Pause before the first restart; it doubles from there.
        var firstPause = Supervisor.shortestPause
        /// It doubles up to here.
        var longestPause = Supervisor.longestPause
    }

    struct Address: Sendable {
        var host: String
        var port: Int
    }

    /// Longest wait for ``Child/startsAfter``.
    static let startWait = Duration.seconds(5)

    /// A child that lived this long is healthy: its next end counts as the first.
    static let healthyAfter = Duration.seconds(10)
    /// The same for one that was killed: only the kernel's killer, when memory is short, is faster than that.
    static let healthyAfterKill = Duration.seconds(1)
    static let shortestPause = Duration.milliseconds(100)
    static let longestPause = Duration.seconds(10)
    /// Time to end cleanly before SIGKILL.
    static let patience = Duration.seconds(5)

    let logger: Logger

    func run(_ children: [Child]) async throws {
        // Front doors end before what they lean on: the store is first in the list and goes last.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for child in children { group.addTask { await keepRunning(child) } }
            try await group.waitForAll()
        }
    }

    private func keepRunning(_ child: Child) async {
        var pause = child.firstPause
        let clock = ContinuousClock()
        if let address = child.startsAfter { await wait(for: address) }
        while !Task.isCancelled {
            let started = clock.now
            var enough = Self.healthyAfter
            do {
                let status = try await Self.runOnce(child)
                if Task.isCancelled { return }
                if status.isKill { enough = Self.healthyAfterKill }
                if clock.now - started > enough { pause = child.firstPause }
                logger.warning("\(child.name) has ended (\(status)); starting it again in \(pause)")
            } catch {
                logger.error("\(child.name) cannot be started: \(error)")
            }
            try? await Task.sleep(for: pause)
            pause = min(max(pause * 2, Self.shortestPause), child.longestPause)
        }
    }

    private func wait(for address: Address) async {
        let end = ContinuousClock.now + Self.startWait
        while !Task.isCancelled, ContinuousClock.now < end {
            if TCPConnection.isOpen(host: address.host, port: address.port) { return }
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Starts the child and waits for its end; on cancellation asks it to end, then insists.
    static func runOnce(_ child: Child) async throws -> ChildProcess.End {
        let process = try ChildProcess(child.executable, child.arguments, inheriting: child.inherited)
        return await withTaskCancellationHandler {
            await process.waitForEnd()
        } onCancel: {
            process.terminate(patience: patience)
        }
    }
}
