import Wire

// What an arriving segment does (RFC 9293 section 3.10.7).

extension TCPConnection {
    mutating func receive(
        _ segment: TCPSegment, _ payload: [UInt8], _ outbox: inout TCPStack.Outbox, now: Instant
    ) {
        if state == .synSent { return receiveAnswer(segment, &outbox, now: now) }
        // Our SYN+ACK was lost.
        if state == .synReceived, segment.flags == .syn, segment.sequence &+ 1 == expected {
            outbox.statistics.retransmissions += 1
            return emit([.syn, .ack], sequence: initial, &outbox)
        }
        guard isAcceptable(segment, payload) else { return receiveUnacceptable(segment, payload, &outbox, now: now) }
        if segment.flags.contains(.rst) { return receiveReset(segment, &outbox) }
        // Of a stranger who guesses, or of a peer that has forgotten us and is told so by it (RFC 5961 section 4).
        if segment.flags.contains(.syn) { return acknowledge(&outbox) }
        guard segment.flags.contains(.ack) else { return }
        if state == .synReceived, !establish(segment, &outbox, now: now) { return }
        guard receiveAcknowledgement(segment, payload, &outbox, now: now) else { return }
        receiveBytes(segment, payload, &outbox, now: now)
        let hasSent = transmit(&outbox, now: now)
        if !hasSent, segment.length(payload) > 0 { acknowledge(&outbox) }
    }

    /// In SYN-SENT (section 3.10.7.3).
    private mutating func receiveAnswer(
        _ segment: TCPSegment, _ outbox: inout TCPStack.Outbox, now: Instant
    ) {
        let isAnswer = segment.flags.contains(.ack)
        if isAnswer, segment.acknowledgement != next {
            if !segment.flags.contains(.rst) { refuse(segment, &outbox) }
            return
        }
        if segment.flags.contains(.rst) {
            guard isAnswer else { return }
            outbox.statistics.resets += 1
            return fail(&outbox)
        }
        guard segment.flags.contains(.syn) else { return }
        expected = segment.sequence &+ 1
        peerWindow = Int(segment.window)
        guard isAnswer else {
            // Both opened at once.
            state = .synReceived
            return emit([.syn, .ack], sequence: initial, &outbox)
        }
        synchronized(segment, &outbox, now: now)
        if !transmit(&outbox, now: now) { acknowledge(&outbox) }
    }

    /// In SYN-RECEIVED; false where the segment is not an answer to our SYN.
    private mutating func establish(
        _ segment: TCPSegment, _ outbox: inout TCPStack.Outbox, now: Instant
    ) -> Bool {
        guard segment.acknowledgement == next else {
            refuse(segment, &outbox)
            return false
        }
        synchronized(segment, &outbox, now: now)
        return true
    }

    /// Our SYN is acknowledged.
    private mutating func synchronized(
        _ segment: TCPSegment, _ outbox: inout TCPStack.Outbox, now: Instant
    ) {
        state = .established
        isSynchronized = true
        unacknowledged = segment.acknowledgement
        peerWindow = Int(segment.window)
        retransmission.acknowledged(segment.acknowledgement, now: now)
        retransmission.handshakeIsOver()
        retransmission.stop()
        outbox.events.append(isActive ? .connected(number) : .accepted(number, local: local, remote: remote))
    }

    private func refuse(_ segment: TCPSegment, _ outbox: inout TCPStack.Outbox) {
        emit(.rst, sequence: segment.acknowledgement, &outbox)
    }

    /// Something of it is in the window (section 3.10.7.4, first).
    private func isAcceptable(_ segment: TCPSegment, _ payload: [UInt8]) -> Bool {
        let length = segment.length(payload)
        let isInside = { (number: UInt32) in number &- expected < UInt32(Self.window) }
        return isInside(segment.sequence) || length > 0 && isInside(segment.sequence &+ length &- 1)
    }

    private mutating func receiveUnacceptable(
        _ segment: TCPSegment, _ payload: [UInt8], _ outbox: inout TCPStack.Outbox, now: Instant
    ) {
        guard !segment.flags.contains(.rst) else { return }
        if segment.length(payload) > 0 { outbox.statistics.duplicates += 1 }
        // Our last acknowledgement was lost.
        if state == .timeWait, segment.flags.contains(.fin) { wait(now: now) }
        acknowledge(&outbox)
    }

    /// RFC 5961 section 3: only a RST that is where the next byte would be is believed.
    private mutating func receiveReset(_ segment: TCPSegment, _ outbox: inout TCPStack.Outbox) {
        guard segment.sequence == expected else { return acknowledge(&outbox) }
        outbox.statistics.resets += 1
        fail(&outbox)
    }

    // MARK: Acknowledgements

    /// Returns whether the rest of the segment counts.
    private mutating func receiveAcknowledgement(
        _ segment: TCPSegment, _ payload: [UInt8], _ outbox: inout TCPStack.Outbox, now: Instant
    ) -> Bool {
        let number = segment.acknowledgement
        if farthest.precedes(number) {
            acknowledge(&outbox)
            return false
        }
        if unacknowledged.precedes(number) {
            peerWindow = Int(segment.window)
            advance(to: number, &outbox, now: now)
        } else if number == unacknowledged {
            let isSame = Int(segment.window) == peerWindow && segment.length(payload) == 0
            peerWindow = Int(segment.window)
            if isSame, unacknowledged != farthest { repeated(&outbox) }
        }
        return state != .closed
    }

    /// Everything before a number has arrived.
    private mutating func advance(to number: UInt32, _ outbox: inout TCPStack.Outbox, now: Instant) {
        let isEndAcknowledged = hasSentEnd && number == queueEnd &+ 1
        let count = Int(number &- unacknowledged)
        queueStart += min(count, queued)
        unacknowledged = number
        if next.precedes(number) { next = number }
        retransmission.acknowledged(number, now: now)
        if number == farthest { retransmission.stop() } else { retransmission.start(now: now) }
        if congestion.acknowledged(count, upTo: number, segment: segmentSize) { resendFirst(&outbox) }
        guard isEndAcknowledged else { return }
        switch state {
        case .finWait1: state = .finWait2
        case .closing: wait(now: now)
        case .lastAck: state = .closed
        default: break
        }
    }

    private mutating func repeated(_ outbox: inout TCPStack.Outbox) {
        let inFlight = Int(farthest &- unacknowledged)
        if congestion.repeatedAcknowledgement(inFlight: inFlight, farthest: farthest, segment: segmentSize) {
            resendFirst(&outbox)
        }
    }

    private mutating func resendFirst(_ outbox: inout TCPStack.Outbox) {
        retransmission.forgetTime()
        outbox.statistics.retransmissions += 1
        let length = min(queued, segmentSize)
        resend(at: unacknowledged, length, withEnd: hasSentEnd && length == queued, &outbox)
    }

    /// Our FIN was sent, though it may have been lost.
    private var hasSentEnd: Bool { isFinishing && farthest == queueEnd &+ 1 }

    private mutating func wait(now: Instant) {
        state = .timeWait
        retransmission.stop()
        waitEnd = now + Self.maximumSegmentLifetime * 2
    }

    // MARK: The peer's stream

    private mutating func receiveBytes(
        _ segment: TCPSegment, _ payload: [UInt8], _ outbox: inout TCPStack.Outbox, now: Instant
    ) {
        guard state == .established || state == .finWait1 || state == .finWait2 else { return }
        let behind = Int(Int32(bitPattern: expected &- segment.sequence))
        let ahead = max(-behind, 0)
        let kept = payload.dropFirst(max(behind, 0)).prefix(Int(Self.window) - ahead)
        let isWhole = ahead + kept.count <= Int(Self.window) && kept.endIndex == payload.endIndex
        if segment.flags.contains(.fin), isWhole { end = segment.sequence &+ UInt32(payload.count) }
        if ahead == 0 {
            deliver(kept, &outbox)
            fillGaps(&outbox)
        } else if !kept.isEmpty {
            keep(Array(kept), at: segment.sequence, &outbox)
        }
        if expected == end { finish(&outbox, now: now) }
    }

    private mutating func deliver(_ bytes: ArraySlice<UInt8>, _ outbox: inout TCPStack.Outbox) {
        guard !bytes.isEmpty else { return }
        expected = expected &+ UInt32(bytes.count)
        outbox.events.append(.received(number, Array(bytes)))
    }

    /// Puts bytes beyond a gap where they belong. They may overlap with others; ``fillGaps(_:)`` sorts that out.
    private mutating func keep(_ bytes: [UInt8], at sequence: UInt32, _ outbox: inout TCPStack.Outbox) {
        let index = gaps.firstIndex { !$0.sequence.precedes(sequence) } ?? gaps.count
        if index < gaps.count, gaps[index].sequence == sequence {
            outbox.statistics.duplicates += 1
            if gaps[index].bytes.count < bytes.count { gaps[index].bytes = bytes }
        } else if gaps.count < Self.maximumGaps {
            gaps.insert((sequence, bytes), at: index)
        }
    }

    private mutating func fillGaps(_ outbox: inout TCPStack.Outbox) {
        var used = 0
        while used < gaps.count, !expected.precedes(gaps[used].sequence) {
            let overlap = Int(expected &- gaps[used].sequence)
            deliver(gaps[used].bytes.dropFirst(overlap), &outbox)
            used += 1
        }
        gaps.removeFirst(used)
    }

    /// The peer's FIN is next.
    private mutating func finish(_ outbox: inout TCPStack.Outbox, now: Instant) {
        expected = expected &+ 1
        end = nil
        switch state {
        case .established: state = .closeWait
        case .finWait1: state = .closing
        case .finWait2: wait(now: now)
        default: break
        }
        tellEnd(&outbox)
    }
}
