import RTP
public import Wire

extension Router {
    /// Begins an endpoint in a slot of the owner's choice; one that was open there is closed first.
    ///
    /// - Parameter ssrc: what our RTCP names as its sender; drawn when nil.
    public mutating func open(_ endpoint: EndpointIndex, ssrc: UInt32? = nil) {
        precondition(endpoint.slot >= 0 && endpoint.slot < capacity)
        if isOpen(endpoint) { close(endpoint) }
        endpointBound = max(endpointBound, endpoint.slot + 1)
        var fresh = Endpoint()
        fresh.isOpen = true
        fresh.ssrc = ssrc ?? UInt32(truncatingIfNeeded: random.next())
        fresh.cname = random.iceCharacters(16)
        fresh.payloadOwners = Array(repeating: Endpoint.noOwner, count: 128)
        endpoints[endpoint.slot] = fresh
    }

    /// Ends an endpoint: its streams stop, its connections in both directions are gone. No event tells.
    public mutating func close(_ endpoint: EndpointIndex) {
        guard isOpen(endpoint) else { return }
        for slot in endpoints[endpoint.slot].subscribers { removeSubscriber(Int(slot)) }
        for slot in endpoints[endpoint.slot].publishers { removePublisher(Int(slot)) }
        for handle in inherited where owner(of: handle) == endpoint.rawValue { rewriters.remove(handle) }
        inherited.removeAll { !rewriters.contains($0) }
        leaveSpeakers(endpoint.slot)
        for index in 0..<endpointBound where !endpoints[index].feeds.isEmpty {
            endpoints[index].feeds.removeAll { $0.source == endpoint.rawValue }
        }
        endpoints[endpoint.slot] = Endpoint()
        if sendSides.contains(endpoint.slot) { sendSides.remove(endpoint.slot) }
        deadlines[endpoint.slot] = .distantFuture
    }

    /// The transport is up or down. Nothing is forwarded to one that is down; one that comes up asks
    /// what it subscribes to for key frames.
    public mutating func setConnected(_ endpoint: EndpointIndex, _ isConnected: Bool, now: Instant) {
        guard isOpen(endpoint), endpoints[endpoint.slot].isConnected != isConnected else { return }
        self.now = now
        endpoints[endpoint.slot].isConnected = isConnected
        resetCircuit(of: endpoint.slot, now: now)
        for slot in endpoints[endpoint.slot].subscribers {
            // Packets were missed, or will be: the stream goes on where it stopped, at a key frame.
            forgetSource(ofSubscriber: Int(slot))
            let target = Int(subscribers[Int(slot)].target)
            if isConnected, target >= 0 { requestKeyFrame(ofStream: target, now: now) }
        }
        endpoints[endpoint.slot].nextReport = .distantFuture
        if isConnected {
            armReports(endpoint.slot, now: now)
            schedule(endpoint.slot, at: now)
        }
    }

    /// Asks the endpoint for a key frame of each of its videos: of the simulcast encodings that somebody
    /// gets, or of all when nobody gets one. Requests are coalesced per stream.
    public mutating func requestKeyFrame(from endpoint: EndpointIndex, now: Instant) {
        guard isOpen(endpoint) else { return }
        self.now = now
        for slot in endpoints[endpoint.slot].publishers {
            let held = publishers[Int(slot)].streams
            let count = publishers[Int(slot)].streamCount
            var isWanted = false
            for index in 0..<count { isWanted = isWanted || streams[Int(held[index])].isWanted }
            for index in 0..<count where !isWanted || streams[Int(held[index])].isWanted {
                requestKeyFrame(ofStream: Int(held[index]), now: now)
            }
        }
    }

    // MARK: Publishers and subscribers

    mutating func removePublisher(_ slot: Int) {
        for subscriber in publishers[slot].subscribers { detach(Int(subscriber), isPublisherLeaving: true) }
        for index in 0..<publishers[slot].streamCount { streams.remove(Int(publishers[slot].streams[index])) }
        publishers.remove(slot)
    }

    mutating func removeSubscriber(_ slot: Int) {
        detach(slot)
        rewriters.remove(subscribers[slot].rewriter)
        subscribers.remove(slot)
    }

    /// Nothing feeds the subscriber any more.
    mutating func detach(_ slot: Int, isPublisherLeaving: Bool = false) {
        let publisher = Int(subscribers[slot].publisher)
        guard publisher >= 0 else { return }
        if !isPublisherLeaving { publishers[publisher].subscribers.removeAll { $0 == Int32(slot) } }
        subscribers[slot].publisher = -1
        subscribers[slot].unmap()
        setTarget(slot, -1)
        forgetSource(ofSubscriber: slot)
        reviewEncodings(ofPublisher: publisher)
    }

    /// What the subscriber gets next starts afresh.
    mutating func forgetSource(ofSubscriber slot: Int) {
        setCurrent(slot, -1)
        guard let rewriter = unsafe rewriters.pointer(to: subscribers[slot].rewriter) else { return }
        unsafe rewriter.pointee.forgetSource()
    }

    /// What went out before would not come out the same now, and an SRTP index must never protect two
    /// different packets: nothing older is sent again.
    mutating func seal(_ slot: Int) {
        guard let rewriter = unsafe rewriters.pointer(to: subscribers[slot].rewriter) else { return }
        unsafe rewriter.pointee.seal()
    }

    func owner(of handle: SlabHandle) -> Int32 {
        guard let rewriter = unsafe rewriters.pointer(to: handle) else { return -1 }
        return unsafe rewriter.pointee.endpoint
    }

    /// Asks at once or when the last request is old enough; nothing for audio or a peer that takes
    /// neither PLI nor FIR.
    mutating func requestKeyFrame(ofStream stream: Int, now: Instant) {
        let slot = Int(streams[stream].publisher)
        guard publishers[slot].kind == .video, publishers[slot].takesKeyFrameRequests else { return }
        streams[stream].keyFrames.request(now: now)
        let endpoint = Int(publishers[slot].endpoint)
        let due = streams[stream].keyFrames.deadline
        if due <= now { feedbackWork.add(endpoint) } else { schedule(endpoint, at: due) }
    }

    /// The same on behalf of one subscriber, which has a budget for it.
    mutating func requestKeyFrame(for subscriber: Int, ofStream stream: Int32, now: Instant) {
        guard stream >= 0, !streams[Int(stream)].keyFrames.isPending else { return }
        guard subscribers[subscriber].keyFrameBudget.take(now: now) else { return }
        requestKeyFrame(ofStream: Int(stream), now: now)
    }
}
