public import RTP
public import Wire

extension Router {
    /// Makes `source` what feeds `sink`'s media of a kind, instead of what did, and asks it for a key
    /// frame. `source` may be `sink`: its media come back to it.
    ///
    /// Without `section`, sections of the kind pair up in their order. With one, the source's first
    /// publisher of the kind feeds the sink's section with that number, counted from 0 among those that
    /// send the kind; other sections stay as they are. May come before either side is negotiated. False, and
    /// nothing happens, when one of them is not open, or the sink has ``Limits/routesPerEndpoint`` routes.
    @discardableResult
    public mutating func connect(
        source: EndpointIndex, sink: EndpointIndex, kind: MediaKind, section: Int? = nil, now: Instant
    ) -> Bool {
        guard isOpen(source), isOpen(sink) else { return false }
        if let section { guard section >= 0, section < Limits.subscribersPerEndpoint else { return false } }
        let place = Int32(section ?? -1)
        var feeds = endpoints[sink.slot].feeds
        feeds.removeAll { $0.kind == kind && (place == -1 || $0.section == place) }
        guard feeds.count < Limits.routesPerEndpoint else { return false }
        self.now = now
        feeds.append(Endpoint.Feed(kind: kind, section: place, source: source.rawValue))
        endpoints[sink.slot].feeds = feeds
        link(sink.slot, kind, now: now)
        return true
    }

    /// Undoes ``connect(source:sink:kind:section:now:)``; nothing happens when something else feeds the
    /// section, or, without one, the sink.
    public mutating func disconnect(
        source: EndpointIndex, sink: EndpointIndex, kind: MediaKind, section: Int? = nil
    ) {
        let place = Int32(clamping: section ?? -1)
        guard isOpen(sink), endpoints[sink.slot].feed(kind, section: place) == source.rawValue else { return }
        endpoints[sink.slot].feeds.removeAll { $0.kind == kind && $0.section == place }
        link(sink.slot, kind, now: now)
    }

    /// Whether somebody is sent what the endpoint sends of the kind, or would be if it sent something.
    public func isWatched(_ endpoint: EndpointIndex, _ kind: MediaKind) -> Bool {
        guard isOpen(endpoint) else { return false }
        for slot in endpoints[endpoint.slot].publishers where publishers[Int(slot)].kind == kind {
            if !publishers[Int(slot)].subscribers.isEmpty { return true }
        }
        return false
    }

    /// Whether the endpoint is sent what another one sends of the kind, if that sends something.
    public func isFed(_ endpoint: EndpointIndex, _ kind: MediaKind) -> Bool {
        guard isOpen(endpoint) else { return false }
        for slot in endpoints[endpoint.slot].subscribers where subscribers[Int(slot)].kind == kind {
            if subscribers[Int(slot)].publisher >= 0 { return true }
        }
        return false
    }

    /// Makes publishers and subscribers agree with what was connected and negotiated.
    mutating func link(_ sink: Int, _ kind: MediaKind, now: Instant) {
        let all = endpoints[sink].feed(kind, section: -1)
        for slot in endpoints[sink].subscribers where subscribers[Int(slot)].kind == kind {
            let section = subscribers[Int(slot)].section
            if let source = endpoints[sink].feed(kind, section: Int32(section)) {
                attach(Int(slot), to: publisher(kind, at: 0, of: source), now: now)
            } else {
                attach(Int(slot), to: publisher(kind, at: section, of: all ?? -1), now: now)
            }
        }
    }

    /// The slot of an endpoint's publisher, counted among those of the kind; -1 without one.
    private func publisher(_ kind: MediaKind, at index: Int, of source: Int32) -> Int {
        guard source >= 0, endpoints[Int(source)].isOpen else { return -1 }
        var left = index
        for slot in endpoints[Int(source)].publishers where publishers[Int(slot)].kind == kind {
            if left == 0 { return Int(slot) }
            left -= 1
        }
        return -1
    }

    private mutating func attach(_ subscriber: Int, to publisher: Int, now: Instant) {
        let isSame = Int(subscribers[subscriber].publisher) == publisher
        if !isSame {
            detach(subscriber)
            guard publisher >= 0 else { return }
            subscribers[subscriber].publisher = Int32(publisher)
            publishers[publisher].subscribers.append(Int32(subscriber))
        }
        guard publisher >= 0 else { return }
        let isNew = subscribers[subscriber].map(from: publishers[publisher].parameters)
        if isSame, isNew { seal(subscriber) }
        applySelection(subscriber, now: now)
        retarget(subscriber, now: now)
    }
}
