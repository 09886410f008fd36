public import Wire

/// Judges from looks at the store, and from what workers say directly, which workers live, die and restart.
///
/// A worker that was heard directly a moment ago (``DirectHeartbeat/hold``) lives, whatever the store shows, until it
/// has been out of the reach of a store that answers for ``Settings/longestSeparation``. One that is silent directly is
/// judged by the store alone: nothing may get through between the two but what goes by the store.
///
/// A worker is dead when its heartbeat's time to live has passed in the store. That proves nothing
/// while the store itself was away or slow: heartbeats could not get in. So after every gap between two
/// looks nobody is declared dead until workers had time to come back, or were seen to have come back.
///
/// A worker that dies between heartbeats is seen within time to live + one look: 750 + 100 ms.
public struct WorkerLiveness: Sendable {
    /// How often a worker heartbeats. 250 ms lets two get lost before the third is missed.
    public static let heartbeatInterval = Interval.milliseconds(250)
    /// How long a heartbeat holds.
    public static let timeToLive = Interval.milliseconds(750)
    /// How often to look.
    public static let lookInterval = Interval.milliseconds(100)

    public struct Settings: Hashable, Sendable {
        /// A longer gap between two answers of the store means that heartbeats may have been held up too.
        /// At most what is left of a heartbeat's hold in the worst case: 750 - 250 ms, less some slack.
        public var longestGap = Interval.milliseconds(400)
        /// How long after such a gap nobody is declared dead: eight heartbeats.
        public var grace = Interval.seconds(2)
        /// How long a worker is kept for being heard directly, while the store answers and has no heartbeat of it: no
        /// command reaches it, and who is in its sessions can have nothing changed.
        public var longestSeparation = Interval.seconds(30)
        /// How long a dead worker stays on the list, for people to see.
        public var remembrance = Interval.seconds(60)
        /// How long a worker that died may be on its way back: who runs it starts it again.
        public var returnTime = Interval.milliseconds(1500)

        public init() {}
    }

    public enum Change: Hashable, Sendable {
        case joined(WorkerID, incarnation: String)
        /// Its sessions are to be marked as lost. No incarnation: it was dead when first seen.
        case died(WorkerID, incarnation: String?)
        /// A new process under the same name: the old one's sessions are to be marked as lost.
        case restarted(WorkerID, from: String, to: String)
        /// Dead for so long that it may be taken off the list.
        case faded(WorkerID)
    }

    private enum State: Hashable {
        case alive(String)
        /// Listed but never seen alive by us.
        case absent
        case dead(since: Instant)
    }

    private struct Entry {
        var state: State
        /// Not declared dead before this.
        var graceEnds = Instant.origin
        var isListed = true
        /// First and last look since the last gap that showed a heartbeat. Once they are a time to live
        /// apart, a heartbeat has come in after the gap: the grace has served its purpose.
        var aliveSince: Instant?
        var aliveUntil = Instant.origin
        /// Since when every answered look has shown no heartbeat.
        var missingSince: Instant?
        /// Since when every answered look has shown no heartbeat, heard or not.
        var apartSince: Instant?
        /// That was seen alive last.
        var incarnation: String?
        /// Its last direct heartbeat; of that incarnation, if there is one.
        var heard: (incarnation: String, at: Instant)?

        func isHeard(_ now: Instant) -> Bool { heard.map { now - $0.at <= DirectHeartbeat.hold } ?? false }
    }

    private let settings: Settings
    private var entries: [WorkerID: Entry] = [:]
    private var lastAnswer: Instant?
    private var graceEnds = Instant.origin
    /// Whether the last look was answered.
    public private(set) var isStoreReachable = false

    public init(settings: Settings = Settings()) { self.settings = settings }

    /// Workers taken for alive, by name. Unchanged while the store is away.
    public var alive: [WorkerID] { entries.keys.filter { isAlive($0) }.sorted() }

    public func isAlive(_ worker: WorkerID) -> Bool {
        if case .alive = entries[worker]?.state { true } else { false }
    }

    /// Whether a worker lives, or did so lately that it may be on its way back.
    public func expectsWorkers(_ now: Instant) -> Bool {
        entries.values.contains { entry in
            switch entry.state {
            case .alive: true
            case .dead(let since): now - since < settings.returnTime
            case .absent: false
            }
        }
    }

    /// Whether the store has answered for long enough that every living worker has been seen in it.
    public func isSettled(_ now: Instant) -> Bool { isStoreReachable && now >= graceEnds }

    /// A direct heartbeat came. It counts at the next look; workers that the store has never shown are nobody's.
    public mutating func heard(_ id: WorkerID, incarnation: String, at instant: Instant) {
        guard let entry = entries[id], entry.heard.map({ $0.at < instant }) ?? true else { return }
        // Another life of it proves nothing about the one that sessions were placed on.
        guard entry.incarnation == nil || entry.incarnation == incarnation else { return }
        entries[id]?.heard = (incarnation, instant)
    }

    /// The store did not answer: everything stays as it was.
    public mutating func storeFailed() {
        isStoreReachable = false
        for id in entries.keys {
            entries[id]?.missingSince = nil
            entries[id]?.apartSince = nil
        }
    }

    /// Takes in one answer of the store.
    /// - Returns: what changed, in the order of the workers' names.
    public mutating func observe(_ pulses: [WorkerPulse], now: Instant) -> [Change] {
        let isSteady = isStoreReachable && lastAnswer.map { now - $0 <= settings.longestGap } ?? false
        if !isSteady {
            graceEnds = now + settings.grace
            for id in entries.keys { entries[id]?.aliveSince = nil }
        }
        isStoreReachable = true
        lastAnswer = now
        var changes: [Change] = []
        var listed: Set<WorkerID> = []
        for pulse in pulses.prefix(Limits.watchedWorkers).sorted(by: { $0.id < $1.id }) {
            listed.insert(pulse.id)
            entries[pulse.id]?.isListed = true
            if let incarnation = pulse.incarnation {
                if let change = sawAlive(pulse.id, incarnation, now: now) { changes.append(change) }
            } else if let change = missed(pulse.id, now: now) {
                changes.append(change)
            }
        }
        for id in entries.keys.filter({ !listed.contains($0) }).sorted() {
            if let change = missedFromList(id, now: now) { changes.append(change) }
        }
        return changes
    }

    private mutating func sawAlive(_ id: WorkerID, _ incarnation: String, now: Instant) -> Change? {
        let previous = entries[id]?.state
        // An unreadable record shows no incarnation; the next heartbeat repairs it.
        if incarnation.isEmpty, previous != nil { return nil }
        let isSame = previous == .alive(incarnation)
        let since = isSame ? entries[id]?.aliveSince ?? now : now
        let heard = entries[id]?.heard.flatMap { $0.incarnation == incarnation ? $0 : nil }
        entries[id] = Entry(
            state: .alive(incarnation), aliveSince: since, aliveUntil: now, incarnation: incarnation, heard: heard)
        guard case .alive(let old) = previous else { return .joined(id, incarnation: incarnation) }
        return old == incarnation ? nil : .restarted(id, from: old, to: incarnation)
    }

    /// For being heard, though the store has no heartbeat of it; not for ever.
    private func isKept(_ entry: inout Entry, _ now: Instant) -> Bool {
        let apartSince = entry.apartSince ?? now
        entry.apartSince = apartSince
        return entry.isHeard(now) && now - apartSince < settings.longestSeparation
    }

    private mutating func missed(_ id: WorkerID, now: Instant) -> Change? {
        var entry = entries[id] ?? Entry(state: .absent, graceEnds: now + settings.grace)
        defer { entries[id] = entry }
        if let heard = entry.heard, isKept(&entry, now) {
            entry.missingSince = nil
            if case .alive = entry.state { return nil }
            // Not seen alive yet, or taken for dead while nothing got through.
            entry.state = .alive(heard.incarnation)
            entry.incarnation = heard.incarnation
            return .joined(id, incarnation: heard.incarnation)
        }
        let missingSince = entry.missingSince ?? now
        entry.missingSince = missingSince
        // On a host so busy that every look comes late the grace would never end.
        let isProven = entry.aliveSince.map { entry.aliveUntil - $0 >= Self.timeToLive } ?? false
        let isSpared =
            !isProven && now < max(graceEnds, entry.graceEnds) && now - missingSince < settings.grace * 2
        switch entry.state {
        case .alive(let incarnation):
            if isSpared { return nil }
            entry.state = .dead(since: now)
            return .died(id, incarnation: incarnation)
        case .absent:
            if isSpared { return nil }
            entry.state = .dead(since: now)
            return .died(id, incarnation: nil)
        case .dead(let since):
            guard now - since >= settings.remembrance else { return nil }
            entry.state = .dead(since: now)
            return .faded(id)
        }
    }

    /// Death leaves a worker on the list, so one that is gone from it was lost with the store's data, or
    /// was forgotten by some controller because it was long dead.
    private mutating func missedFromList(_ id: WorkerID, now: Instant) -> Change? {
        guard var entry = entries[id] else { return nil }
        if entry.isListed {
            entry.isListed = false
            entry.graceEnds = now + settings.grace
            entries[id] = entry
        }
        let isKept = isKept(&entry, now)
        entries[id] = entry
        guard now >= max(graceEnds, entry.graceEnds), !isKept else { return nil }
        entries[id] = nil
        if case .alive(let incarnation) = entry.state { return .died(id, incarnation: incarnation) }
        return nil
    }
}
