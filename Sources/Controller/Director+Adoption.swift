import Logging
public import Session
import Store

// Going on with what another controller, or an earlier life of this one, began.
extension Director {
    public func adopt(_ session: SessionID, after position: String?) async throws(Refusal) {
        guard sessions[session] == nil else { return }
        let found: [AdoptedUnit]
        do throws(StoreError) {
            found = try await store.adopt((0..<Limits.adoptedUnits).map { session.shard($0) }, by: id)
        } catch {
            throw Self.refusal(error)
        }
        for unit in found { noteEpoch(unit.record.assignment.epoch) }
        guard sessions[session] == nil else { return }
        guard let first = found.first, first.record.assignment.session == session else {
            for unit in found { postponeRelease(of: unit.record.assignment.session, unit.record.assignment) }
            throw Refusal(.notFound, "session \(session) is gone")
        }
        let read = position.flatMap(Self.place)
        take(found, of: session, readThrough: read)
        logger.info(
            "session taken over",
            metadata: [
                "event": "session_adopted", "session": "\(session)", "from": "\(first.previous)",
                "units": "\(found.count)",
            ])
        // On our own stream: what came after what was taken, and before what is read from now on.
        let here = readPosition
        let unitNames = found.map(\.record.assignment.session)
        var missed: [SessionEvent] = []
        if let read, read.controller == id, read.cursor.isBefore(here) {
            missed += await events(of: unitNames, from: id, after: read.cursor, through: here).events
        }
        // On those of others: all that is there, once the workers know who listens.
        await attend(found.filter { $0.previous != id }.map(\.record.assignment))
        var sources: [ControllerID: StreamCursor] = [:]
        if let read, read.controller != id { sources[read.controller] = read.cursor }
        for unit in found where unit.previous != id && sources[unit.previous] == nil {
            sources[unit.previous] = .beginning
        }
        for (source, cursor) in sources.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            let (events, last) = await events(of: unitNames, from: source, after: cursor, through: nil)
            missed += events
            for unit in found where unattended[unit.record.assignment.session] != nil && unit.previous == source {
                unattended[unit.record.assignment.session] = (source, last)
            }
        }
        if let refusal = lostRefusal(found) {
            sessions[session]?.isLost = true
            missed.append(SessionEvent(session: session, body: .sessionLost(refusal)))
        }
        mailbox(of: session) { mailbox in
            mailbox.events.insert(contentsOf: missed, at: 0)
            mailbox.isHeld = false
        }
        deliver(to: session)
        await rebuildPipes(of: session)
    }

    public func disown(_ session: SessionID) async {
        mailboxes[session] = nil
        guard let managed = sessions.removeValue(forKey: session) else { return }
        let refusal = Refusal(.elsewhere, "session \(session) is at another controller now")
        for unit in managed.units {
            units[unit] = nil
            unattended[unit] = nil
            failCalls(of: unit, refusal)
        }
        for pipe in managed.pipes.values {
            for waiter in pipe.waiters { waiter.resume(returning: refusal) }
        }
    }

    /// As the store has it; from here on events of the session are ours.
    private func take(_ found: [AdoptedUnit], of session: SessionID, readThrough read: Place?) {
        var managed = ManagedSession(generation: nextGeneration(), units: [])
        for unit in found {
            let record = unit.record
            let name = record.assignment.session
            while managed.units.count < 64, session.shard(managed.units.count) != name {
                // A shard that was lost and forgotten: its index stays its own.
                let missing = session.shard(managed.units.count)
                units[missing] = Unit(session: session, index: managed.units.count, assignment: nil, isLost: true)
                managed.units.append(missing)
            }
            let index = managed.units.count
            var held = Unit(session: session, index: index, assignment: record.assignment)
            held.isLost = record.state == .lost
            held.specification = record.specification ?? SessionSpecification()
            held.endpoints = Set(held.specification.names)
            if let read, read.controller == id { held.takenThrough = read.cursor }
            for endpoint in held.endpoints { managed.shards[endpoint] = index }
            units[name] = held
            unreleased[name] = nil
            managed.units.append(name)
        }
        sessions[session] = managed
        mailbox(of: session) { $0.isHeld = true }
    }

    private func lostRefusal(_ found: [AdoptedUnit]) -> Refusal? {
        guard found.allSatisfy({ $0.record.state == .lost }), let first = found.first else { return nil }
        return Self.lossRefusal(first.record.assignment)
    }

    // MARK: Workers

    /// Tells the workers that the units are ours. Those that do not answer are told again.
    private func attend(_ assignments: [Assignment]) async {
        for assignment in assignments where units[assignment.session]?.isServing == true {
            unattended[assignment.session] = (id, .beginning)
        }
        await withTaskGroup(of: (SessionID, Bool).self) { group in
            for assignment in assignments where units[assignment.session]?.isServing == true {
                group.addTask { (assignment.session, await self.attend(assignment.session)) }
            }
            for await (unit, isDone) in group where isDone { unattended[unit] = nil }
        }
    }

    private func attend(_ unit: SessionID) async -> Bool {
        if case .success = await result(of: .attend, in: unit) { return true }
        return units[unit]?.isServing != true
    }

    /// Those that did not answer, and what happened until they did.
    func attendLate() async {
        for (unit, source) in unattended.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            guard await attend(unit) else { continue }
            unattended[unit] = nil
            guard source.controller != id, units[unit] != nil else { continue }
            for event in await events(of: [unit], from: source.controller, after: source.cursor, through: nil).events {
                enqueue(event)
            }
        }
    }

    // MARK: What was missed

    /// Events of the units on a controller's stream, loss apart: that is in the store.
    private func events(
        of names: [SessionID], from controller: ControllerID, after start: StreamCursor, through end: StreamCursor?
    ) async -> (events: [SessionEvent], last: StreamCursor) {
        var found: [SessionEvent] = []
        var cursor = start
        while let batch = try? await store.messages(to: controller, after: cursor), batch.cursor != cursor {
            for (index, message) in batch.elements.enumerated() {
                let place = batch.positions[index]
                if let end, end.isBefore(place) { return (found, end) }
                guard case .event(let event, let epoch) = message, names.contains(event.session),
                    let unit = units[event.session], let assignment = unit.assignment, epoch <= assignment.epoch
                else { continue }
                if case .sessionLost = event.body { continue }
                let isLast = index + 1 >= batch.positions.count || batch.positions[index + 1] != place
                found.append(
                    SessionEvent(
                        session: unit.session, body: event.body,
                        position: isLast ? position(place, of: controller) : nil))
            }
            cursor = batch.cursor
        }
        return (found.suffix(Limits.waitingEvents), cursor)
    }

    /// As ``SessionEvent/position`` tells it.
    func position(_ cursor: StreamCursor, of controller: ControllerID) -> String { "\(controller) \(cursor)" }

    struct Place {
        var controller: ControllerID
        var cursor: StreamCursor
    }

    private static func place(_ text: String) -> Place? {
        let words = text.split(separator: " ")
        guard words.count == 2, let cursor = StreamCursor(text: String(words[1])) else { return nil }
        return Place(controller: ControllerID(String(words[0])), cursor: cursor)
    }

    /// Pipes' keys are in no store: pipes are made anew, what they fed before follows, and the old ones are closed.
    private func rebuildPipes(of session: SessionID) async {
        guard let managed = sessions[session], managed.units.count > 1 else { return }
        let former = await notedPipes(of: session)
        for unit in managed.units {
            for route in units[unit]?.specification.routes ?? [] where managed.shards[route.source] != nil {
                guard managed.shards[route.source] != managed.shards[route.sink] else { continue }
                do throws(Refusal) {
                    _ = try await connect(route, in: session)
                } catch {
                    logger.warning(
                        "a pipe could not be made anew",
                        metadata: ["session": "\(session)", "reason": "\(error.message)"])
                }
            }
        }
        for (unit, pipe) in former where units[unit]?.session == session && units[unit]?.isServing == true {
            _ = await result(of: .closeEndpoint(pipe), in: unit)
        }
    }
}
