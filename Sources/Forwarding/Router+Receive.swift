import RTP
public import Wire

// The first half of a packet's way: from a peer to the stream that it belongs to.

extension Router {
    /// Takes a decrypted RTP packet: finds its stream, counts it, notes losses, keeps a copy for
    /// retransmission, and says who is to get it.
    ///
    /// Many packets may be described before the first is rewritten; what a subscriber gets depends only on
    /// the order in which `rewrite` is called for it. Throws the reason when nobody gets the packet. Also
    /// then, feedback may be due: drain afterwards.
    public mutating func receiveRTP(
        _ packet: RawSpan, from endpoint: EndpointIndex, now: Instant
    ) throws(DropReason) -> Forward {
        guard isOpen(endpoint) else { throw .rtpUnknownStream }
        noteMedia(of: endpoint.slot, now: now)
        let header: RTPHeader
        do { header = try RTPHeader(parsing: packet) } catch { throw .rtpMalformed }
        noteTransportSequence(header, packet, of: endpoint.slot, now: now)
        let stream = try findStream(header, packet, of: endpoint.slot)
        let slot = Int(streams[stream].publisher)
        guard let (format, isRTX) = publishers[slot].format(of: header.payloadType) else {
            throw .rtpUnknownPayloadType
        }
        if publishers[slot].takesPacketReports {
            endpoints[endpoint.slot].streamRecorder?.record(ssrc: header.ssrc, header.sequenceNumber, arrival: now)
            armPacketFeedback(endpoint.slot, now: now)
        }
        if !isRTX { try follow(header, format, stream, now: now) }
        var forward = try describe(header, packet, format, isRTX: isRTX, stream, now: now)
        noteFlow(slot, now: now)
        noteCodec(forward.payloadType, slot, now: now)
        if publishers[slot].kind == .video {
            try noteVideo(&forward, packet, format, stream, now: now)
        } else {
            forward.isKeyFrame = true
            if format.codec == .red { try readRedundancy(&forward, packet) }
            noteAudioLevel(header, packet, slot, now: now)
            noteRate(forward, packet, stream, now: now)
        }
        forward.subscriberCount = publishers[slot].subscribers.count
        guard forward.subscriberCount > 0 else { throw .noSubscriber }
        guard streams[stream].isWanted else { throw .layerNotSelected }
        if publishers[slot].kind == .video { streams[stream].keep(packet, forward) }
        return forward
    }

    /// One of those to whom the packet goes; `index` in 0..<`subscriberCount`. One that is gone since then
    /// is refused by `rewrite`.
    public func subscriber(of forward: Forward, at index: Int) -> SubscriberIndex {
        let slot = Int(forward.publisher)
        guard publishers.contains(slot), index < publishers[slot].subscribers.count else { return SubscriberIndex(-1) }
        return SubscriberIndex(publishers[slot].subscribers[index])
    }

    /// Whose transport the subscriber's packets go to; -1 when the subscriber is gone.
    public func endpoint(of subscriber: SubscriberIndex) -> EndpointIndex {
        EndpointIndex(subscribers.contains(subscriber.slot) ? subscribers[subscriber.slot].endpoint : -1)
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
        armPacketFeedback(endpoint, now: now)
    }

    private mutating func armPacketFeedback(_ endpoint: Int, now: Instant) {
        guard endpoints[endpoint].nextTransportFeedback == .distantFuture else { return }
        endpoints[endpoint].nextTransportFeedback = now + Limits.transportFeedbackInterval
        schedule(endpoint, at: endpoints[endpoint].nextTransportFeedback)
    }

    /// Lets the stream follow a change of SSRC: at once to one that is new, back to a former one only when
    /// the current one fell silent, so that two senders cannot make it flap.
    private mutating func follow(
        _ header: RTPHeader, _ format: Publisher.Format, _ stream: Int, now: Instant
    ) throws(DropReason) {
        if streams[stream].isActive, streams[stream].ssrc == header.ssrc { return }
        if streams[stream].isActive, streams[stream].formerSSRCs.contains(header.ssrc) {
            guard now - streams[stream].lastPacket >= Limits.flowSilence else { throw .staleSource }
        }
        begin(header, format, stream)
    }

    private mutating func begin(_ header: RTPHeader, _ format: Publisher.Format, _ stream: Int) {
        let slot = Int(streams[stream].publisher)
        let asks = publishers[slot].kind == .video && format.takesNack
        streams[stream].begin(
            ssrc: header.ssrc, source: nextSource(), clockRate: format.clockRate, asksForLostPackets: asks)
        // A key frame may have been asked for before there was an SSRC to name.
        schedule(Int(publishers[slot].endpoint), at: feedbackDeadline(ofStream: stream))
    }

    /// Gives the packet its place in the stream; an RTX packet counts as the one that it carries.
    private mutating func describe(
        _ header: RTPHeader, _ packet: RawSpan, _ format: Publisher.Format, isRTX: Bool, _ stream: Int, now: Instant
    ) throws(DropReason) -> Forward {
        var number = header.sequenceNumber
        let publisher = streams[stream].publisher
        if isRTX {
            let payload = header.payloadRange
            // RFC 4588 section 4; an empty one is a bandwidth probe.
            guard !payload.isEmpty else { throw .rtxEmpty }
            guard payload.count >= RTX.overhead else { throw .rtxMalformed }
            number = SequenceNumber(packet.uint16(at: payload.lowerBound))
            guard streams[stream].isActive else { throw .rtpUnknownStream }
            let isRepaired = publishers[Int(publisher)].isRepaired(by: header.ssrc, ssrc: streams[stream].ssrc)
            guard isRepaired else { throw .staleSource }
        } else {
            streams[stream].statistics.update(header, arrival: now)
        }
        streams[stream].bytes &+= UInt64(packet.byteCount - header.headerLength)
        let sequence = try accept(number, header, format, isRTX: isRTX, stream)
        streams[stream].packets &+= 1
        streams[stream].lastPacket = now
        streams[stream].payloadType = format.payloadType
        noteLosses(number, isRTX: isRTX, stream, now: now)
        return Forward(
            header: header, arrival: now, publisher: publisher, stream: Int32(stream),
            source: streams[stream].source, sequence: sequence, payloadType: format.payloadType,
            isRecovered: isRTX, isRecent: streams[stream].isRecent(sequence))
    }

    private mutating func accept(
        _ number: SequenceNumber, _ header: RTPHeader, _ format: Publisher.Format, isRTX: Bool, _ stream: Int
    ) throws(DropReason) -> Int64 {
        switch streams[stream].accept(number, isRecovered: isRTX) {
        case .new(let sequence):
            return sequence
        case .duplicate:
            throw .rtpDuplicate
        case .outlier:
            throw .staleSource
        case .restart:
            begin(header, format, stream)
            guard case .new(let sequence) = streams[stream].accept(number, isRecovered: false) else {
                throw .staleSource
            }
            return sequence
        }
    }

    private mutating func noteLosses(_ number: SequenceNumber, isRTX: Bool, _ stream: Int, now: Instant) {
        guard streams[stream].nacks != nil else { return }
        let verdict = streams[stream].nacks?.receive(number, isRecovered: isRTX, now: now)
        if verdict == .keyFrameNeeded { requestKeyFrame(ofStream: stream, now: now) }
        guard let due = streams[stream].nacks?.deadline, due != .distantFuture else { return }
        schedule(Int(publishers[Int(streams[stream].publisher)].endpoint), at: due)
    }

    private mutating func noteFlow(_ slot: Int, now: Instant) {
        guard !publishers[slot].isFlowing else { return }
        publishers[slot].isFlowing = true
        let endpoint = Int(publishers[slot].endpoint)
        setLevel(.flowingIn(publishers[slot].kind), true, of: endpoint)
        schedule(endpoint, at: now + Limits.flowSilence)
    }

    @inline(__always)
    private mutating func noteCodec(_ payloadType: UInt8, _ slot: Int, now: Instant) {
        guard publishers[slot].payloadTypeInUse != payloadType else { return }
        changeCodec(payloadType, slot, now: now)
    }

    private mutating func noteVideo(
        _ forward: inout Forward, _ packet: RawSpan, _ format: Publisher.Format, _ stream: Int, now: Instant
    ) throws(DropReason) {
        noteLayer(stream, bytes: packet.byteCount, now: now)
        forward.isPadding = forward.payloadRange.isEmpty
        if !forward.isPadding { try readFrame(&forward, packet, format, stream) }
        noteRate(forward, packet, stream, now: now)
        guard format.codec.hasKeyFrames else { return forward.isKeyFrame = !forward.isPadding }
        guard !forward.isPadding else { return }
        guard forward.isKeyFrame else { return }
        streams[stream].keyFrames.keyFrameArrived()
        if !forward.isRecovered { streams[stream].nacks?.noteKeyFrame(forward.header.sequenceNumber) }
    }

    private mutating func noteRate(_ forward: Forward, _ packet: RawSpan, _ stream: Int, now: Instant) {
        let bytes = SendSide.wireBytes(packet.byteCount)
        streams[stream].rates.count(
            bytes, spatial: forward.frame.spatial, temporal: forward.frame.temporal, now: now)
    }

    /// What the descriptors say. A packet whose descriptor is broken is lost.
    private mutating func readFrame(
        _ forward: inout Forward, _ packet: RawSpan, _ format: Publisher.Format, _ stream: Int
    ) throws(DropReason) {
        let payload = packet.extracting(forward.payloadRange)
        var pixels: UInt32 = 0
        do {
            switch format.codec {
            case .vp8:
                let descriptor = try VP8PayloadDescriptor(parsing: payload)
                forward.frame = FrameDescription(descriptor)
                forward.isKeyFrame = descriptor.isKeyFrameStart
                pixels = descriptor.pixels
            case .vp9:
                let descriptor = try VP9PayloadDescriptor(parsing: payload)
                forward.frame = FrameDescription(descriptor)
                forward.isKeyFrame = descriptor.isKeyPictureStart
                pixels = descriptor.pixels
            default: forward.isKeyFrame = format.codec.hasKeyFrames && format.codec.isKeyFrameStart(payload)
            }
            let flags = forward.frame.flags
            if flags.contains(.hasPictureID) {
                forward.frame.picture = streams[stream].pictures.extend(
                    forward.frame.picture, isLong: flags.contains(.hasLongPictureID))
            }
            try readDependencies(&forward, packet, stream, pixels: &pixels)
        } catch { throw .payloadMalformed }
        if pixels > 0, pixels != streams[stream].size.pixels { notePixels(pixels, ofStream: stream, now: now) }
    }

    private mutating func readDependencies(
        _ forward: inout Forward, _ packet: RawSpan, _ stream: Int, pixels: inout UInt32
    ) throws(ParseError) {
        let id = publishers[Int(forward.publisher)].dependenciesExtensionID
        guard id != 0, let range = forward.header.headerExtension(id: id, in: packet) else { return }
        do {
            let descriptor = try streams[stream].structures.read(packet.extracting(range))
            forward.frame.add(descriptor, id: id, epoch: streams[stream].structures.epoch)
            if descriptor.hasStructure { pixels = max(pixels, streams[stream].structures.current?.pixels ?? 0) }
        } catch {
            // Before the first structure there is nothing to go by: the packet passes as it is.
            guard streams[stream].structures.current == nil else { throw error }
        }
    }
}
