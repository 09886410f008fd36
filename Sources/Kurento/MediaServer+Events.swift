extension MediaServer {
    /// Sends an event of `object` to the connections of the sessions that subscribed to it. For sessions without a
    /// connection it is kept until they have one again.
    func raise(_ event: String, on object: MediaObject, _ members: [String: JSONValue] = [:]) {
        guard !object.subscribers.isEmpty else { return }
        for name in [event] + (Self.formerNames[event] ?? []) {
            guard let subscribers = object.subscribers[name] else { continue }
            let text = eventText(event, as: name, on: object, members)
            for subscriber in subscribers { deliver(text, to: subscriber.session) }
        }
    }

    func raiseOnManager(_ event: String, _ members: [String: JSONValue]) {
        guard let manager = objects[MediaObject.serverManagerID] else { return }
        raise(event, on: manager, members)
    }

    private func deliver(_ text: String, to session: String) {
        touch(session: session)
        guard let id = sessions.connection(of: session), let connection = connections[id] else {
            return store(text, for: session)
        }
        guard connection.enqueue(event: text) else {
            counters.droppedEvents &+= 1
            return
        }
        counters.events &+= 1
        // A task of its own: whoever raised the event must not wait for a slow client.
        if connection.hasQueuedFrames, !connection.isDraining { Task { await self.drain(connection.id) } }
    }

    private func drain(_ id: ConnectionID) async {
        guard let connection = connections[id] else { return }
        await drain(connection)
    }

    private func eventText(
        _ event: String, as name: String, on object: MediaObject, _ members: [String: JSONValue]
    ) -> String {
        let milliseconds = configuration.wallClock()
        var data = members
        data["source"] = .string(object.id)
        data["timestampMillis"] = .string(String(milliseconds))
        data["tags"] = object.sendsTagsInEvents ? .array(object.tags.map(Self.tag)) : []
        if Self.mediaEvents.contains(event) { data["type"] = .string(name) }
        // Kurento 6, which had the former names, also told seconds.
        if name != event { data["timestamp"] = .string(String(milliseconds / 1000)) }
        let value: JSONValue = ["data": .object(data), "object": .string(object.id), "type": .string(name)]
        let notification: JSONValue = ["jsonrpc": "2.0", "method": "onEvent", "params": ["value": value]]
        return notification.text
    }

    static func tag(_ tag: (key: String, value: String)) -> JSONValue {
        .structure("Tag", ["key": .string(tag.key), "value": .string(tag.value)])
    }

    /// Events that carry their own name as `type`.
    private static let mediaEvents: Set<String> = {
        let events = TypeRegistry.shared.modules.flatMap(\.events)
        return Set(events.filter { $0.parent == "Media" }.map(\.name))
    }()

    private static let formerNames: [String: [String]] = {
        var names: [String: [String]] = [:]
        for (former, present) in TypeRegistry.eventAliases.sorted(by: { $0.key < $1.key }) {
            names[present, default: []].append(former)
        }
        return names
    }()
}
