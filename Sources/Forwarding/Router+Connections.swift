public import RTP
public import Wire

extension Router {
    /// Makes `source` what feeds `sink`'s media of a kind, instead of what did, and asks it for a key
    /// frame. `source` may be `sink`: its media come back to it.
    ///
    /// May come before either side is negotiated; sections of a kind pair up in their order. False, and
    /// nothing happens, when one of them is not open.
    @discardableResult
    public mutating func connect(source: EndpointIndex, sink: EndpointIndex, kind: MediaKind, now: Instant) -> Bool {
        guard isOpen(source), isOpen(sink) else { return false }
        self.now = now
        endpoints[sink.slot].setSource(source.rawValue, of: kind)
        link(sink.slot, kind, now: now)
        return true
    }

    /// Undoes ``connect(source:sink:kind:now:)``; nothing happens when something else feeds the sink.
    public mutating func disconnect(source: EndpointIndex, sink: EndpointIndex, kind: MediaKind) {
        guard isOpen(sink), endpoints[sink.slot].source(of: kind) == source.rawValue else { return }
        endpoints[sink.slot].setSource(-1, of: kind)
        link(sink.slot, kind, now: now)
    }

    /// Makes publishers and subscribers agree with what was connected and negotiated.
    mutating func link(_ sink: Int, _ kind: MediaKind, now: Instant) {
        let source = Int(endpoints[sink].source(of: kind))
        var candidates: [Int32] = []
        if source >= 0, endpoints[source].isOpen {
            candidates = endpoints[source].publishers.filter { publishers[Int($0)].kind == kind }
        }
        var next = 0
        for slot in endpoints[sink].subscribers where subscribers[Int(slot)].kind == kind {
            let publisher = next < candidates.count ? Int(candidates[next]) : -1
            next += 1
            attach(Int(slot), to: publisher, now: now)
        }
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
        if !isSame { requestKeyFrame(fromPublisher: publisher, now: now) }
    }
}
