import RTP
import Session

// A client that comes again in place of its former self: told to by server-sent events, or by itself.
extension Gateway {
    static let eventsComponent = "events"

    /// `POST` asks for events, as in WHEP's extension, which lets the client choose: it gets all there are. `GET` is
    /// the stream of them.
    func events(_ request: GatewayRequest, of resource: Resource) -> GatewayResponse {
        guard request.method != "POST" else {
            return GatewayResponse(201, headers: [("Location", "\(resource.path)/\(Self.eventsComponent)")])
        }
        var response = GatewayResponse(200, headers: [("Content-Type", "text/event-stream")])
        if request.method == "GET" { response.events = resource.notices.listen() }
        return response
    }

    func eventsLink(of resource: Resource) -> (name: String, value: String) {
        let isPlayer = resource.role == .player
        let relation =
            isPlayer ? "urn:ietf:params:whep:ext:core:server-sent-events" : "urn:apus:whip:ext:server-sent-events"
        let kinds = isPlayer || !configuration.switchesEncodings ? "reconnect" : "reconnect,encodings"
        return ("Link", "<\(resource.path)/\(Self.eventsComponent)>; rel=\"\(relation)\"; events=\"\(kinds)\"")
    }

    func advise(_ resource: Resource, _ reason: ReconnectNotice.Reason) {
        let hasMedia = reason == .draining
        var query: [String] = []
        if let chosen = resource.chosenPublisher { query.append("publisher=\(chosen)") }
        if resource.role == .publisher, !hasMedia { query.append("publisher=\(resource.name)") }
        if hasMedia { query.append("replaces=\(resource.secret)") }
        let path = "/\(resource.role.rawValue)/\(resource.room.name)"
        // A drain is spread already. Who has no media is in a hurry, but so are all the others.
        let within = hasMedia ? 0 : min(Limits.reconnectSpread, 2 * resources.count)
        resource.notices.send(
            ReconnectNotice(
                reason: reason, url: query.isEmpty ? path : path + "?" + query.joined(separator: "&"),
                hasMedia: hasMedia, within: within))
    }

    /// The resource of `?replaces=`, while it is there: one that has gone has left nothing to take over.
    func replaced(by request: GatewayRequest, _ role: Resource.Role, room: String) -> Resource? {
        guard let secret = request.query["replaces"], let resource = resources[secret], resource.role == role,
            resource.room.name == room, !resource.isEnded
        else { return nil }
        return resource
    }

    /// From now on the publisher waits to follow another; one that waited for the same has waited in vain.
    func precede(_ successor: Resource, by predecessor: Resource) async {
        let earlier = predecessor.successor
        successor.predecessor = predecessor
        predecessor.successor = successor
        successor.room.idlePublishers[successor.id] = successor
        if let earlier { await end(earlier, "its place is taken by a later one") }
    }

    /// The publisher takes over name, place and players of the one that it is to follow.
    /// - Returns: whether the players are to be routed anew.
    func promote(_ successor: Resource) -> Bool {
        let room = successor.room
        guard !successor.isEnded, room.idlePublishers[successor.id] === successor,
            let predecessor = successor.predecessor,
            let index = room.publishers.firstIndex(where: { $0 === predecessor })
        else { return false }
        room.idlePublishers[successor.id] = nil
        room.publishers[index] = successor
        room.followers[predecessor.id] = successor.id
        if !predecessor.isEnded { room.idlePublishers[predecessor.id] = predecessor }
        predecessor.successor = nil
        successor.predecessor = nil
        return true
    }

    /// Players change over when all that they got of the former comes from the publisher that is to follow it: an
    /// encoder may be slower than sound.
    func followIfReady(_ successor: Resource) {
        guard let predecessor = successor.predecessor, !successor.flowing.isEmpty else { return }
        let wanted = predecessor.flowing.filter { successor.source(of: $0) != nil }
        guard wanted.isSubset(of: successor.flowing), promote(successor) else { return }
        let room = successor.room
        room.visitors += 1
        Task {
            await self.routePlayers(of: room)
            await self.leave(room)
        }
    }

    /// Who is to feed the player's sections as far as that is settled: whoever does, or followed that one.
    func settledFeeds(of player: Resource) -> [MediaKind: [EndpointID?]] {
        var feeds = player.feeds
        if let inherited = player.inheritedFeeds {
            for kind in MediaKind.allCases {
                for (section, source) in (inherited[kind] ?? []).enumerated()
                where section < feeds[kind]?.count ?? 0 { feeds[kind]?[section] = source }
            }
        }
        let followers = player.room.followers
        guard !followers.isEmpty else { return feeds }
        func last(_ id: EndpointID) -> EndpointID {
            var id = id
            while let follower = followers[id] { id = follower }
            return id
        }
        return feeds.mapValues { $0.map { $0.map(last) } }
    }
}
