import Logging
import RTP
import SDP
import Session

extension Gateway {
    /// After a publisher came or went: every player of the room anew, some at a time.
    func routePlayers(of room: Room) async {
        let players = room.players.values.sorted { $0.id.rawValue < $1.id.rawValue }
        await withTaskGroup(of: Void.self) { group in
            var next = 0
            while next < min(Limits.concurrentRoutings, players.count) {
                let player = players[next].secret
                group.addTask { await self.route(player) }
                next += 1
            }
            while await group.next() != nil {
                guard next < players.count else { continue }
                let player = players[next].secret
                group.addTask { await self.route(player) }
                next += 1
            }
        }
    }

    private func route(_ secret: String) async {
        if let player = resources[secret] { await route(player) }
    }

    /// Feeds the player's sections by whoever publishes now.
    func route(_ player: Resource) async {
        await player.gate.enter()
        defer { player.gate.leave() }
        guard !player.isEnded else { return }
        let wanted = wantedFeeds(of: player)
        player.inheritedFeeds = nil
        for kind in MediaKind.allCases {
            for (section, source) in (wanted[kind] ?? []).enumerated() {
                guard player.feeds[kind]?[section] != source else { continue }
                await feed(player, kind, section, from: source)
            }
        }
    }

    private func wantedFeeds(of player: Resource) -> [MediaKind: [EndpointID?]] {
        var publishers = player.room.publishers
        if let chosen = player.chosenPublisher { publishers = publishers.filter { $0.name == chosen } }
        var feeds = settledFeeds(of: player)
        for (kind, other) in [(MediaKind.video, MediaKind.audio), (.audio, .video)] {
            feeds[kind] = Feeds.assign(
                feeds[kind] ?? [], publishers: publishers.filter { $0.source(of: kind) != nil }.map(\.id),
                companions: feeds[other] ?? [])
        }
        return feeds
    }

    /// What fails is tried again with the next change: the section then counts as empty.
    private func feed(_ player: Resource, _ kind: MediaKind, _ section: Int, from source: EndpointID?) async {
        let room = player.room
        let former = player.feeds[kind]?[section]
        player.feeds[kind]?[section] = source
        touch(player)
        guard let source else {
            // An endpoint that was closed took its routes along.
            guard let former, room.resource(of: former) != nil else { return }
            let route = Route(source: former, sink: player.id, kind: kind, section: section)
            return await attempt(.disconnect(route), in: room.session)
        }
        do {
            _ = try await perform(
                .connect(Route(source: source, sink: player.id, kind: kind, section: section)), in: room)
        } catch {
            logger.debug("a player could not be fed", metadata: ["reason": "\(error.message)"])
            player.feeds[kind]?[section] = nil
            return
        }
        guard kind == .video, let request = player.layerRequests[section] else { return }
        // Another publisher may count its encodings otherwise; one that it does not have asks for the best.
        let selection =
            (try? request.selection(section: section, source: room.resource(of: source)?.source(of: .video)))
            ?? LayerSelection(section: section)
        guard selection != player.selections[section] else { return }
        player.selections[section] = selection
        await attempt(.selectLayers(player.id, selection), in: room.session)
    }
}
