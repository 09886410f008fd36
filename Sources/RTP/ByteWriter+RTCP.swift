public import Wire

/// RTCP packets, appended one after the other into a compound (RFC 3550 section 6.1).
///
/// A writer that is reused stops allocating once it has grown to its largest compound.
extension ByteWriter {
    /// SR. Blocks beyond ``Limits/reportBlocksPerPacket`` are left out: send them in an RR behind it.
    public mutating func writeSenderReport(_ report: SenderReport, blocks: [ReportBlock] = []) {
        let count = min(blocks.count, Limits.reportBlocksPerPacket)
        let start = beginRTCP(RTCPType.senderReport, format: UInt8(count))
        write(report.ssrc)
        write(report.ntp.rawValue)
        write(report.rtpTimestamp)
        write(report.packetCount)
        write(report.octetCount)
        for index in 0..<count { write(blocks[index]) }
        endRTCP(start)
    }

    /// RR. Blocks beyond ``Limits/reportBlocksPerPacket`` are left out.
    public mutating func writeReceiverReport(ssrc: UInt32, blocks: [ReportBlock] = []) {
        let count = min(blocks.count, Limits.reportBlocksPerPacket)
        let start = beginRTCP(RTCPType.receiverReport, format: UInt8(count))
        write(ssrc)
        for index in 0..<count { write(blocks[index]) }
        endRTCP(start)
    }

    /// SDES with one chunk and its CNAME, cut at ``Limits/descriptionLength`` bytes.
    public mutating func writeSourceDescription(ssrc: UInt32, cname: String) {
        let start = beginRTCP(RTCPType.sourceDescription, format: 1)
        write(ssrc)
        write(UInt8(1))
        writeText(cname)
        write(UInt8(0))
        padRTCP(start)
        endRTCP(start)
    }

    /// BYE for up to 31 sources; an empty reason is not written.
    public mutating func writeGoodbye(sources: [UInt32], reason: String = "") {
        let count = min(sources.count, Limits.reportBlocksPerPacket)
        let start = beginRTCP(RTCPType.goodbye, format: UInt8(count))
        for index in 0..<count { write(sources[index]) }
        if !reason.isEmpty {
            writeText(reason)
            padRTCP(start)
        }
        endRTCP(start)
    }

    private mutating func write(_ block: ReportBlock) {
        write(block.ssrc)
        let lost = UInt32(bitPattern: min(max(block.cumulativeLost, -0x80_0000), 0x7F_FFFF)) & 0xFF_FFFF
        write(UInt32(block.fractionLost) << 24 | lost)
        write(block.highestSequence)
        write(block.jitter)
        write(block.lastSenderReport)
        write(block.delaySinceLastSenderReport)
    }

    /// A length byte and the text, cut at what the byte can say.
    private mutating func writeText(_ text: String) {
        let length = min(text.utf8.count, Limits.descriptionLength)
        write(UInt8(length))
        for byte in text.utf8.prefix(length) { write(byte) }
    }

    /// Writes the header with an open length; returns where the packet begins.
    mutating func beginRTCP(_ type: UInt8, format: UInt8) -> Int {
        let start = count
        write(0x80 | format & 0x1F)
        write(type)
        write(UInt16(0))
        return start
    }

    /// Zero bytes up to the packet's next word; the writer may have begun at any offset.
    mutating func padRTCP(_ start: Int) { writeZeros((4 - (count - start) % 4) % 4) }

    mutating func endRTCP(_ start: Int) { patch(UInt16((count - start) / 4 - 1), at: start + 2) }
}
