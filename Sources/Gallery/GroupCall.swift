import Kurento

/// group-call: everybody in a room sees and hears everybody, each by a connection of its own.
actor GroupCall: SharedApplication {
    private final class Member {
        /// What this person sends; the guest's own connection.
        let outgoing: CallSession
        /// What this person gets, by sender.
        var incoming: [String: CallSession] = [:]

        init(outgoing: CallSession) { self.outgoing = outgoing }
    }

    private let rooms = Rooms<Member>()

    func take(_ message: Message, from guest: Guest) async throws(GalleryError) {
        let visitor = guest.visitor
        if message.id == "leaveRoom" { return await leave(guest) }
        if message.id == "joinRoom" { return try await join(message, visitor) }
        guard let room = await rooms.enter(as: visitor) else { throw GalleryError("Join a room first") }
        defer { rooms.leave(room) }
        guard let seat = room.seat(of: visitor) else { return }
        switch message.id {
        case "receiveVideoFrom": try await receive(message, seat, in: room)
        case "onIceCandidate":
            let name = try message.name("name")
            // Of somebody who left meanwhile: nothing is lost.
            try await connection(from: name, to: seat, in: room)?.add(message.candidate)
        default: throw .unknown(message)
        }
    }

    private func join(_ message: Message, _ visitor: Visitor) async throws(GalleryError) {
        let name = try message.name("name")
        let roomName = try message.name("room")
        await depart(visitor)
        let room = try await rooms.enter(roomName)
        defer { rooms.leave(room) }
        try room.check(name)
        let pipeline = try await openPipeline(of: room, visitor)
        let outgoing = CallSession(visitor, label: ["name": .string(name)])
        do throws(GalleryError) {
            try await outgoing.open(in: pipeline) { [weak self] reason in
                visitor.send(GalleryError(reason))
                await self?.depart(visitor)
            }
        } catch {
            await outgoing.close()
            await closePipeline(of: room, visitor)
            throw error
        }
        let present = room.seats
        rooms.seat(visitor, as: name, Member(outgoing: outgoing), in: room)
        for other in present { other.visitor.send("newParticipantArrived", ["name": .string(name)]) }
        visitor.send("existingParticipants", ["data": .array(present.map { .string($0.name) })])
    }

    private func openPipeline(of room: Room<Member>, _ visitor: Visitor) async throws(GalleryError) -> String {
        if let pipeline = room.pipeline { return pipeline }
        let pipeline = try await visitor.kurento.create("MediaPipeline")
        room.pipeline = pipeline
        return pipeline
    }

    private func closePipeline(of room: Room<Member>, _ visitor: Visitor) async {
        guard room.seats.isEmpty, let pipeline = room.pipeline else { return }
        room.pipeline = nil
        await visitor.kurento.release(pipeline)
    }

    private func receive(
        _ message: Message, _ seat: Room<Member>.Seat, in room: Room<Member>
    ) async throws(GalleryError) {
        let sender = try message.name("sender")
        let offer = try message.offer
        guard let connection = connection(from: sender, to: seat, in: room), let pipeline = room.pipeline else {
            throw GalleryError("\(sender) is not in this room")
        }
        if sender != seat.name {
            let endpoint = try await connection.open(in: pipeline)
            guard let source = await room.seat(named: sender)?.member.outgoing.endpoint else { return }
            try await seat.visitor.kurento.connect(source, to: endpoint)
        }
        let answer = try await connection.answer(offer)
        seat.visitor.send("receiveVideoAnswer", ["name": .string(sender), "sdpAnswer": answer])
        try await connection.gather()
    }

    /// The connection over which somebody gets somebody's media; one's own is the one to send on.
    private func connection(from sender: String, to seat: Room<Member>.Seat, in room: Room<Member>) -> CallSession? {
        if sender == seat.name { return seat.member.outgoing }
        guard room.seat(named: sender) != nil else { return nil }
        if let known = seat.member.incoming[sender] { return known }
        let made = CallSession(seat.visitor, label: ["name": .string(sender)])
        seat.member.incoming[sender] = made
        return made
    }

    func leave(_ guest: Guest) async { await depart(guest.visitor) }

    private func depart(_ visitor: Visitor) async {
        guard let room = await rooms.enter(as: visitor) else { return }
        defer { rooms.leave(room) }
        guard let seat = room.seat(of: visitor) else { return }
        rooms.unseat(visitor, in: room)
        await seat.member.outgoing.close()
        for connection in seat.member.incoming.values { await connection.close() }
        for other in room.seats {
            await other.member.incoming.removeValue(forKey: seat.name)?.close()
            other.visitor.send("participantLeft", ["name": .string(seat.name)])
        }
        await closePipeline(of: room, visitor)
    }
}
