import Session

/// A room and who is in it.
final class Room<Member> {
    struct Seat {
        let name: String
        let visitor: Visitor
        let member: Member
    }

    let name: String
    fileprivate let gate = SerialGate()
    /// In the order in which they came.
    private(set) var seats: [Seat] = []
    /// Made by who comes first.
    var pipeline: String?
    /// What mixes the room's media, where something does.
    var hub: String?

    fileprivate init(name: String) { self.name = name }

    func seat(named name: String) -> Seat? { seats.first { $0.name == name } }
    func seat(of visitor: Visitor) -> Seat? { seats.first { $0.visitor === visitor } }

    func check(_ name: String) throws(GalleryError) {
        guard seat(named: name) == nil else { throw GalleryError("Somebody in this room is called \(name) already") }
        guard seats.count < Limits.participants else {
            throw GalleryError("There are \(Limits.participants) people in this room already")
        }
    }

    func add(_ member: Member, named name: String, of visitor: Visitor) {
        seats.append(Seat(name: name, visitor: visitor, member: member))
    }

    func remove(_ visitor: Visitor) { seats.removeAll { $0.visitor === visitor } }
}

/// The rooms of one application, which is the only one to use them. Whoever comes, goes or asks passes the room's gate,
/// so that a room waits for no other.
final class Rooms<Member> {
    private var rooms: [String: Room<Member>] = [:]
    private var places: [UInt64: Room<Member>] = [:]

    /// The room, which is the caller's until `leave`.
    func enter(
        _ name: String, isolation: isolated (any Actor)? = #isolation
    ) async throws(GalleryError) -> Room<Member> {
        while true {
            guard rooms[name] != nil || rooms.count < Limits.rooms else {
                throw GalleryError("There are \(Limits.rooms) rooms already")
            }
            let room = rooms[name] ?? Room(name: name)
            rooms[name] = room
            await room.gate.enter()
            if rooms[name] === room { return room }
            // Its last one left while this one waited.
            room.gate.leave()
        }
    }

    /// The room that the visitor is in, likewise.
    func enter(as visitor: Visitor, isolation: isolated (any Actor)? = #isolation) async -> Room<Member>? {
        guard let room = places[visitor.id] else { return nil }
        await room.gate.enter()
        if places[visitor.id] === room { return room }
        room.gate.leave()
        return nil
    }

    /// Lets the next one in. A room without people is none.
    func leave(_ room: Room<Member>) {
        if room.seats.isEmpty, rooms[room.name] === room { rooms[room.name] = nil }
        room.gate.leave()
    }

    func seat(_ visitor: Visitor, as name: String, _ member: Member, in room: Room<Member>) {
        room.add(member, named: name, of: visitor)
        places[visitor.id] = room
    }

    func unseat(_ visitor: Visitor, in room: Room<Member>) {
        room.remove(visitor)
        places[visitor.id] = nil
    }
}
