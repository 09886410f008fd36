import Logging
import Reactor
import Session
import Store
import Wire

// What a media process takes over from the one before it.
extension WorkerAgent {
    func take(_ succession: Succession, from reactor: Int) {
        for session in succession.quarantined {
            quarantined[session] = succession.holds[session]?.epoch ?? Epoch(.max)
            logger.error(
                "two media processes in a row ended over a session; it is given to nobody",
                metadata: ["event": "quarantined", "session": "\(session)", "reactor": "\(reactor)"])
        }
        let ended = succession.lost.union(succession.quarantined)
        for (session, hold) in succession.holds.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            guard ended.contains(session) else {
                held.restore(session, epoch: hold.epoch, controller: hold.controller, reactor: reactor)
                continue
            }
            let why =
                succession.quarantined.contains(session)
                ? "two media processes of \(configuration.id) ended over it; it is not given to a third"
                : "what the media process before left of it was damaged"
            post(
                .event(SessionEvent(session: session, body: .sessionLost(Refusal(.workerLost, why))), hold.epoch),
                to: hold.controller)
        }
        note(succession)
        guard succession.standstill != nil else { return }
        logger.notice(
            "took over",
            metadata: [
                "event": "succession", "reactor": "\(reactor)", "sessions": "\(succession.holds.count - ended.count)",
                "endpoints": "\(succession.endpoints)", "lost": "\(succession.lost.count)",
                "quarantined": "\(succession.quarantined.count)", "damaged_notes": "\(succession.damagedNotes)",
                "milliseconds": "\(succession.standstill?.milliseconds ?? 0)",
                "planned": "\(isPlanned)",
            ])
    }

    /// The store gives the session otherwise. Its controller may not know: it could have stood still meanwhile, and
    /// would go on to put clients where they are ended again.
    func letGo(_ session: SessionID) {
        names.forget(session)
        guard let former = held[session], let reactor = held.remove(session, now: clock.now()) else { return }
        _ = reactors[reactor].send(.perform(.closeSession, session: session, token: 0))
        let refusal = Refusal(.elsewhere, "the store no longer gives session \(session) to \(configuration.id)")
        post(.event(SessionEvent(session: session, body: .sessionLost(refusal)), former.epoch), to: former.controller)
    }
}
