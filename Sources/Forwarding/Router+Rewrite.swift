import Congestion
import RTP
public import Wire

// The second half of a packet's way: a subscriber's own copy.

extension Router {
    /// Writes the subscriber's copy of a packet, ready for its SRTP, and returns its length.
    ///
    /// - Parameters:
    ///   - packet: the bytes that `receiveRTP` described in `forward`.
    ///   - output: ``Forward/roomNeeded`` bytes at least.
    ///
    /// 0, and nothing is written, when the packet has to wait for the path to the peer; it comes from
    /// ``nextTransmit(into:)`` then. Throws `layerNotSelected` for a layer that this subscriber does not get, and other
    /// reasons as they are named. What is left out leaves no gap in the subscriber's sequence numbers.
    public mutating func rewrite(
        _ forward: Forward, packet: RawSpan, for subscriber: SubscriberIndex, into output: inout MutableRawSpan,
        now: Instant
    ) throws(DropReason) -> Int {
        let slot = subscriber.slot
        guard subscribers.contains(slot), subscribers[slot].publisher == forward.publisher else { throw .noSubscriber }
        let isCurrent = subscribers[slot].current == forward.stream
        guard isCurrent || subscribers[slot].target == forward.stream else { throw .layerNotSelected }
        let endpoint = Int(subscribers[slot].endpoint)
        guard !endpoints[endpoint].circuit.stops(subscribers[slot].kind) else { throw .circuitBroken }
        guard endpoints[endpoint].isConnected else { throw .subscriberNotConnected }
        let forward = subscribers[slot].takesRedundancy(of: forward) ? forward : forward.primary
        guard let format = subscribers[slot].format(of: forward.payloadType) else { throw .codecNotNegotiated }
        guard output.byteCount >= forward.roomNeeded, forward.payloadRange.upperBound <= packet.byteCount else {
            throw .oversizedDatagram
        }
        guard let rewriter = unsafe rewriters.pointer(to: subscribers[slot].rewriter) else { throw .noSubscriber }
        if !isCurrent, format.hasKeyFrames, !forward.canStart {
            requestKeyFrame(for: slot, ofStream: forward.stream, now: now)
            throw subscribers[slot].current < 0 ? .waitingForKeyFrame : .layerNotSelected
        }
        let rules = unsafe rules(forward, slot, format, isSwitch: !isCurrent, rewriter: rewriter)
        let position: HeaderRewriter.Position
        do {
            position = try unsafe rewriter.pointee.place(forward, rules, &subscribers[slot].history)
        } catch {
            let wantsKeyFrame = unsafe rewriter.pointee.selection.wantsKeyFrame
            if error == .waitingForKeyFrame || wantsKeyFrame {
                requestKeyFrame(for: slot, ofStream: forward.stream, now: now)
            }
            throw error
        }
        if !isCurrent { noteSwitch(slot, to: forward.stream) }
        if forward.isKeyFrame, format.hasKeyFrames { subscribers[slot].noteKeyFrame(forward, now: now) }
        if unsafe rewriter.pointee.selection.wantsKeyFrame {
            requestKeyFrame(for: slot, ofStream: forward.stream, now: now)
        }
        let isReported = isReported(slot, format)
        guard case .now(let cluster) = admit(slot, bytes: packet.byteCount, isReported: isReported, now: now) else {
            try postpone(forward, slot, bytes: packet.byteCount, now: now)
            return 0
        }
        var copy = Copy(slot: slot, position: position, ssrc: unsafe rewriter.pointee.ssrc, format: format)
        if isReported { copy.transportNumber = sendSides[endpoint].number }
        if format.rtx != Publisher.Format.none { copy.padding = forward.padding }
        let length = try write(copy, forward, packet, into: &output)
        noteSent(slot, bytes: length, now: now)
        if isReported {
            let kind: SentPacket.Kind = subscribers[slot].kind == .audio ? .audio : .video
            sendSides[endpoint].noteSent(copy, length, kind, cluster: cluster, now: now)
            // The probe that it began goes on by itself.
            if cluster != 0 { paceWork.add(endpoint) }
        }
        return length
    }

    /// What the rewriter has to know for this packet.
    private mutating func rules(
        _ forward: Forward, _ slot: Int, _ format: Subscriber.FormatMapping, isSwitch: Bool,
        rewriter: UnsafeMutablePointer<HeaderRewriter>
    ) -> HeaderRewriter.Rules {
        if forward.frame.scheme == .dependencies, forward.frame.flags.contains(.startsFrame) {
            followStructure(forward, slot)
        }
        var rules = HeaderRewriter.Rules(clockRate: format.clockRate)
        rules.waitsForKeyFrame = format.hasKeyFrames
        rules.isReordered = format.isReordered
        rules.wish = subscribers[slot].wish
        let current = Int(subscribers[slot].current)
        if isSwitch, current >= 0, unsafe rewriter.pointee.source == streams[current].source {
            rules.alignedTimestamp = unsafe align(
                forward, to: current, clockRate: format.clockRate, offset: rewriter.pointee.span.timestamp)
        }
        return rules
    }

    /// Finds the decode target that answers the subscriber's wish when the structure changed.
    private mutating func followStructure(_ forward: Forward, _ slot: Int) {
        let epoch = forward.frame.structureEpoch
        guard subscribers[slot].wishSource != forward.source || subscribers[slot].wishEpoch != epoch else { return }
        let wish = subscribers[slot].wish
        subscribers[slot].wish = streams[Int(forward.stream)].structures.wish(
            spatial: wish.spatial, temporal: wish.temporal, epoch: epoch)
        subscribers[slot].wishSource = forward.source
        subscribers[slot].wishEpoch = epoch
    }

    /// Where the packet's timestamp belongs on the line of another encoding of the same publisher, by both
    /// streams' sender reports, which tell the time of one clock (RFC 3550 section 6.4.1).
    private func align(_ forward: Forward, to former: Int, clockRate: UInt32, offset: UInt32) -> UInt32? {
        guard let old = streams[former].senderReport, let new = streams[Int(forward.stream)].senderReport else {
            return nil
        }
        let apart = Int64(bitPattern: new.ntp.rawValue &- old.ntp.rawValue)
        // An hour in 32.32 seconds; times any clock rate still below 2^63.
        guard apart.magnitude < 3600 << 32 else { return nil }
        let ticks = UInt32(truncatingIfNeeded: ((apart >> 12) * Int64(min(clockRate, 192_000))) >> 20)
        return forward.header.timestamp &- new.rtpTimestamp &+ ticks &+ old.rtpTimestamp &+ offset
    }

    /// The first packet of another stream went out.
    private mutating func noteSwitch(_ slot: Int, to stream: Int32) {
        setCurrent(slot, stream)
        // The receiver synchronises by the new stream's report as soon as it can.
        if streams[Int(stream)].senderReport != nil { reportWork.add(slot) }
    }

    mutating func noteSent(_ slot: Int, bytes: Int, now: Instant) {
        subscribers[slot].lastSent = now
        subscribers[slot].throttle.earn(bytes)
        noteFlow(of: slot, bytes: bytes, now: now)
        guard !subscribers[slot].isFlowing else { return }
        subscribers[slot].isFlowing = true
        let endpoint = Int(subscribers[slot].endpoint)
        setLevel(.flowingOut(subscribers[slot].kind), true, of: endpoint)
        schedule(endpoint, at: now + Limits.flowSilence)
    }
}

extension Forward {
    /// Bytes that the largest rewritten copy can take: everything that may be passed on, a longer framing
    /// of each element, and what is added.
    public var roomNeeded: Int {
        RTPHeader.fixedLength + 4 + header.extensionRange.count * 2 + 72 + RTX.overhead + payloadRange.count
            + Int(padding)
    }
}
