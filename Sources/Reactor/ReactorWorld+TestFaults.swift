import Wire

/// Faults that tests of whole clusters need in a process that is otherwise as in service. Off unless the process was
/// told otherwise at its start.
extension ReactorWorld {
    /// Ends the process, or stands still for ever, when the candidate says so.
    func fail(asToldBy candidate: String) {
        guard configuration.hasTestFaults else { return }
        // The foundation tells (RFC 8839 section 5.1).
        if candidate.hasPrefix("candidate:testCrash ") { preconditionFailure("a test asked for this") }
        if candidate.hasPrefix("candidate:testStall ") { while HostClock.now > .origin {} }
    }
}
