// Of some hundred peers, what is kept for each no longer fits into the processor's cache: a train for one, or a report
// of one, begins with a dozen waits for memory, unless that is asked for beforehand.

extension Router {
    /// A report of the endpoint's peer is about to be read.
    @inline(__always)
    public func prefetchPath(of endpoint: EndpointIndex) { sendSides.prefetch(endpoint.slot) }

    /// The packet is about to go to the subscriber at `position`: asks for what the next ones need. Each step needs
    /// what the one before has brought.
    @inline(__always)
    public mutating func prefetch(_ forward: Forward, behind position: Int) {
        subscribers.prefetch(subscriber(of: forward, at: position + 3).slot, bytes: Limits.subscriberBytes)
        let second = endpoint(of: subscriber(of: forward, at: position + 2)).slot
        sendSides.prefetch(second, bytes: Limits.departureBytes)
        let next = endpoint(of: subscriber(of: forward, at: position + 1)).slot
        if sendSides.contains(next) { sendSides[next].prefetch(packets: Limits.usualTrain) }
    }
}
