import Foundation

/// Ties a process that `apus up` started to it: no orphan holds the ports after a crash.
enum ParentWatch {
    /// Set in the environment of every child of the supervisor to the supervisor's process id.
    static let variable = "APUS_SUPERVISED"

    /// Ends this process soon after its supervisor is gone, with `signal`: by default as Ctrl-C would.
    ///
    /// Not PR_SET_PDEATHSIG: that follows the thread that forked, and the supervisor's threads come and go.
    static func endWithParent(by signal: Int32 = SIGTERM) {
        guard let text = ProcessInfo.processInfo.environment[variable], let parent = pid_t(text) else { return }
        Task.detached {
            while getppid() == parent { try? await Task.sleep(for: .milliseconds(250)) }
            kill(getpid(), signal)
        }
    }
}
