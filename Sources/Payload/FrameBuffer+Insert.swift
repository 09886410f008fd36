public import RTP
public import Wire

extension FrameBuffer {
    /// Takes one packet.
    ///
    /// - Parameters:
    ///   - header: marker, sequence number, timestamp and SSRC are read.
    ///   - payload: without padding; empty for a packet of padding.
    public mutating func insert(_ header: RTPHeader, payload: RawSpan, now: Instant) {
        counters.packets &+= 1
        guard header.ssrc == ssrc ?? header.ssrc else { return counters.drops.count(.rtpUnknownStream) }
        let part: FramePart
        do throws(ParseError) {
            part = try depacketizer.part(of: payload, marker: header.marker)
        } catch {
            return counters.drops.count(.payloadMalformed)
        }
        ssrc = header.ssrc
        let packet = Candidate(header: header, payload: payload.copied(), part: part, arrival: now)
        guard let newest = numbers.newest else { return place(packet, now: now) }
        // RFC 3550 appendix A.1, where two packets in a row tell a new beginning from one that strays.
        let step = header.sequenceNumber.distance(from: SequenceNumber(UInt16(truncatingIfNeeded: newest)))
        guard step > RTP.Limits.maximumDropout || step < -RTP.Limits.maximumMisorder else {
            return place(packet, now: now)
        }
        if let first = candidate, header.sequenceNumber == first.header.sequenceNumber.advanced(by: 1) {
            candidate = nil
            counters.jumps &+= 1
            restart(dropping: .sequenceJump)
            place(first, now: now)
            place(packet, now: now)
        } else {
            if candidate != nil { counters.drops.count(.sequenceJump) }
            candidate = packet
        }
    }

    private mutating func place(_ packet: Candidate, now: Instant) {
        let number = numbers.unwrap(packet.header.sequenceNumber)
        guard !store.wasReceived(number) else { return counters.drops.count(.rtpDuplicate) }
        let timestamp = extendedTimestamp(packet, isNewest: number == numbers.newest)
        if !packet.payload.isEmpty { observe(packet, timestamp, isNewest: number == numbers.newest) }
        guard makeRoom(for: number, packet.payload.count, now: now) else { return }
        store.insert(
            PacketStore.Packet(
                payload: packet.payload, part: packet.part, timestamp: timestamp, arrival: packet.arrival),
            at: number, oldest: next ?? number)
    }

    /// Follows the timestamps, and begins a new time line when they go another way than time does.
    private mutating func extendedTimestamp(_ packet: Candidate, isNewest: Bool) -> Int64 {
        var timestamp = timestamps.extended(packet.header.timestamp)
        guard isNewest else { return timestamp }
        if let latest {
            let media = MediaTime.nanoseconds(ticks: timestamp - latest.timestamp, rate: format.clockRate)
            let deviation = Interval.nanoseconds(media) - (packet.arrival - latest.arrival)
            if deviation > Limits.timestampJump || deviation < .zero - Limits.timestampJump {
                timestamp = timestamps.extendedForward(packet.header.timestamp)
                counters.jumps &+= 1
                timing.jump(to: timestamp)
            }
        } else {
            timestamp = timestamps.extendedForward(packet.header.timestamp)
            timing.restart()
        }
        timestamps.follow(timestamp)
        latest = (timestamp, packet.arrival)
        return timestamp
    }

    private mutating func observe(_ packet: Candidate, _ timestamp: Int64, isNewest: Bool) {
        guard case .playout = policy else { return }
        timing.observe(timestamp, isSample: packet.part.endsFrame || !isNewest, now: packet.arrival)
    }

    /// False, and the packet is dropped, when its number is over with.
    private mutating func makeRoom(for number: Int64, _ byteCount: Int, now: Instant) -> Bool {
        guard let start = next else {
            begin(at: number)
            return true
        }
        if number < start {
            // Packets that overtook each other at the very beginning.
            guard !hasAdvanced, let newest = store.newest, newest - number < Int64(store.capacity) else {
                counters.drops.count(.packetTooLate)
                return false
            }
            begin(at: number)
        }
        while store.count > 0, isFull(for: number, byteCount, now: now) { giveUpHead() }
        // What was given up may go beyond a packet that comes out of order.
        guard next.map({ number >= $0 }) ?? true else {
            counters.drops.count(.packetTooLate)
            return false
        }
        if let start = next, number - start >= Int64(store.capacity) {
            drop(start..<number, as: .frameBufferFull)
            lose()
        }
        return true
    }

    private func isFull(for number: Int64, _ byteCount: Int, now: Instant) -> Bool {
        guard let next else { return false }
        if number - next >= Int64(store.capacity) || store.byteCount + byteCount > Limits.heldBytes { return true }
        guard let head = store.firstHeld(from: next), let packet = store[head] else { return false }
        return now - packet.arrival > Limits.heldTime
    }

    /// Drops what has waited longest: a packet of audio; of video all before the next key frame, or all.
    private mutating func giveUpHead() {
        guard let start = next, let newest = store.newest, let head = store.firstHeld(from: start) else { return }
        var end = head + 1
        if format.codec.hasKeyFrames {
            end = store.firstKeyFrameStart(from: head, notAt: store[head]?.timestamp) ?? newest + 1
        }
        drop(start..<end, as: .frameBufferFull)
        lose()
    }

    /// What comes now may not build on what was given out, and may be the rest of a frame.
    mutating func lose() {
        followsLoss = true
        startIsKnown = false
        needsKeyFrame = format.codec.hasKeyFrames
    }

    /// Drops the held packets with these numbers, gives up those that are not held, and goes on behind them.
    mutating func drop(_ range: Range<Int64>, as reason: DropReason) {
        for number in range {
            if let packet = store.remove(number) {
                if packet.payload.isEmpty { counters.paddingPackets &+= 1 } else { counters.drops.count(reason) }
            } else {
                counters.lostPackets &+= 1
            }
        }
        moveOn(to: range.upperBound)
    }

    /// What is before `number` is over with.
    mutating func moveOn(to number: Int64) {
        begin(at: number)
        hasAdvanced = true
        if let gap, gap.number < number { self.gap = nil }
    }

    private mutating func begin(at number: Int64) {
        next = number
        scan = FrameScan(from: number)
    }
}
