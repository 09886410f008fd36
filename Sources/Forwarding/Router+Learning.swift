import Wire

// What packets said once, for a successor that would not hear it again.

extension Router {
    /// What an SSRC turned out to be, since packets said so that need not come again; nil when there is no more. A
    /// successor is told by ``learn(_:)``.
    public mutating func nextLearned() -> StreamIdentity? {
        while let entry = learned.pop() {
            guard isOpen(entry.endpoint) else { continue }
            for slot in endpoints[entry.endpoint.slot].publishers {
                for index in 0..<publishers[Int(slot)].streamCount
                where publishers[Int(slot)].streams[index] == entry.stream {
                    return StreamIdentity(
                        endpoint: entry.endpoint, ssrc: entry.ssrc, mid: publishers[Int(slot)].mid, encoding: index,
                        isRTX: entry.isRTX)
                }
            }
        }
        return nil
    }

    /// What a predecessor learned of an endpoint that has been negotiated here. False where that has no such stream.
    @discardableResult
    public mutating func learn(_ identity: StreamIdentity) -> Bool {
        guard isOpen(identity.endpoint) else { return false }
        let endpoint = identity.endpoint.slot
        guard endpoints[endpoint].streams.find(identity.ssrc) == nil else { return true }
        for slot in endpoints[endpoint].publishers where publishers[Int(slot)].mid == identity.mid {
            guard identity.encoding >= 0, identity.encoding < publishers[Int(slot)].streamCount else { return false }
            return endpoints[endpoint].streams.latch(
                identity.ssrc, stream: publishers[Int(slot)].streams[identity.encoding], isRTX: identity.isRTX)
        }
        return false
    }

    /// Forgets what an endpoint's packets have said of their SSRCs, for an owner who knows it otherwise and goes on to
    /// ``learn(_:)``. Streams go on.
    public mutating func forgetLearned(of endpoint: EndpointIndex) {
        guard isOpen(endpoint) else { return }
        endpoints[endpoint.slot].streams.dropLatched()
    }

    /// Gives up what a predecessor left of streams that nobody has claimed.
    public mutating func forgetInheritance() {
        for handle in inherited { rewriters.remove(handle) }
        inherited = []
    }
}
