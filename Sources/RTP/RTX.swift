public import Wire

/// Retransmission payload format (RFC 4588 section 4): the original packet's payload behind its
/// original sequence number (OSN).
public enum RTX {
    /// Bytes of the OSN.
    public static let overhead = 2

    /// Turns an RTX packet into the packet that it repeats, in place, and returns its length.
    ///
    /// Padding is dropped. `payloadType` and `ssrc` are the repaired stream's. Throws `rtxEmpty` for a
    /// packet without payload (a probe), `rtxMalformed` when the OSN is cut off.
    public static func decapsulate(
        _ packet: inout MutableRawSpan, header: RTPHeader, payloadType: UInt8, ssrc: UInt32
    ) throws(DropReason) -> Int {
        let payload = header.payloadRange
        guard payload.upperBound <= packet.byteCount else { throw .rtxMalformed }
        guard !payload.isEmpty else { throw .rtxEmpty }
        guard payload.count >= overhead else { throw .rtxMalformed }
        guard payload.count > overhead else { throw .rtxEmpty }
        let original = packet.bytes.uint16(at: payload.lowerBound)
        packet.move((payload.lowerBound + overhead)..<payload.upperBound, to: payload.lowerBound)
        let first = packet.bytes.uint8(at: 0)
        packet.store(first & ~0x20, at: 0)
        RTPHeader.setPayloadType(payloadType, in: &packet)
        RTPHeader.setSequenceNumber(SequenceNumber(original), in: &packet)
        RTPHeader.setSSRC(ssrc, in: &packet)
        return payload.upperBound - overhead
    }

    /// Turns a media packet into an RTX packet, in place, and returns its length.
    ///
    /// `sequenceNumber` is the RTX stream's own. The buffer needs ``overhead`` bytes of room behind the
    /// payload; padding is dropped. Throws `rtxMalformed` when there is no such room.
    public static func encapsulate(
        _ packet: inout MutableRawSpan, header: RTPHeader, payloadType: UInt8, ssrc: UInt32,
        sequenceNumber: SequenceNumber
    ) throws(DropReason) -> Int {
        let payload = header.payloadRange
        guard payload.upperBound + overhead <= packet.byteCount else { throw .rtxMalformed }
        packet.move(payload, to: payload.lowerBound + overhead)
        packet.store(header.sequenceNumber.rawValue, at: payload.lowerBound)
        let first = packet.bytes.uint8(at: 0)
        packet.store(first & ~0x20, at: 0)
        RTPHeader.setPayloadType(payloadType, in: &packet)
        RTPHeader.setSequenceNumber(sequenceNumber, in: &packet)
        RTPHeader.setSSRC(ssrc, in: &packet)
        return payload.upperBound + overhead
    }
}

extension MutableRawSpan {
    /// Copies bytes within the span; the ranges may overlap.
    @_lifetime(self: copy self)
    fileprivate mutating func move(_ source: Range<Int>, to destination: Int) {
        precondition(source.lowerBound >= 0 && source.upperBound <= byteCount)
        precondition(destination >= 0 && destination + source.count <= byteCount)
        unsafe withUnsafeMutableBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            unsafe (base + destination).copyMemory(from: base + source.lowerBound, byteCount: source.count)
        }
    }
}
