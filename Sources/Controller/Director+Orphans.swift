import Logging
public import Session
import Store
import Wire

// Controllers that live, and sessions that nobody serves.
extension Director {
    /// Says that this controller lives, until the task is cancelled.
    func beat() async {
        let started = clock.wallMilliseconds()
        var last = clock.now()
        while !Task.isCancelled {
            let report = ControllerReport(
                id: id, incarnation: incarnation, processID: settings.processID, host: settings.host,
                startedAt: started, addresses: settings.addresses, httpAddresses: settings.httpAddresses,
                heartbeats: heartbeatTarget)
            if let roster = try? await store.heartbeat(report, timeToLive: settings.beatLifetime) {
                note(roster)
                let gap = last.duration(to: clock.now())
                last = clock.now()
                if gap > settings.beatLifetime {
                    logger.warning(
                        "this controller counted as dead",
                        metadata: ["event": "lapsed", "seconds": "\(gap / .seconds(1))"])
                    // Nobody waits for it: the next heartbeat must not be late.
                    for check in lapseChecks { Task { await check() } }
                }
            }
            try? await clock.sleep(settings.beatInterval)
        }
    }

    private func note(_ roster: ControllerRoster) {
        let living = Set(roster.controllers.filter { $0.report != nil }.map(\.id))
        for former in controllers where former.report != nil && !living.contains(former.id) {
            logger.error("controller died", metadata: ["event": "controller_died", "died": "\(former.id)"])
            lastUpheaval = clock.now()
        }
        controllers = roster.controllers
        // Keys are for workers: whoever shows what is known of controllers shall have none to show.
        for index in controllers.indices { controllers[index].report?.heartbeats = nil }
        guard isNameTaken != roster.isNameTaken else { return }
        isNameTaken = roster.isNameTaken
        // A life of this controller before counts as alive for a moment.
        if isNameTaken { logger.notice("another process has this controller's name, or had it a moment ago") }
    }

    /// Registers who takes over sessions that nobody serves; called for each of them, again while it says no.
    public func onAbandoned(_ take: @escaping @Sendable (SessionID) async -> Bool) {
        heir = take
    }

    var searchInterval: Duration {
        let isQuiet = suspectedOrphans.isEmpty && forgottenUnits.isEmpty && disownedUnits.isEmpty
        let isCalm = isQuiet && lastUpheaval.duration(to: clock.now()) > .seconds(60)
        return isCalm ? settings.orphanInterval : min(settings.orphanInterval, .seconds(1))
    }

    /// Where the HTTP of another controller that lives is reached: IP addresses with ports. Its loopback is ours only
    /// on the same host.
    public func httpAddresses(of controller: ControllerID) -> [String] {
        let entry = controllers.first { $0.id == controller && controller != id }
        guard let report = entry?.report else { return [] }
        return (report.httpAddresses ?? []).filter { text in
            guard let address = SocketAddress(text) else { return false }
            return !address.ip.isLoopback || report.host == settings.host
        }
    }

    /// Sessions of ours that we do not know, and those of controllers that are dead. An heir may have them at once; the
    /// others wait for their clients, and are closed when these do not come.
    func searchOrphans() async {
        guard let assignments = try? await store.assignments() else { return }
        let living = Set(controllers.filter { $0.report != nil }.map(\.id))
        guard living.contains(id) || controllers.isEmpty else { return }
        let abandoned = assignments.filter {
            isUnserved($0.session)
                && ($0.controller == id || !living.contains($0.controller) || settings.planted == .orphansOfOthers)
        }
        var suspected: [SessionID: ContinuousClock.Instant] = [:]
        for assignment in abandoned {
            let session = assignment.session
            let since = suspectedOrphans[session] ?? clock.now()
            suspected[session] = since
            // A moment for whoever is about to serve it.
            guard suspectedOrphans[session] != nil else { continue }
            // The death of a controller is seen by all; its next life is to have what it had.
            let isForeign = assignment.controller != id
            let age = since.duration(to: clock.now())
            if units[session] == nil, age >= (isForeign ? .seconds(5) : .zero), let heir, await heir(session.base) {
                suspected[session] = nil
                continue
            }
            if age >= settings.orphanGrace, await closeOrphan(session) { suspected[session] = nil }
        }
        suspectedOrphans = suspected
        await renewForgotten(assignments)
        letGoDisowned(assignments)
    }

    /// Units of ours without endpoints that the store has forgotten: no worker holds them, so that none puts them back
    /// into a store that lost its data. They are placed anew.
    private func renewForgotten(_ assignments: [Assignment]) async {
        let known = Set(assignments.map(\.session))
        let forgotten = units.values.filter { unit in
            unit.isServing && unit.endpoints.isEmpty && unit.assignment.map { !known.contains($0.session) } ?? false
        }.compactMap(\.assignment).sorted { $0.session.rawValue < $1.session.rawValue }
        let again = forgotten.filter { forgottenUnits.contains($0) }
        forgottenUnits = Set(forgotten)
        for former in again where units[former.session]?.assignment == former {
            guard let assignment = try? await assign(former.session, placementRequest()) else { continue }
            guard units[former.session]?.assignment == former else {
                await dismiss(former.session, assignment)
                continue
            }
            admit(assignment)
            units[former.session]?.isDirty = true
        }
    }

    /// Units that the store gives otherwise than we think: after it lost data, two controllers may each have been given
    /// a session. Workers let go of what is not in the store, again and again; it ends when we do.
    ///
    /// And units with endpoints that the store does not know at all: while we counted as dead, another controller took
    /// them over and closed them. After a store's loss of data, which looks the same, the worker puts its own back.
    private func letGoDisowned(_ assignments: [Assignment]) {
        let records = Dictionary(assignments.map { ($0.session, $0) }) { first, _ in first }
        var disowned: [Assignment: ContinuousClock.Instant] = [:]
        for unit in units.values where unit.isServing {
            guard let ours = unit.assignment, records[ours.session] != ours else { continue }
            // Those without endpoints are placed anew.
            guard records[ours.session] != nil || !unit.endpoints.isEmpty else { continue }
            disowned[ours] = disownedUnits[ours] ?? clock.now()
        }
        let overdue = disowned.filter { $0.value.duration(to: clock.now()) >= settings.disownedGrace }.keys
        for assignment in overdue.sorted(by: { $0.session.rawValue < $1.session.rawValue }) {
            logger.error(
                "the store gives a session of ours to another, or to nobody",
                metadata: ["session": "\(assignment.session)"])
            disowned[assignment] = nil
            lose(assignment, Self.lossRefusal(assignment))
        }
        disownedUnits = disowned
    }

    /// Also a unit that was lost here: its worker may have put it back into a store that lost its data since.
    private func isUnserved(_ session: SessionID) -> Bool { units[session].map(\.isLost) ?? true }

    /// Of several controllers that find it, the store lets one.
    private func closeOrphan(_ session: SessionID) async -> Bool {
        guard isUnserved(session), let adopted = try? await store.adopt([session], by: id).first else { return true }
        logger.notice("closing a session that nobody serves", metadata: ["session": "\(session)"])
        let assignment = adopted.record.assignment
        noteEpoch(assignment.epoch)
        if adopted.previous != id {
            let command = nextCommand(.attend, in: assignment, deadline: settings.operationDeadline)
            try? await store.send(command, to: assignment.worker)
        }
        await dismiss(session, assignment)
        return true
    }
}
