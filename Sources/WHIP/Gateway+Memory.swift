import Logging
public import Session

// Rooms outlive the process that serves them.
extension Gateway {
    /// The resource has changed: a request that is under way, or the next one, writes it down.
    func touch(_ resource: Resource) {
        if memory != nil { resource.room.touched.insert(resource.id) }
    }

    /// Writes what has changed of the room. A memory that is away costs nobody anything: it is written later.
    func remember(_ room: Room) async {
        guard let memory, room.phase == .open, !room.touched.isEmpty else { return }
        await room.memoryGate.enter()
        defer { room.memoryGate.leave() }
        guard room.phase == .open, !room.touched.isEmpty else { return }
        let isNew = room.written == nil
        let all = isNew ? Set(room.publishers.map(\.id) + room.players.keys) : room.touched
        let changed = room.touched
        room.touched = []
        var texts: [String: String?] = ["at": room.position]
        for id in all { texts[Self.textName(id)] = room.resource(of: id).flatMap { ResourceRecord($0).text } }
        let news = texts.filter { isNew ? $0.value != nil : $0.value?.hashValue != room.written?[$0.key] }
        guard !news.isEmpty else { return }
        do throws(RecordFailure) {
            try await memory.keep(RecordChanges(news, isWhole: isNew), in: room.record, about: room.session)
            if isNew { room.written = [:] }
            for (name, text) in news { room.written?[name] = text?.hashValue }
        } catch {
            room.touched.formUnion(changed)
            switch error {
            case .unavailable: rememberLater(room)
            case .missing:
                room.written = nil
                rememberLater(room)
            case .taken:
                logger.warning("another controller has the room now", metadata: ["session": "\(room.session)"])
                room.touched = []
                await drop(room)
            case .tooLarge:
                logger.warning("a room is too large to be kept", metadata: ["session": "\(room.session)"])
            }
        }
    }

    private func rememberLater(_ room: Room) {
        Task {
            try? await Task.sleep(for: .milliseconds(250))
            await self.remember(room)
        }
    }

    /// Once a minute: records must not pass away, and what the store has lost is written again.
    public func run() async {
        await memory?.onLapse { [weak self] in await self?.checkRecords() }
        while (try? await Task.sleep(for: .seconds(60))) != nil { await checkRecords() }
    }

    private func checkRecords() async {
        for room in rooms.values.sorted(by: { $0.name < $1.name }) where room.phase == .open {
            guard room.written != nil else { continue }
            do throws(RecordFailure) {
                try await memory?.keep(RecordChanges(), in: room.record, about: nil)
            } catch {
                guard error == .missing || error == .taken else { continue }
                room.written = nil
                if let any = room.publishers.first ?? room.players.values.first { touch(any) }
                await remember(room)
            }
        }
    }

    func forget(_ room: Room) async { await memory?.forget(room.record) }

    private static func textName(_ id: EndpointID) -> String { "resource:\(id)" }

    // MARK: Taking over

    /// Goes on with a room that another process left. False when there is none, or its media is gone.
    func restore(_ room: Room) async throws(Refusal) -> Bool {
        guard let memory, let texts = try await memory.claim(room.record, isPatient: false) else { return false }
        do throws(Refusal) {
            try await plane.adopt(room.session, after: texts["at"])
        } catch {
            guard error.reason == .notFound else { throw error }
            await memory.forget(room.record)
            return false
        }
        room.position = texts["at"]
        room.written = texts.mapValues(\.hashValue)
        let records = texts.filter { $0.key.hasPrefix("resource:") }.values.compactMap { ResourceRecord(text: $0) }
        for record in records.sorted(by: { ($0.order, $0.id.rawValue) < ($1.order, $1.id.rawValue) }) {
            guard let resource = Resource(record, in: room) else { continue }
            resources[resource.secret] = resource
            switch resource.role {
            case .publisher: room.publishers.append(resource)
            case .player: room.players[resource.id] = resource
            }
        }
        logger.info(
            "a room was taken over",
            metadata: ["event": "room_adopted", "session": "\(room.session)", "resources": "\(records.count)"])
        return true
    }

    /// The room of that name if another process left one; whether it is open now.
    func revive(_ name: String) async throws(GatewayError) -> Bool {
        guard memory != nil, (try? Self.check(name, "the room")) != nil else { return false }
        if let room = rooms[name] {
            while room.phase == .opening { await withCheckedContinuation { room.waiters.append($0) } }
            return room.phase == .open
        }
        let room = Room(name: name)
        rooms[name] = room
        do throws(Refusal) {
            guard try await restore(room) else {
                retire(room)
                return false
            }
        } catch {
            room.refusal = error
            retire(room)
            // Without the store nobody knows of it.
            if error.reason == .storeUnavailable { return false }
            throw GatewayError(error, room: name)
        }
        await admit(room)
        return true
    }

    /// Takes over a room that nobody serves, so that its resources end when their peers do.
    public func inherit(_ session: SessionID) async -> Bool {
        guard let name = Room.name(of: session) else { return false }
        return (try? await revive(name)) ?? false
    }

    /// Another controller has the room: nothing of it is touched.
    private func drop(_ room: Room) async {
        room.phase = .closing
        for resource in room.publishers + Array(room.players.values) {
            resource.isEnded = true
            resources[resource.secret] = nil
        }
        room.publishers = []
        room.players = [:]
        await plane.disown(room.session)
        retire(room)
    }
}
