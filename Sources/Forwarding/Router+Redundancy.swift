import RTP
import Wire

// Redundant audio (RFC 2198): who gets it as it came, and what it brings back for those who do not.

extension Router {
    mutating func readRedundancy(_ forward: inout Forward, _ packet: RawSpan) throws(DropReason) {
        let payload = packet.extracting(forward.payloadRange)
        do { forward.redundancy = try RedundantAudio(parsing: payload) } catch { throw .payloadMalformed }
        guard let redundancy = forward.redundancy else { return }
        // Redundancy within redundancy is nothing that anybody sends.
        guard redundancy.payloadType != forward.payloadType else { throw .payloadMalformed }
        let count = Int(redundancy.redundantCount)
        for index in max(count - Limits.recoveredBlocks, 0)..<count {
            recover(index, of: redundancy, forward, payload)
        }
    }

    /// A block is the frame of the packet so many before this one, as libwebrtc sends them. When that packet did not
    /// come, its subscribers without redundancy get it now; should it come after all, it is a duplicate.
    private mutating func recover(_ index: Int, of redundancy: RedundantAudio, _ forward: Forward, _ payload: RawSpan) {
        let back = Int(redundancy.redundantCount) - index
        let stream = Int(forward.stream)
        let sequence = forward.sequence - Int64(back)
        guard streams[stream].isMissing(sequence), hasUse(ofFrameIn: forward) else { return }
        guard let block = redundancy.block(at: index, in: payload), !block.range.isEmpty,
            block.payloadType != forward.payloadType
        else { return }
        let number = SequenceNumber(UInt16(truncatingIfNeeded: sequence))
        guard case .new = streams[stream].accept(number, isRecovered: true) else { return }
        let header = RTPHeader(
            payloadType: block.payloadType, sequenceNumber: number,
            timestamp: forward.header.timestamp &- UInt32(block.timestampOffset), ssrc: streams[stream].ssrc)
        recovered.append(payload.extracting(block.range), header, like: forward, sequence: sequence)
    }

    /// Somebody gets the packet without its redundancy.
    private func hasUse(ofFrameIn forward: Forward) -> Bool {
        let slot = Int(forward.publisher)
        for index in publishers[slot].subscribers.indices
        where !subscribers[Int(publishers[slot].subscribers[index])].takesRedundancy(of: forward) {
            return true
        }
        return false
    }

    /// The next copy of a frame that came as redundancy only.
    mutating func nextRecovered(_ output: inout MutableRawSpan) -> Transmit? {
        while let entry = recovered.first {
            let subscriber = subscriber(of: entry.forward, at: entry.subscriber)
            guard subscribers.contains(subscriber.slot) else {
                recovered.removeFirst()
                continue
            }
            recovered.advance()
            guard !subscribers[subscriber.slot].takesRedundancy(ofFormat: entry.redundantType) else { continue }
            // Its memory is the ring's, which nothing here touches.
            let bytes = unsafe recovered.firstBytes
            let packet = unsafe RawSpan(_unsafeBytes: bytes)
            let length = try? rewrite(entry.forward, packet: packet, for: subscriber, into: &output, now: now)
            if let length, length > 0 { return Transmit(endpoint(of: subscriber), .rtp, length: length) }
        }
        return nil
    }
}
