import Logging
import Session

// Writing down what must outlive this process: before a request is answered, and soon after an event.
extension MediaServer {
    /// The object may have changed.
    func touch(_ object: MediaObject) {
        guard memory != nil, let pipeline = object.pipeline else { return }
        notebook.objects[pipeline.session, default: []].insert(object.id)
    }

    /// As ``touch(_:)``; of the roots the session's own record tells too.
    func touch(_ object: MediaObject, of session: String) {
        touch(object)
        if object.parent == nil { touch(session: session) }
    }

    func touch(session: String) {
        guard memory != nil else { return }
        notebook.sessions.insert(session)
        schedulePersistence()
    }

    /// Keeps an event until the session has a connection again; the oldest go first.
    func store(_ event: String, for session: String) {
        guard sessions.contains(session) else { return }
        var events = notebook.waitingEvents[session] ?? []
        events.append(event)
        if events.count > Limits.waitingEvents {
            events.removeFirst(events.count - Limits.waitingEvents)
            counters.droppedEvents &+= 1
        }
        notebook.waitingEvents[session] = events
        touch(session: session)
    }

    /// Writes what has changed unless the memory is away: then the client is served all the same.
    func persistAhead() async {
        guard memory != nil, !notebook.isEmpty else { return }
        if notebook.isAway { schedulePersistence() } else { await persist() }
    }

    /// Returns when all that had changed at the call is written, or could not be.
    private func persist() async {
        // What has changed until now is in the next batch that begins.
        let wanted = notebook.begun + 1
        while notebook.ended < wanted {
            if notebook.begun > notebook.ended {
                await withCheckedContinuation { notebook.waiters.append($0) }
            } else if notebook.begun < wanted {
                await writeBatch()
            }
        }
    }

    /// Soon, so that events that come together are written together.
    func schedulePersistence() {
        guard memory != nil, !notebook.isScheduled else { return }
        notebook.isScheduled = true
        let pause = notebook.isAway ? Limits.persistenceRetry : Limits.persistencePause
        Task {
            try? await Task.sleep(for: pause)
            notebook.isScheduled = false
            if !notebook.isEmpty { await persist() }
        }
    }

    private func writeBatch() async {
        guard let memory else { return }
        notebook.begun += 1
        let (writes, gone) = takeBatch()
        for record in gone { await memory.forget(record) }
        var failures: [(Notebook.Write, RecordFailure)] = []
        await withTaskGroup(of: (Int, RecordFailure?).self) { group in
            for (index, write) in writes.enumerated() {
                group.addTask {
                    var session: SessionID?
                    if case .pipeline(let pipeline, _) = write.subject { session = pipeline }
                    do throws(RecordFailure) {
                        try await memory.keep(write.changes, in: write.record, about: session)
                        return (index, nil)
                    } catch {
                        return (index, error)
                    }
                }
            }
            for await (index, failure) in group {
                if let failure { failures.append((writes[index], failure)) } else { notebook.note(writes[index]) }
            }
        }
        let isAway = failures.contains { $0.1 == .unavailable }
        if isAway != notebook.isAway {
            notebook.isAway = isAway
            logger.notice(
                isAway ? "client sessions cannot be kept: the store is away" : "client sessions are kept again")
        }
        for (write, failure) in failures { await take(failure, of: write) }
        notebook.ended += 1
        let waiters = notebook.waiters
        notebook.waiters = []
        for waiter in waiters { waiter.resume() }
    }

    private func take(_ failure: RecordFailure, of write: Notebook.Write) async {
        switch failure {
        case .unavailable, .missing:
            if failure == .missing { notebook.written[write.record] = nil }
            switch write.subject {
            case .pipeline(let session, let ids): notebook.objects[session, default: []].formUnion(ids)
            case .session(let session): notebook.sessions.insert(session)
            }
            schedulePersistence()
        case .taken:
            logger.warning("another controller has it now", metadata: ["record": "\(write.record)"])
            notebook.written[write.record] = nil
            switch write.subject {
            case .pipeline(let session, _):
                drop(session)
                await plane.disown(session)
            case .session(let session): sessions.remove(session)
            }
        case .tooLarge:
            logger.warning("too large to be kept: it ends with this process", metadata: ["record": "\(write.record)"])
        }
    }

    /// What has changed, as changes of records; and records of what is no more.
    private func takeBatch() -> (writes: [Notebook.Write], gone: [String]) {
        let (pipelines, clients) = (notebook.objects, notebook.sessions)
        notebook.objects = [:]
        notebook.sessions = []
        var writes: [Notebook.Write] = []
        var gone: [String] = []
        for (session, ids) in pipelines.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            let record = Notebook.record(of: session)
            guard let pipeline = objects.pipeline(of: session), let root = pipeline.object else {
                if notebook.written.removeValue(forKey: record) != nil { gone.append(record) }
                continue
            }
            let isNew = notebook.written[record] == nil
            let all = isNew ? Set([root.id] + root.descendants.map(\.id)) : ids
            var texts: [String: String?] = ["at": pipeline.position]
            for id in all { texts[Notebook.name(of: id)] = objects[id].flatMap { RecordText.encode(ObjectRecord($0)) } }
            guard let changes = notebook.changes(texts, in: record) else { continue }
            writes.append(Notebook.Write(record: record, subject: .pipeline(session, ids), changes: changes))
        }
        for session in clients.sorted() {
            let record = Notebook.record(ofSession: session)
            guard sessions.contains(session) else {
                if notebook.written.removeValue(forKey: record) != nil { gone.append(record) }
                continue
            }
            guard let changes = notebook.changes(texts(ofSession: session), in: record) else { continue }
            writes.append(Notebook.Write(record: record, subject: .session(session), changes: changes))
        }
        return (writes, gone)
    }

    private func texts(ofSession session: String) -> [String: String?] {
        let held = sessions.objects(of: session)
        var record = SessionRecordTexts()
        let roots = held.compactMap { objects[$0] }.filter { $0.parent == nil }
        record.pipelines = roots.compactMap { $0.pipeline?.session.rawValue }.sorted()
        record.hasManager = held.contains(MediaObject.serverManagerID)
        record.subscriptions = sessions.subscriptions(of: session, to: MediaObject.serverManagerID)
        let connection = sessions.connection(of: session).flatMap { connections[$0] }
        record.events = (connection?.unsentEvents ?? []) + (notebook.waitingEvents[session] ?? [])
        var size = 0
        let kept = record.events.reversed().prefix { event in
            size += event.utf8.count
            return size <= Limits.keptEventBytes
        }
        record.events = kept.reversed()
        return record.texts
    }

    /// Keeps records from passing away.
    func refreshRecords() async {
        while (try? await Task.sleep(for: Limits.refreshPeriod)) != nil { await checkRecords() }
    }

    /// Finds out which records the store has lost, and which another controller has.
    func checkRecords() async {
        guard let memory else { return }
        for record in notebook.written.keys.sorted() {
            do throws(RecordFailure) {
                try await memory.keep(RecordChanges(), in: record, about: nil)
            } catch {
                switch error {
                case .unavailable: return
                case .tooLarge: break
                // Written whole, or refused as another controller's.
                case .missing, .taken:
                    notebook.written[record] = nil
                    touch(record: record)
                }
            }
        }
    }

    private func touch(record: String) {
        if let session = Notebook.session(of: record) { return touch(session: session) }
        for pipeline in objects.pipelines {
            guard let session = pipeline.pipeline?.session, Notebook.record(of: session) == record else { continue }
            touch(pipeline)
            schedulePersistence()
        }
    }

    // MARK: Giving up

    /// Another controller asks for a client's session: the client has come back there.
    func giveUp(_ record: String) async {
        guard let memory, let session = Notebook.session(of: record) else { return }
        if !sessions.contains(session) {
            do throws(KurentoError) { try await restore(session) } catch { return }
        }
        guard sessions.contains(session) else { return }
        let roots = sessions.objects(of: session).compactMap { objects[$0] }.filter { $0.parent == nil }
        let pipelines = roots.compactMap(\.pipeline)
        let others = Set(pipelines.flatMap { $0.object?.sessions ?? [] }).subtracting([session])
        // Media goes with its clients: those that are here would lose it.
        guard !others.contains(where: { sessions.connection(of: $0) != nil }) else {
            return logger.notice("a session is not given up: its pipeline has other clients here")
        }
        await persist()
        if let id = sessions.connection(of: session), let connection = connections[id] { connection.session = nil }
        let moved = ([session] + others.sorted()).filter { other in
            sessions.objects(of: other).allSatisfy { id in
                guard let pipeline = objects[id]?.pipeline else { return true }
                return pipelines.contains { $0 === pipeline }
            }
        }
        var records = pipelines.map { Notebook.record(of: $0.session) }
        records += moved.map { Notebook.record(ofSession: $0) }
        for pipeline in pipelines { drop(pipeline.session) }
        for session in moved { sessions.remove(session) }
        for record in records { notebook.written[record] = nil }
        for session in moved {
            notebook.sessions.remove(session)
            notebook.waitingEvents[session] = nil
        }
        await memory.giveUp(records, with: pipelines.map(\.session))
        logger.info("a session was given up to another controller", metadata: ["event": "session_given_up"])
    }

    /// Takes a pipeline out of all tables without touching its media: another controller has it.
    func drop(_ session: SessionID) {
        guard let root = objects.pipeline(of: session)?.object else { return }
        for object in root.descendants.reversed() + [root] {
            object.isReleased = true
            for session in object.sessions { sessions.removeObject(object.id, from: session) }
            object.sessions = []
            objects.remove(object)
        }
        notebook.objects[session] = nil
        notebook.written[Notebook.record(of: session)] = nil
    }
}
