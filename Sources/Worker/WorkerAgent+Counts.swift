import Reactor
import Session
import Wire

// How often this worker's media process was replaced, and how long packets waited for that.
extension WorkerAgent {
    /// Whether the process before was asked to make room for this one.
    var isPlanned: Bool { configuration.memory?.chosen == configuration.processID }

    func note(_ succession: Succession) {
        guard let memory = configuration.memory, let standstill = succession.standstill else { return }
        var counts = memory.counts
        // Once for each process, not for each reactor: the one that stood still the longest counts.
        if unsettled == reactors.count {
            if isPlanned { counts.upgrades += 1 } else { counts.failovers += 1 }
            counts.lastStandstill = 0
        }
        let milliseconds = Double(standstill.nanoseconds) / 1e6
        counts.standstill += max(0, milliseconds - counts.lastStandstill)
        counts.lastStandstill = max(counts.lastStandstill, milliseconds)
        memory.counts = counts
    }
}
