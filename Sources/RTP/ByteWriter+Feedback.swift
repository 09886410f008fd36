public import Wire

/// RTCP feedback packets (RFC 4585, RFC 5104, REMB).
extension ByteWriter {
    /// Generic NACK for sequence numbers in ascending order, packed into PID and BLP (section 6.2.1).
    ///
    /// Returns how many were written: fewer than given only when the packet reached
    /// ``Limits/feedbackLength``. Writes nothing for an empty list.
    @discardableResult
    public mutating func writeNack(
        senderSSRC: UInt32, mediaSSRC: UInt32, sequenceNumbers: [SequenceNumber]
    ) -> Int {
        guard !sequenceNumbers.isEmpty else { return 0 }
        let start = beginRTCP(RTCPType.transportFeedback, format: RTCPType.formatNack)
        write(senderSSRC)
        write(mediaSSRC)
        var index = 0
        while index < sequenceNumbers.count, count - start + 4 <= Limits.feedbackLength {
            let packetID = sequenceNumbers[index]
            var following: UInt16 = 0
            index += 1
            while index < sequenceNumbers.count {
                let step = sequenceNumbers[index].distance(from: packetID)
                guard (0...16).contains(step) else { break }
                if step > 0 { following |= 1 << (step - 1) }
                index += 1
            }
            write(packetID.rawValue)
            write(following)
        }
        endRTCP(start)
        return index
    }

    /// PLI (section 6.3.1).
    public mutating func writePictureLossIndication(senderSSRC: UInt32, mediaSSRC: UInt32) {
        let start = beginRTCP(RTCPType.payloadFeedback, format: RTCPType.formatPLI)
        write(senderSSRC)
        write(mediaSSRC)
        endRTCP(start)
    }

    /// FIR for one stream (RFC 5104 section 4.3.1). `sequence` goes up by one with every new command.
    public mutating func writeFullIntraRequest(senderSSRC: UInt32, mediaSSRC: UInt32, sequence: UInt8) {
        let start = beginRTCP(RTCPType.payloadFeedback, format: RTCPType.formatFIR)
        write(senderSSRC)
        // The common header's media source is unused and zero (section 4.3.1.2).
        write(UInt32(0))
        write(mediaSSRC)
        write(UInt32(sequence) << 24)
        endRTCP(start)
    }

    /// REMB. The estimate is rounded down to eighteen significant bits.
    public mutating func writeMaximumBitrate(senderSSRC: UInt32, bitsPerSecond: UInt64, sources: [UInt32]) {
        let sourceCount = min(sources.count, Limits.rembSources)
        let start = beginRTCP(RTCPType.payloadFeedback, format: RTCPType.formatApplication)
        write(senderSSRC)
        write(UInt32(0))
        write(RTCPType.rembIdentifier)
        let exponent = max(0, 46 - bitsPerSecond.leadingZeroBitCount)
        write(UInt8(sourceCount))
        writeUInt24(UInt32(exponent) << 18 | UInt32(truncatingIfNeeded: bitsPerSecond >> exponent))
        for index in 0..<sourceCount { write(sources[index]) }
        endRTCP(start)
    }
}
