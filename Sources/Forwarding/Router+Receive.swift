import RTP
public import Wire

// The first half of a packet's way: from a peer to the publisher that it belongs to.

extension Router {
    /// Takes a decrypted RTP packet: finds its stream, counts it, notes losses, keeps a copy for
    /// retransmission, and says who is to get it.
    ///
    /// Throws the reason when nobody is. Also then, feedback may be due: drain afterwards.
    public mutating func receiveRTP(
        _ packet: RawSpan, from endpoint: EndpointIndex, now: Instant
    ) throws(DropReason) -> Forward {
        guard isOpen(endpoint) else { throw .rtpUnknownStream }
        noteMedia(of: endpoint.slot, now: now)
        let header: RTPHeader
        do { header = try RTPHeader(parsing: packet) } catch { throw .rtpMalformed }
        noteTransportSequence(header, packet, of: endpoint.slot, now: now)
        let slot = try findPublisher(header, packet, of: endpoint.slot)
        guard let (format, isRTX) = publishers[slot].format(of: header.payloadType) else {
            throw .rtpUnknownPayloadType
        }
        if !isRTX { try follow(header, format, slot, now: now) }
        var forward = try describe(header, packet, format, isRTX: isRTX, slot, now: now)
        noteFlow(slot, now: now)
        if publishers[slot].kind == .video { noteVideo(&forward, packet, format, slot, now: now) }
        forward.subscriberCount = publishers[slot].subscribers.count
        guard forward.subscriberCount > 0 else { throw .noSubscriber }
        return forward
    }

    /// One of those to whom the packet goes; `index` in 0..<`subscriberCount`.
    public func subscriber(of forward: Forward, at index: Int) -> SubscriberIndex {
        SubscriberIndex(publishers[Int(forward.publisher)].subscribers[index])
    }

    /// Whose transport the subscriber's packets go to.
    public func endpoint(of subscriber: SubscriberIndex) -> EndpointIndex {
        EndpointIndex(subscribers[subscriber.slot].endpoint)
    }

    // MARK: Steps

    /// Every packet counts, whatever becomes of it: the numbers belong to the transport.
    private mutating func noteTransportSequence(
        _ header: RTPHeader, _ packet: RawSpan, of endpoint: Int, now: Instant
    ) {
        let id = endpoints[endpoint].transportSequenceID
        guard id != 0, let range = header.headerExtension(id: id, in: packet), range.count >= 2 else { return }
        let number = SequenceNumber(packet.uint16(at: range.lowerBound))
        endpoints[endpoint].recorder?.record(number, arrival: now)
        guard endpoints[endpoint].nextTransportFeedback == .distantFuture else { return }
        endpoints[endpoint].nextTransportFeedback = now + Limits.transportFeedbackInterval
        schedule(endpoint, at: endpoints[endpoint].nextTransportFeedback)
    }

    /// By announced or latched SSRC, else by MID, else by payload type (RFC 9143 section 9.2).
    private mutating func findPublisher(
        _ header: RTPHeader, _ packet: RawSpan, of endpoint: Int
    ) throws(DropReason) -> Int {
        if let entry = endpoints[endpoint].streams.find(header.ssrc) { return Int(entry.publisher) }
        var found = try publisherByMID(header, packet, of: endpoint)
        if found == nil { found = try publisherByType(header, of: endpoint) }
        guard let slot = found else { throw .rtpUnknownStream }
        guard let (_, isRTX) = publishers[slot].format(of: header.payloadType) else { throw .rtpUnknownPayloadType }
        guard endpoints[endpoint].streams.latch(header.ssrc, publisher: Int32(slot), isRTX: isRTX) else {
            throw .rtpTooManyStreams
        }
        return slot
    }

    private func publisherByMID(
        _ header: RTPHeader, _ packet: RawSpan, of endpoint: Int
    ) throws(DropReason) -> Int? {
        var hasMID = false
        for slot in endpoints[endpoint].publishers {
            let id = publishers[Int(slot)].midExtensionID
            guard id != 0, let range = header.headerExtension(id: id, in: packet) else { continue }
            hasMID = true
            if publishers[Int(slot)].isNamed(packet.extracting(range)) { return Int(slot) }
        }
        // A MID that we do not know names a section that is not ours to guess.
        if hasMID { throw .rtpUnknownStream }
        return nil
    }

    private func publisherByType(_ header: RTPHeader, of endpoint: Int) throws(DropReason) -> Int {
        let table = endpoints[endpoint].payloadOwners
        guard Int(header.payloadType) < table.count else { throw .rtpUnknownPayloadType }
        switch table[Int(header.payloadType)] {
        case Endpoint.noOwner: throw .rtpUnknownPayloadType
        case Endpoint.ambiguousOwner: throw .rtpUnknownStream
        case let slot: return Int(slot)
        }
    }

    /// Lets the publisher's stream follow a change of SSRC: at once to one that is new, back to a former
    /// one only when the current one fell silent, so that two senders cannot make it flap.
    private mutating func follow(
        _ header: RTPHeader, _ format: Publisher.Format, _ slot: Int, now: Instant
    ) throws(DropReason) {
        if publishers[slot].stream.isActive, publishers[slot].stream.ssrc == header.ssrc { return }
        if publishers[slot].stream.isActive, publishers[slot].formerSSRCs.contains(header.ssrc) {
            guard now - publishers[slot].stream.lastPacket >= Limits.flowSilence else { throw .staleSource }
        }
        begin(header, format, slot)
    }

    private mutating func begin(_ header: RTPHeader, _ format: Publisher.Format, _ slot: Int) {
        let source = nextSource()
        publishers[slot].begin(header.ssrc, source: source, format)
        // A key frame may have been asked for before there was an SSRC to name.
        schedule(Int(publishers[slot].endpoint), at: feedbackDeadline(ofPublisher: slot))
    }

    /// Gives the packet its place in the stream; an RTX packet counts as the one that it carries.
    private mutating func describe(
        _ header: RTPHeader, _ packet: RawSpan, _ format: Publisher.Format, isRTX: Bool, _ slot: Int, now: Instant
    ) throws(DropReason) -> Forward {
        var number = header.sequenceNumber
        if isRTX {
            let payload = header.payloadRange
            // RFC 4588 section 4; an empty one is a bandwidth probe.
            guard !payload.isEmpty else { throw .rtxEmpty }
            guard payload.count >= RTX.overhead else { throw .rtxMalformed }
            number = SequenceNumber(packet.uint16(at: payload.lowerBound))
            guard publishers[slot].stream.isActive else { throw .rtpUnknownStream }
            guard publishers[slot].isRepaired(by: header.ssrc) else { throw .staleSource }
        } else {
            publishers[slot].stream.statistics.update(header, arrival: now)
        }
        publishers[slot].stream.bytes &+= UInt64(packet.byteCount - header.headerLength)
        let sequence = try accept(number, header, format, isRTX: isRTX, slot)
        publishers[slot].stream.packets &+= 1
        publishers[slot].stream.lastPacket = now
        publishers[slot].stream.payloadType = format.payloadType
        noteLosses(number, isRTX: isRTX, slot, now: now)
        return Forward(
            header: header, arrival: now, publisher: Int32(slot), source: publishers[slot].stream.source,
            sequence: sequence, payloadType: format.payloadType, isRecovered: isRTX)
    }

    private mutating func accept(
        _ number: SequenceNumber, _ header: RTPHeader, _ format: Publisher.Format, isRTX: Bool, _ slot: Int
    ) throws(DropReason) -> Int64 {
        switch publishers[slot].stream.accept(number, isRecovered: isRTX) {
        case .new(let sequence):
            return sequence
        case .duplicate:
            throw .rtpDuplicate
        case .outlier:
            throw .staleSource
        case .restart:
            begin(header, format, slot)
            guard case .new(let sequence) = publishers[slot].stream.accept(number, isRecovered: false) else {
                throw .staleSource
            }
            return sequence
        }
    }

    private mutating func noteLosses(_ number: SequenceNumber, isRTX: Bool, _ slot: Int, now: Instant) {
        guard publishers[slot].stream.nacks != nil else { return }
        let verdict = publishers[slot].stream.nacks?.receive(number, isRecovered: isRTX, now: now)
        if verdict == .keyFrameNeeded { requestKeyFrame(fromPublisher: slot, now: now) }
        guard let due = publishers[slot].stream.nacks?.deadline, due != .distantFuture else { return }
        schedule(Int(publishers[slot].endpoint), at: due)
    }

    private mutating func noteFlow(_ slot: Int, now: Instant) {
        guard !publishers[slot].isFlowing else { return }
        publishers[slot].isFlowing = true
        let endpoint = Int(publishers[slot].endpoint)
        setLevel(.flowingIn(publishers[slot].kind), true, of: endpoint)
        schedule(endpoint, at: now + Limits.flowSilence)
    }

    private mutating func noteVideo(
        _ forward: inout Forward, _ packet: RawSpan, _ format: Publisher.Format, _ slot: Int, now: Instant
    ) {
        if format.codec.hasKeyFrames {
            forward.isKeyFrame = format.codec.isKeyFrameStart(packet.extracting(forward.payloadRange))
            if forward.isKeyFrame {
                publishers[slot].stream.keyFrames.keyFrameArrived()
                if !forward.isRecovered {
                    publishers[slot].stream.nacks?.forget(before: forward.header.sequenceNumber)
                }
            }
        } else {
            forward.isKeyFrame = true
        }
        if !publishers[slot].subscribers.isEmpty { publishers[slot].stream.keep(packet, forward) }
    }
}
