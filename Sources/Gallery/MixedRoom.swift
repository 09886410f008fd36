import Kurento

/// composite: everybody in a room gets one picture with all in it, and one sound with all the others. Each has one
/// connection, however many come.
actor MixedRoom: SharedApplication {
    private struct Member {
        let port: String
    }

    private let rooms = Rooms<Member>()

    func take(_ message: Message, from guest: Guest) async throws(GalleryError) {
        switch message.id {
        case "onIceCandidate": try await guest.call.add(message.candidate)
        case "joinRoom": try await join(message, guest)
        case "leaveRoom": await leave(guest)
        default: throw .unknown(message)
        }
    }

    private func join(_ message: Message, _ guest: Guest) async throws(GalleryError) {
        let name = try message.name("name")
        let roomName = try message.name("room")
        let offer = try message.offer
        await leave(guest)
        let room = try await rooms.enter(roomName)
        defer { rooms.leave(room) }
        try room.check(name)
        do throws(GalleryError) {
            let answer = try await connect(guest, name, offer, in: room)
            guest.visitor.send("startResponse", ["sdpAnswer": answer])
            tellNames(in: room)
            try await guest.call.gather()
        } catch {
            await remove(guest, from: room)
            throw error
        }
    }

    private func connect(
        _ guest: Guest, _ name: String, _ offer: String, in room: Room<Member>
    ) async throws(GalleryError) -> JSONValue {
        let kurento = guest.visitor.kurento
        let (pipeline, hub) = try await openHub(of: room, kurento)
        let endpoint = try await guest.call.open(in: pipeline) { [weak self] reason in
            guest.visitor.send(GalleryError(reason))
            await self?.leave(guest)
        }
        let port = try await kurento.create("HubPort", ["hub": .string(hub)])
        rooms.seat(guest.visitor, as: name, Member(port: port), in: room)
        try await kurento.connect(endpoint, to: port)
        try await kurento.connect(port, to: endpoint)
        return try await guest.call.answer(offer)
    }

    private func openHub(
        of room: Room<Member>, _ kurento: KurentoClient
    ) async throws(GalleryError) -> (pipeline: String, hub: String) {
        if let pipeline = room.pipeline, let hub = room.hub { return (pipeline, hub) }
        let pipeline = try await kurento.create("MediaPipeline")
        room.pipeline = pipeline
        let hub = try await kurento.create("Composite", ["mediaPipeline": .string(pipeline)])
        room.hub = hub
        return (pipeline, hub)
    }

    private func tellNames(in room: Room<Member>) {
        let names = JSONValue.array(room.seats.map { .string($0.name) })
        for seat in room.seats { seat.visitor.send("participants", ["data": names]) }
    }

    func leave(_ guest: Guest) async {
        guard let room = await rooms.enter(as: guest.visitor) else { return await guest.call.close() }
        defer { rooms.leave(room) }
        await remove(guest, from: room)
        tellNames(in: room)
    }

    private func remove(_ guest: Guest, from room: Room<Member>) async {
        await guest.call.close()
        if let port = room.seat(of: guest.visitor)?.member.port { await guest.visitor.kurento.release(port) }
        rooms.unseat(guest.visitor, in: room)
        guard room.seats.isEmpty, let pipeline = room.pipeline else { return }
        room.pipeline = nil
        room.hub = nil
        await guest.visitor.kurento.release(pipeline)
    }
}
