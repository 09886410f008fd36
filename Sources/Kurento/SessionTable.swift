/// Client sessions: which objects each references, what it subscribed to, and which connection it is
/// bound to. A session exists from its first reference to an object until its last.
struct SessionTable {
    struct ClientSession {
        /// Ids of referenced objects.
        var objects: Set<String> = []
        /// By subscription id.
        var subscriptions: [String: Subscription] = [:]
        /// Used since the garbage collector's last round.
        var isInUse = true
    }

    struct Subscription {
        var object: String
        var event: String
    }

    private var sessions: [String: ClientSession] = [:]
    private var bindings: [String: ConnectionID] = [:]

    var count: Int { sessions.count }
    /// In alphabetical order.
    var ids: [String] { sessions.keys.sorted() }

    func contains(_ id: String) -> Bool { sessions[id] != nil }
    func connection(of id: String) -> ConnectionID? { bindings[id] }
    func objects(of id: String) -> Set<String> { sessions[id]?.objects ?? [] }
    func subscriptionCount(of id: String) -> Int { sessions[id]?.subscriptions.count ?? 0 }
    func subscription(_ subscription: String, of id: String) -> Subscription? {
        sessions[id]?.subscriptions[subscription]
    }

    /// Subscriptions to an object, by their ids.
    func subscriptions(of id: String, to object: String) -> [[String]] {
        (sessions[id]?.subscriptions ?? [:]).filter { $0.value.object == object }.map { [$0.key, $0.value.event] }
            .sorted { $0[0] < $1[0] }
    }

    /// Forgets the session whole: another controller has it.
    mutating func remove(_ id: String) {
        sessions[id] = nil
        bindings[id] = nil
    }

    mutating func bind(_ id: String, to connection: ConnectionID) {
        bindings[id] = connection
        sessions[id]?.isInUse = true
    }

    /// Only if it is still bound to that connection: a later one may have taken it over.
    mutating func unbind(_ id: String, from connection: ConnectionID) {
        guard bindings[id] == connection else { return }
        bindings[id] = nil
        // Until now it was in use: the collector gives it a whole period from here.
        sessions[id]?.isInUse = true
    }

    mutating func markInUse(_ id: String) { sessions[id]?.isInUse = true }

    mutating func addObject(_ object: String, to id: String) {
        sessions[id, default: ClientSession()].objects.insert(object)
    }

    /// Forgets the reference and the subscriptions that went with it; the session itself with its last one.
    mutating func removeObject(_ object: String, from id: String) {
        guard var session = sessions[id] else { return }
        session.objects.remove(object)
        session.subscriptions = session.subscriptions.filter { $0.value.object != object }
        sessions[id] = session.objects.isEmpty ? nil : session
    }

    mutating func add(_ subscription: String, _ value: Subscription, to id: String) {
        sessions[id]?.subscriptions[subscription] = value
    }

    mutating func removeSubscription(_ subscription: String, from id: String) {
        sessions[id]?.subscriptions[subscription] = nil
    }

    /// One round: the sessions that nobody used since the last, marking the others for the next.
    mutating func takeUnused() -> [String] {
        var unused: [String] = []
        for id in ids {
            if bindings[id] != nil || sessions[id]?.isInUse == true {
                sessions[id]?.isInUse = false
            } else {
                unused.append(id)
            }
        }
        return unused
    }
}
