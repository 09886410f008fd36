import RTP
import SDP
import Session

/// A room: one session of the media plane, there from the first publisher or player to the last. Lives inside
/// ``Gateway``'s isolation.
final class Room {
    enum Phase { case opening, open, closing, closed }

    let name: String
    let session: SessionID
    var phase = Phase.opening
    /// Why the room could not be opened, or was lost.
    var refusal: Refusal?
    /// In the order in which they came.
    var publishers: [Resource] = []
    var players: [EndpointID: Resource] = [:]
    /// Publishers that feed nobody: those that are to follow another one of the room as soon as their media come, and
    /// those that were followed and have not gone yet.
    var idlePublishers: [EndpointID: Resource] = [:]
    /// Who has followed whom.
    var followers: [EndpointID: EndpointID] = [:]
    /// Requests under way that keep the room open.
    var visitors = 0
    /// What is to be written to the memory, what was (hashes by name), and one writer at a time.
    var touched: Set<EndpointID> = []
    var written: [String: Int]?
    let memoryGate = SerialGate()
    /// Of the last event of the media plane that was taken.
    var position: String?
    /// Who waits for the end of opening or of closing.
    var waiters: [CheckedContinuation<Void, Never>] = []

    init(name: String) {
        self.name = name
        // The same for every controller: the one whose claim the store takes first has the room.
        session = SessionID(Self.prefix + name)
    }

    private static let prefix = "room:"

    /// Of the room in the memory.
    var record: String { session.rawValue }

    static func name(of session: SessionID) -> String? {
        session.rawValue.hasPrefix(prefix) ? String(session.rawValue.dropFirst(prefix.count)) : nil
    }

    var isEmpty: Bool { publishers.isEmpty && players.isEmpty && idlePublishers.isEmpty && visitors == 0 }

    var everyone: [Resource] { publishers + idlePublishers.values + players.values }

    func resource(of id: EndpointID) -> Resource? {
        players[id] ?? idlePublishers[id] ?? publishers.first { $0.id == id }
    }

    func wake() {
        let waiting = waiters
        waiters = []
        for waiter in waiting { waiter.resume() }
    }
}

/// One publisher or player: what WHIP calls a session, and its URL names.
final class Resource {
    enum Role: String { case publisher = "whip", player = "whep" }

    let role: Role
    let room: Room
    /// The last component of its URL: who knows it may change and end the resource.
    let secret: String
    let id: EndpointID
    /// What others may know it by.
    let name: String
    /// A player's `?publisher=`: that one feeds all its sections.
    let chosenPublisher: String?

    var local: ICEParameters
    var remote: ICEParameters
    let description: SessionDescription
    let candidates: [String]
    let media: [MediaNegotiation]
    /// The ICE generation's entity-tag, in quotes (RFC 9725 section 4.3.1).
    var tag: String
    var restarts = 0
    /// Remote candidates of this generation.
    var remoteCandidates: Set<String> = []
    var ice = ICEState.new
    /// Changes of ICE and of routes, one at a time.
    let gate = SerialGate()
    var isEnded = false
    /// It is about to end.
    var isFailing = false

    /// Of a publisher: whom it is to follow, and who is to follow it.
    weak var predecessor: Resource?
    weak var successor: Resource?
    /// What its peer sends at present.
    var flowing: Set<MediaKind> = []
    /// Server-sent events about it.
    let notices = Notices()
    /// Which of its simulcast encodings its peer was told to send, by mid.
    var encodings: [String: [Bool]] = [:]

    /// Of a player that follows another: who fed that one's sections.
    var inheritedFeeds: [MediaKind: [EndpointID?]]?
    /// Who feeds each of a player's sections.
    var feeds: [MediaKind: [EndpointID?]] = [:]
    /// What the player asked for, by video section.
    var layerRequests: [Int: LayerRequest] = [:]
    /// What the worker was told, by video section.
    var selections: [Int: LayerSelection] = [:]

    init(
        role: Role, room: Room, secret: String, id: EndpointID, name: String, chosenPublisher: String?, tag: String,
        local: ICEParameters, candidates: [String], negotiation: Negotiation
    ) {
        self.role = role
        self.room = room
        self.secret = secret
        self.id = id
        self.name = name
        self.chosenPublisher = chosenPublisher
        self.tag = tag
        self.local = local
        self.candidates = candidates
        remote = negotiation.remoteICE
        description = negotiation.localDescription
        media = negotiation.media
        for kind in MediaKind.allCases { feeds[kind] = Array(repeating: nil, count: sinks(of: kind).count) }
    }

    /// As another process left it.
    init?(_ record: ResourceRecord, in room: Room) {
        guard let role = Role(rawValue: record.role), let text = try? SessionDescription(parsing: record.description)
        else { return nil }
        self.role = role
        self.room = room
        secret = record.secret
        id = record.id
        name = record.name
        chosenPublisher = record.chosenPublisher
        tag = record.tag
        local = record.local.parameters
        remote = record.remote.parameters
        candidates = record.candidates
        description = text
        media = record.media
        restarts = record.restarts
        remoteCandidates = Set(record.remoteCandidates)
        ice = record.ice
        for kind in MediaKind.allCases {
            let kept = record.feeds[kind.rawValue] ?? []
            let count = sinks(of: kind).count
            feeds[kind] = kept.count == count ? kept : Array(repeating: nil, count: count)
        }
        for entry in record.layers {
            layerRequests[entry.section] = entry.request
            selections[entry.section] = entry.selection
        }
        encodings = record.encodings ?? [:]
        for (mid, active) in encodings { _ = tellEncodings(active, ofSection: mid) }
    }

    var path: String { "/\(role.rawValue)/\(room.name)/\(secret)" }

    var isConnected: Bool { ice == .connected || ice == .completed }

    /// The sections of a kind that we send in, in order.
    func sinks(of kind: MediaKind) -> [MediaNegotiation] { media.filter { $0.kind == kind && $0.direction.sends } }

    /// What the peer publishes of a kind: the first section that it sends in.
    func source(of kind: MediaKind) -> MediaNegotiation? {
        media.first { $0.kind == kind && $0.direction.receives }
    }
}
