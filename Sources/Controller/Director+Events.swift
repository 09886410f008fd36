import Logging
public import Session
import Store

// Replies and events from the workers.
extension Director {
    /// Replaces the receiver that was registered before. Events that came earlier are delivered first.
    public func subscribe(
        to session: SessionID, _ receive: @escaping @Sendable (SessionEvent) async -> Void
    ) async {
        mailbox(of: session) { $0.receiver = receive }
        deliver(to: session)
    }

    func readMessages() async {
        // From the beginning: what an earlier life of this controller left is fenced by id and epoch.
        var cursor = StreamCursor.beginning
        while !Task.isCancelled {
            do throws(StoreError) {
                let batch = try await store.receiveMessages(for: id, after: cursor, wait: .seconds(1))
                cursor = batch.cursor
                readPosition = cursor
                counters.messagesUnreadable &+= UInt64(batch.unreadable)
                take(batch)
            } catch {
                try? await clock.sleep(settings.lookInterval)
            }
        }
    }

    /// Of several events of a session that lie at one place only the last tells it: who goes on from there has had
    /// all of them.
    private func take(_ batch: StreamBatch<WorkerMessage>) {
        for (index, message) in batch.elements.enumerated() {
            let position = batch.positions.indices.contains(index) ? batch.positions[index] : nil
            let isLast = index + 1 >= batch.positions.count || batch.positions[index + 1] != position
            take(message, at: position, isLast: isLast)
        }
    }

    private func take(_ message: WorkerMessage, at position: StreamCursor?, isLast: Bool) {
        switch message {
        case .reply(let id, let outcome):
            finish(id, .success(outcome))
        case .recordWanted(let record, _):
            // A task of its own: the engine may have to ask the cluster first.
            if let giver { Task { await giver(record) } }
        case .event(let event, let epoch):
            guard let unit = units[event.session], let assignment = unit.assignment, assignment.epoch == epoch else {
                if case .sessionLost(let refusal) = event.body, units[event.session] != nil {
                    units[event.session]?.earlyLoss = (epoch, refusal)
                }
                counters.eventsFenced += 1
                return
            }
            // Before it was taken over, and taken by whoever had it.
            if let position, let taken = unit.takenThrough, !taken.isBefore(position) { return }
            if case .sessionLost(let refusal) = event.body {
                if refusal.reason == .elsewhere { return loseDisowned(unit, assignment) }
                lose(assignment, refusal)
                // Its worker lives and would go on until it compares what it holds with the store.
                if refusal.reason == .workerDrained { Task { await self.dismiss(event.session, assignment) } }
            } else if !unit.isLost {
                enqueue(
                    SessionEvent(
                        session: unit.session, body: event.body,
                        position: isLast ? position.map { self.position($0, of: id) } : nil))
            }
        }
    }

    /// The unit's worker has let go of it, since the store gives it otherwise. One without endpoints has nothing there
    /// to lose: it may be on its way to another worker.
    private func loseDisowned(_ unit: Unit, _ assignment: Assignment) {
        guard !unit.endpoints.isEmpty else { return }
        lose(assignment, Refusal(.workerLost, "worker \(assignment.worker) let go of it; open a new session"))
    }

    /// The unit's worker is gone: says so to whoever waits, once. A session with other shards goes on.
    func lose(_ assignment: Assignment, _ refusal: Refusal) {
        guard let unit = units[assignment.session], unit.assignment == assignment, !unit.isLost else { return }
        units[assignment.session]?.isLost = true
        failCalls(of: assignment.session, refusal)
        guard let managed = sessions[unit.session] else { return }
        if managed.units.contains(where: { units[$0]?.isServing == true }) {
            counters.shardsLost += 1
            loseShard(unit, refusal, in: unit.session)
            if assignment.session == unit.session { Task { await reclaimName(assignment) } }
            return
        }
        sessions[unit.session]?.isLost = true
        counters.sessionsLost += 1
        logger.warning(
            "session lost",
            metadata: [
                "event": "session_lost", "session": "\(unit.session)", "worker": "\(assignment.worker)",
                "reason": "\(refusal.reason.rawValue)",
            ])
        abandonPipes(of: unit.session) { _, _ in true }
        if settings.planted != .lossNotTold {
            enqueue(SessionEvent(session: unit.session, body: .sessionLost(refusal)))
        }
    }

    func enqueue(_ event: SessionEvent) {
        counters.events += 1
        let isFull = mailbox(of: event.session) { mailbox in
            mailbox.events.append(event)
            if settings.planted == .eventsDoubled { mailbox.events.append(event) }
            guard mailbox.events.count > Limits.waitingEvents else { return false }
            // The oldest goes: the news of a loss, which is always the last, must stay.
            mailbox.events.removeFirst()
            return true
        }
        if isFull { counters.eventsDropped += 1 }
        deliver(to: event.session)
    }

    @discardableResult
    func mailbox<Result>(of session: SessionID, _ change: (inout Mailbox) -> Result) -> Result {
        var mailbox = mailboxes[session] ?? Mailbox(generation: nextGeneration())
        defer { mailboxes[session] = mailbox }
        return change(&mailbox)
    }

    /// Starts to hand events over unless that is going on: each receiver has a task of its own while it
    /// has events, so that a slow one holds up nobody else.
    func deliver(to session: SessionID) {
        guard let mailbox = mailboxes[session], mailbox.receiver != nil, !mailbox.events.isEmpty,
            !mailbox.isDelivering, !mailbox.isHeld
        else { return }
        mailboxes[session]?.isDelivering = true
        let generation = mailbox.generation
        Task {
            while let (receiver, event) = nextDelivery(to: session, generation) { await receiver(event) }
        }
    }

    private func nextDelivery(
        to session: SessionID, _ generation: UInt64
    ) -> (@Sendable (SessionEvent) async -> Void, SessionEvent)? {
        guard let mailbox = mailboxes[session], mailbox.generation == generation else { return nil }
        guard let receiver = mailbox.receiver, let event = mailbox.events.first else {
            mailboxes[session]?.isDelivering = false
            return nil
        }
        mailboxes[session]?.events.removeFirst()
        return (receiver, event)
    }
}
