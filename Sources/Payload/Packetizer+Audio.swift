import Wire

extension Packetizer {
    /// The next packet is the first after silence (RFC 3551 section 4.1), as the stream's first is anyway.
    public mutating func beginTalkspurt() { hasBegun = false }

    /// RFC 7587 section 4.2: one packet of Opus is the payload.
    mutating func packetizeOpus(_ frame: [UInt8]) throws(ParseError) -> [PacketPayload] {
        guard frame.count <= payloadLength else { throw .overLimit }
        guard OpusPacket.duration(of: frame) != nil else { throw .badHeader }
        defer { hasBegun = true }
        return [PacketPayload(bytes: frame, marker: !hasBegun)]
    }

    /// RFC 3551 section 4.2: 20 ms in each packet, the last one as much as is left.
    mutating func packetizeSamples(_ frame: [UInt8]) -> [PacketPayload] {
        let length = min(Int(format.clockRate) / 50, payloadLength)
        return stride(from: 0, to: frame.count, by: length).map { start in
            defer { hasBegun = true }
            return PacketPayload(
                bytes: Array(frame[start..<min(start + length, frame.count)]), marker: !hasBegun,
                offset: UInt32(truncatingIfNeeded: start))
        }
    }
}
