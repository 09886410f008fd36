import Wire

/// Cutting the router's RTCP by sections: to it an endpoint is one RTP session, on the wire each section is one.
extension PlainSection {
    /// Writes what of `compound` concerns this section, under the section's own SSRC; 0 when nothing does.
    ///
    /// `compound` is the router's: a sender report or a receiver report first, a description, and feedback (RFC 3550
    /// section 6.1, RFC 4585 section 6.1). `output` has room for as many bytes.
    func part(of compound: RawSpan, into output: inout MutableRawSpan) -> Int {
        guard compound.byteCount <= output.byteCount else { return 0 }
        var writer = PartWriter()
        var hasContent = false
        var offset = 0
        while offset + 8 <= compound.byteCount {
            let end = offset + (Int(compound.uint16(at: offset + 2)) + 1) * 4
            guard end <= compound.byteCount else { return 0 }
            let packet = compound.extracting(offset..<end)
            switch packet.uint8(at: 1) {
            case 200:
                // Of what another section sends: the whole compound is that one's.
                guard packet.uint32(at: 4) == localSSRC else { return 0 }
                hasContent = true
                writer.copy(packet, to: &output)
            case 201:
                hasContent = writeReport(packet, to: &output, &writer) > 0 || hasContent
            case 202:
                writer.copy(packet, as: localSSRC, to: &output)
            case 205:
                guard packet.byteCount >= 12, knows(packet.uint32(at: 8)) else { break }
                hasContent = true
                writer.copy(packet, as: localSSRC, to: &output)
            case 206:
                guard concerns(packet) else { break }
                hasContent = true
                writer.copy(packet, as: localSSRC, to: &output)
            default: break
            }
            offset = end
        }
        return hasContent ? writer.count : 0
    }

    /// The report with the blocks of this section's streams; how many these are.
    private func writeReport(_ packet: RawSpan, to output: inout MutableRawSpan, _ writer: inout PartWriter) -> Int {
        let start = writer.count
        writer.copy(packet.extracting(0..<8), as: localSSRC, to: &output)
        var blocks = 0
        var offset = 8
        while offset + Self.blockLength <= packet.byteCount {
            let block = packet.extracting(offset..<(offset + Self.blockLength))
            if knows(block.uint32(at: 0)) {
                writer.copy(block, to: &output)
                blocks += 1
            }
            offset += Self.blockLength
        }
        output.store(0x80 | UInt8(truncatingIfNeeded: blocks), at: start)
        output.store(UInt16(truncatingIfNeeded: (writer.count - start) / 4 - 1), at: start + 2)
        return blocks
    }

    /// Bytes of a report block (RFC 3550 section 6.4.1).
    private static let blockLength = 24

    /// Whether payload-specific feedback is about one of this section's streams. PLI names it as the media source; FIR
    /// (RFC 5104 section 4.3.1) and REMB in their own part. A REMB of several streams is of one kind: the router's.
    private func concerns(_ packet: RawSpan) -> Bool {
        guard packet.byteCount >= 12 else { return false }
        switch packet.uint8(at: 0) & 0x1F {
        case 1: return knows(packet.uint32(at: 8))
        case 4: return packet.byteCount >= 20 && knows(packet.uint32(at: 12))
        case 15: return packet.byteCount >= 24 && knows(packet.uint32(at: 20))
        default: return false
        }
    }
}

/// Puts packets one behind the other.
private struct PartWriter {
    private(set) var count = 0

    mutating func copy(_ bytes: RawSpan, to output: inout MutableRawSpan) {
        output.store(contentsOf: bytes, at: count)
        count += bytes.byteCount
    }

    /// With another SSRC in the second word, where every RTCP packet has its sender.
    mutating func copy(_ packet: RawSpan, as ssrc: UInt32, to output: inout MutableRawSpan) {
        let start = count
        copy(packet, to: &output)
        output.store(ssrc, at: start + 4)
    }
}
