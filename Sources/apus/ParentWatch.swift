import CLinux
import Foundation

/// Ties a process that `apus up` started to it: no orphan holds the ports after a crash.
enum ParentWatch {
    /// Set in the environment of every child of the supervisor.
    static let variable = "APUS_SUPERVISED"

    static func endWithParent() {
        if ProcessInfo.processInfo.environment[variable] != nil { apus_die_with_parent() }
    }
}
