import RTP
public import Wire

// Which of a publisher's streams each subscriber gets.

extension Router {
    /// Chooses the layers that the endpoint's peer gets at most: simulcast encoding or spatial layer, and
    /// temporal layer, 0 the smallest and slowest, nil the best there is; in one of the endpoint's sending
    /// video sections, counted from 0, or in all.
    ///
    /// Where the path to the peer has no room for all, videos of a higher `priority` (1 to
    /// ``Limits/highestPriority``) go first. One that is shown with so many `pixels` gets no simulcast encoding
    /// beyond the smallest with as many.
    ///
    /// May come before anything is negotiated or connected. What was sent goes on until the new layer's key
    /// frame, or another place where a decoder can follow, arrives. False, and nothing happens, when the
    /// endpoint is not open or has chosen for ``Limits/selectionsPerEndpoint`` sections.
    @discardableResult
    public mutating func selectLayers(
        of endpoint: EndpointIndex, section: Int? = nil, spatial: Int? = nil, temporal: Int? = nil,
        priority: Int? = nil, pixels: Int? = nil, now: Instant
    ) -> Bool {
        guard isOpen(endpoint) else { return false }
        self.now = now
        let place = Int32(clamping: section ?? -1)
        var layers = endpoints[endpoint.slot].layers
        layers.removeAll { place == -1 || $0.section == place }
        guard layers.count < Limits.selectionsPerEndpoint else { return false }
        layers.append(
            Endpoint.LayerSelection(
                section: place, spatial: Self.limit(spatial), temporal: Self.limit(temporal),
                priority: UInt8(min(max(priority ?? 1, 1), Limits.highestPriority)),
                pixels: pixels.map { UInt32(clamping: max($0, 1)) } ?? .max))
        endpoints[endpoint.slot].layers = layers
        for slot in endpoints[endpoint.slot].subscribers { applySelection(Int(slot), now: now) }
        return true
    }

    private static func limit(_ layer: Int?) -> UInt8 {
        guard let layer else { return RewritingSpan.all }
        return UInt8(clamping: min(max(layer, 0), 0x7F))
    }

    /// Gives a subscriber the limits that its endpoint chose for its section.
    mutating func applySelection(_ slot: Int, now: Instant) {
        guard subscribers[slot].kind == .video, subscribers[slot].pin < 0 else { return }
        let chosen = endpoints[Int(subscribers[slot].endpoint)].selection(ofSection: Int32(subscribers[slot].section))
        subscribers[slot].spatialLimit = chosen?.spatial ?? RewritingSpan.all
        subscribers[slot].temporalLimit = chosen?.temporal ?? RewritingSpan.all
        subscribers[slot].priority = chosen?.priority ?? 1
        subscribers[slot].pixels = chosen?.pixels ?? .max
        retarget(slot, now: now)
    }

    /// Works out which stream the subscriber is to get, and asks for what it takes to switch there.
    mutating func retarget(_ slot: Int, now: Instant) {
        let publisher = Int(subscribers[slot].publisher)
        if publisher >= 0 { reviewEncodings(ofPublisher: publisher) }
        subscribers[slot].wishSource = 0
        let allowance = subscribers[slot].allowance
        guard !allowance.isPaused else { return pause(slot) }
        let isSingle = publisher < 0 || publishers[publisher].streamCount == 1 || subscribers[slot].pin >= 0
        subscribers[slot].wish = LayerWish(
            spatial: isSingle ? min(subscribers[slot].spatialLimit, allowance.spatial) : RewritingSpan.all,
            temporal: min(subscribers[slot].temporalLimit, allowance.temporal))
        let target = publisher < 0 ? -1 : bestStream(of: publisher, for: slot)
        guard target != subscribers[slot].target else { return }
        setTarget(slot, target)
        if target >= 0, target != subscribers[slot].current { requestKeyFrame(ofStream: Int(target), now: now) }
    }

    /// Nothing is sent until the path has room for the lowest layer; then it begins afresh, at a key frame.
    private mutating func pause(_ slot: Int) {
        setTarget(slot, -1)
        if subscribers[slot].current >= 0 { forgetSource(ofSubscriber: slot) }
    }

    /// The highest encoding that the peer wants: of those with enough pixels for how it shows the video, the smallest.
    func highestRank(of publisher: Int, for slot: Int) -> Int {
        let limit = min(Int(subscribers[slot].spatialLimit), publishers[publisher].streamCount - 1)
        for rank in 0..<max(limit, 0) {
            let pixels = streams[Int(publishers[publisher].stream(ofRank: rank))].size.pixels
            if pixels > 0, pixels >= subscribers[slot].pixels { return rank }
        }
        return limit
    }

    private func bestStream(of publisher: Int, for slot: Int) -> Int32 {
        let count = publishers[publisher].streamCount
        if subscribers[slot].pin >= 0 { return pinnedStream(of: publisher, for: slot) }
        let limit = min(highestRank(of: publisher, for: slot), Int(subscribers[slot].allowance.spatial))
        let wanted = min(limit, count - 1)
        var rank = wanted
        while rank >= 0 {
            let stream = publishers[publisher].stream(ofRank: rank)
            if streams[Int(stream)].isAlive { return stream }
            rank -= 1
        }
        // Nothing that small is sent: the next larger is what there is.
        rank = wanted + 1
        while rank < count {
            let stream = publishers[publisher].stream(ofRank: rank)
            if streams[Int(stream)].isAlive { return stream }
            rank += 1
        }
        return publishers[publisher].stream(ofRank: wanted)
    }

    /// The publisher's encoding with the rid of the subscriber's, else the one at its position.
    private func pinnedStream(of publisher: Int, for slot: Int) -> Int32 {
        let pin = subscribers[slot].pin
        let encodings = publishers[publisher].parameters.encodings
        let rid = Subscriber.encoding(subscribers[slot].parameters, pin: pin)?.rid
        for index in 0..<min(publishers[publisher].streamCount, encodings.count) {
            if let rid, encodings[index].rid == rid { return publishers[publisher].streams[index] }
        }
        let hasRids = rid != nil && encodings.contains { $0.rid != nil }
        return pin < publishers[publisher].streamCount && !hasRids ? publishers[publisher].streams[pin] : -1
    }

    // MARK: Users

    mutating func setTarget(_ slot: Int, _ stream: Int32) {
        if stream >= 0 { streams[Int(stream)].retain() }
        let former = subscribers[slot].target
        subscribers[slot].target = stream
        if former >= 0 { release(former) }
    }

    mutating func setCurrent(_ slot: Int, _ stream: Int32) {
        if stream >= 0 { streams[Int(stream)].retain() }
        let former = subscribers[slot].current
        subscribers[slot].current = stream
        if former >= 0 { release(former) }
    }

    private mutating func release(_ stream: Int32) {
        streams[Int(stream)].release()
        if !streams[Int(stream)].isWanted { reviewEncodings(ofPublisher: Int(streams[Int(stream)].publisher)) }
    }

    // MARK: What the packets show

    /// Counts a layer's packet: it is alive, and so large.
    mutating func noteLayer(_ stream: Int, bytes: Int, now: Instant) {
        let publisher = Int(streams[stream].publisher)
        let isMeasured = streams[stream].size.count(bytes, now: now)
        guard publishers[publisher].streamCount > 1 else { return streams[stream].isAlive = true }
        if isMeasured { orderLayers(ofPublisher: publisher, now: now) }
        if !streams[stream].isAlive {
            streams[stream].isAlive = true
            retargetAll(of: publisher, now: now)
        }
        guard !publishers[publisher].isWatchingLayers else { return }
        publishers[publisher].isWatchingLayers = true
        schedule(Int(publishers[publisher].endpoint), at: now + Limits.layerSilence)
    }

    /// A key frame of another size than before: the order may change, and what is enough for whom.
    mutating func notePixels(_ pixels: UInt32, ofStream stream: Int, now: Instant) {
        streams[stream].size.pixels = pixels
        let publisher = Int(streams[stream].publisher)
        guard publishers[publisher].streamCount > 1 else { return }
        orderLayers(ofPublisher: publisher, now: now)
        retargetAll(of: publisher, now: now)
    }

    /// Puts the layers in the order of their sizes, as far as those are known.
    mutating func orderLayers(ofPublisher slot: Int, now: Instant) {
        let count = publishers[slot].streamCount
        guard count > 1 else { return }
        var isChanged = false
        for _ in 1..<count {
            for rank in 0..<(count - 1) {
                let lower = streams[Int(publishers[slot].stream(ofRank: rank))].size
                let upper = streams[Int(publishers[slot].stream(ofRank: rank + 1))].size
                guard lower.isLarger(than: upper) else { continue }
                publishers[slot].swapLayers(rank)
                isChanged = true
            }
        }
        if isChanged { retargetAll(of: slot, now: now) }
    }

    mutating func retargetAll(of publisher: Int, now: Instant) {
        reviewEncodings(ofPublisher: publisher)
        for index in publishers[publisher].subscribers.indices {
            retarget(Int(publishers[publisher].subscribers[index]), now: now)
        }
    }

    /// Finds layers that stopped while others go on; returns when to look again.
    mutating func serveLayers(ofPublisher slot: Int, now: Instant) -> Instant {
        guard publishers[slot].isWatchingLayers else { return .distantFuture }
        var newest = Instant.origin
        for index in 0..<publishers[slot].streamCount {
            newest = max(newest, streams[Int(publishers[slot].streams[index])].lastPacket)
        }
        guard now - newest < Limits.layerSilence else {
            // All are silent: the next packet of any begins anew.
            publishers[slot].isWatchingLayers = false
            return .distantFuture
        }
        var next = Instant.distantFuture
        var isChanged = false
        for index in 0..<publishers[slot].streamCount {
            let stream = Int(publishers[slot].streams[index])
            guard streams[stream].isAlive else { continue }
            if now - streams[stream].lastPacket >= Limits.layerSilence {
                streams[stream].isAlive = false
                isChanged = true
            } else {
                next = min(next, streams[stream].lastPacket + Limits.layerSilence)
            }
        }
        if isChanged { retargetAll(of: slot, now: now) }
        return next
    }
}
