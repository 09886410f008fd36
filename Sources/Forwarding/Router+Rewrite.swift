import RTP
public import Wire

// The second half of a packet's way: a subscriber's own copy.

extension Router {
    /// Writes the subscriber's copy of a packet, ready for its SRTP, and returns its length.
    ///
    /// - Parameters:
    ///   - packet: the bytes that `receiveRTP` described in `forward`.
    ///   - output: up to 64 bytes longer than `packet`.
    public mutating func rewrite(
        _ forward: Forward, packet: RawSpan, for subscriber: SubscriberIndex, into output: inout MutableRawSpan,
        now: Instant
    ) throws(DropReason) -> Int {
        let slot = subscriber.slot
        guard subscribers.contains(slot), subscribers[slot].publisher == forward.publisher else { throw .noSubscriber }
        let endpoint = Int(subscribers[slot].endpoint)
        guard endpoints[endpoint].isConnected else { throw .subscriberNotConnected }
        guard let format = subscribers[slot].format(of: forward.payloadType) else { throw .codecNotNegotiated }
        guard output.byteCount >= forward.roomNeeded, forward.payloadRange.upperBound <= packet.byteCount else {
            throw .oversizedDatagram
        }
        guard let rewriter = unsafe rewriters.pointer(to: subscribers[slot].rewriter) else { throw .noSubscriber }
        let position: HeaderRewriter.Position
        do {
            position = try unsafe rewriter.pointee.place(
                forward, clockRate: format.clockRate, waitsForKeyFrame: format.hasKeyFrames, now: now)
        } catch {
            if error == .waitingForKeyFrame { requestKeyFrame(fromPublisher: Int(forward.publisher), now: now) }
            throw error
        }
        let header = RTPHeader(
            payloadType: format.output, marker: forward.header.marker,
            sequenceNumber: SequenceNumber(UInt16(truncatingIfNeeded: position.sequence)),
            timestamp: position.timestamp, ssrc: unsafe rewriter.pointee.ssrc)
        let length = try write(header, forward, packet, for: slot, originalNumber: nil, into: &output)
        noteSent(slot, bytes: length, now: now)
        return length
    }

    private mutating func noteSent(_ slot: Int, bytes: Int, now: Instant) {
        subscribers[slot].lastSent = now
        subscribers[slot].throttle.earn(bytes)
        guard !subscribers[slot].isFlowing else { return }
        subscribers[slot].isFlowing = true
        let endpoint = Int(subscribers[slot].endpoint)
        setLevel(.flowingOut(subscribers[slot].kind), true, of: endpoint)
        schedule(endpoint, at: now + Limits.flowSilence)
    }

    /// Header, extensions, and the payload; behind `originalNumber` when it goes out as RTX.
    func write(
        _ header: RTPHeader, _ forward: Forward, _ packet: RawSpan, for slot: Int,
        originalNumber: SequenceNumber?, into output: inout MutableRawSpan
    ) throws(DropReason) -> Int {
        let form: RTPHeaderWriter.Form = needsTwoBytes(forward, packet, slot) ? .twoByte : .oneByte
        var writer: RTPHeaderWriter
        do { writer = try RTPHeaderWriter(header, form: form, into: &output) } catch { throw .oversizedDatagram }
        if let mid = subscribers[slot].midValue {
            writer.append(id: subscribers[slot].midExtensionID, mid, into: &output)
        }
        let sendTimeID = subscribers[slot].sendTimeExtensionID
        if sendTimeID != 0 {
            // The arrival, which for the first copy is now: a plain retransmission then repeats the
            // packet byte for byte, as its repeated SRTP index demands (RFC 3711 section 9.1).
            let time = NTPTimestamp(forward.arrival, unixOffset: .zero).absoluteSendTime
            writer.append(id: sendTimeID, uint24: time, into: &output)
        }
        var elements = HeaderExtensions(forward.header)
        while let element = elements.next(in: packet) {
            let id = subscribers[slot].extensionID(of: element.id)
            if id != 0 { writer.append(id: id, packet.extracting(element.range), into: &output) }
        }
        var length = writer.finish(into: &output)
        let payload = forward.payloadRange
        let skip = originalNumber == nil ? 0 : RTX.overhead
        guard output.byteCount - length >= payload.count + skip else { throw .oversizedDatagram }
        if let originalNumber {
            output.store(originalNumber.rawValue, at: length)
            length += skip
        }
        output.store(contentsOf: packet.extracting(payload), at: length)
        return length + payload.count
    }

    /// Some element does not suit the one-byte form (RFC 8285 section 4.2).
    private func needsTwoBytes(_ forward: Forward, _ packet: RawSpan, _ slot: Int) -> Bool {
        if subscribers[slot].usesLargeIDs { return true }
        guard forward.header.extensionProfile & 0xFFF0 == HeaderExtensions.twoByteProfile else { return false }
        var elements = HeaderExtensions(forward.header)
        while let element = elements.next(in: packet) {
            guard subscribers[slot].extensionID(of: element.id) != 0 else { continue }
            if element.range.isEmpty || element.range.count > HeaderExtensionValue.capacity { return true }
        }
        return false
    }
}

extension Forward {
    /// Bytes that the largest rewritten copy can take: everything that may be passed on, a longer framing
    /// of each element, and what is added.
    var roomNeeded: Int {
        RTPHeader.fixedLength + 4 + header.extensionRange.count * 2 + 40 + RTX.overhead + payloadRange.count
    }
}
