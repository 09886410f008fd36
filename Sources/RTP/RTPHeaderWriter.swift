public import Wire

/// Writes a fresh header in place: fixed part, then extension elements, then the block's length.
///
/// ```
/// var writer = try RTPHeaderWriter(header, into: &packet)
/// writer.append(id: 4, mid, into: &packet)
/// let headerLength = writer.finish(into: &packet)
/// ```
/// CSRCs are never written: a forwarder is no mixer (RFC 7667 section 3.7 leaves them optional).
public struct RTPHeaderWriter: Sendable, BitwiseCopyable {
    /// How elements are framed (RFC 8285 section 4.1.2); two-byte only where the peer negotiated it.
    public enum Form: UInt8, Sendable, BitwiseCopyable {
        case oneByte, twoByte
    }

    private let form: Form
    private var offset: Int

    /// Writes the twelve fixed bytes; padding bit clear. Throws `truncated` when they do not fit.
    public init(_ header: RTPHeader, form: Form = .oneByte, into packet: inout MutableRawSpan) throws(ParseError) {
        guard packet.byteCount >= RTPHeader.fixedLength else { throw .truncated }
        packet.store(UInt8(0x80), at: 0)
        packet.store((header.marker ? 0x80 : 0) | header.payloadType & 0x7F, at: 1)
        packet.store(header.sequenceNumber.rawValue, at: 2)
        packet.store(header.timestamp, at: 4)
        packet.store(header.ssrc, at: 8)
        self.form = form
        offset = RTPHeader.fixedLength
    }

    /// False, and nothing is written, when the id or the length does not suit the form or does not fit.
    @discardableResult
    public mutating func append(id: UInt8, _ data: RawSpan, into packet: inout MutableRawSpan) -> Bool {
        guard let start = open(id: id, count: data.byteCount, in: &packet) else { return false }
        packet.store(contentsOf: data, at: start)
        return true
    }

    @discardableResult
    public mutating func append(
        id: UInt8, _ value: HeaderExtensionValue, into packet: inout MutableRawSpan
    ) -> Bool {
        guard let start = open(id: id, count: Int(value.count), in: &packet) else { return false }
        for index in 0..<Int(value.count) { packet.store(value[index], at: start + index) }
        return true
    }

    /// Room for an element whose data the caller writes; where it begins, or nil when it cannot be written.
    public mutating func reserve(id: UInt8, count: Int, into packet: inout MutableRawSpan) -> Int? {
        open(id: id, count: count, in: &packet)
    }

    /// One byte: audio level (RFC 6464), video orientation.
    @discardableResult
    public mutating func append(id: UInt8, _ value: UInt8, into packet: inout MutableRawSpan) -> Bool {
        guard let start = open(id: id, count: 1, in: &packet) else { return false }
        packet.store(value, at: start)
        return true
    }

    /// Two bytes: transport-wide sequence number.
    @discardableResult
    public mutating func append(id: UInt8, _ value: UInt16, into packet: inout MutableRawSpan) -> Bool {
        guard let start = open(id: id, count: 2, in: &packet) else { return false }
        packet.store(value, at: start)
        return true
    }

    /// The low three bytes: absolute send time, playout delay.
    @discardableResult
    public mutating func append(id: UInt8, uint24 value: UInt32, into packet: inout MutableRawSpan) -> Bool {
        guard let start = open(id: id, count: 3, in: &packet) else { return false }
        packet.store(UInt8(truncatingIfNeeded: value >> 16), at: start)
        packet.store(UInt16(truncatingIfNeeded: value), at: start + 1)
        return true
    }

    /// Pads the block to a word, writes its length and returns the header's length in bytes.
    ///
    /// Without elements there is no extension block at all.
    public mutating func finish(into packet: inout MutableRawSpan) -> Int {
        guard offset > RTPHeader.fixedLength else { return offset }
        while offset % 4 != 0 {
            packet.store(UInt8(0), at: offset)
            offset += 1
        }
        let words = (offset - RTPHeader.fixedLength - 4) / 4
        packet.store(UInt8(0x90), at: 0)
        let profile = form == .oneByte ? HeaderExtensions.oneByteProfile : HeaderExtensions.twoByteProfile
        packet.store(profile, at: RTPHeader.fixedLength)
        packet.store(UInt16(words), at: RTPHeader.fixedLength + 2)
        return offset
    }

    /// Writes an element's id and length; the offset of its data, or nil when it cannot be written.
    private mutating func open(id: UInt8, count: Int, in packet: inout MutableRawSpan) -> Int? {
        // The first element also opens the block, whose four header bytes `finish` fills in.
        let at = offset == RTPHeader.fixedLength ? offset + 4 : offset
        let prefix = form == .oneByte ? 1 : 2
        let fitsForm = form == .oneByte ? (1...14).contains(id) && (1...16).contains(count) : id != 0 && count <= 255
        // Three bytes in reserve: `finish` may pad.
        guard fitsForm, packet.byteCount - at >= prefix + count + 3 else { return nil }
        if form == .oneByte {
            packet.store(id << 4 | UInt8(count - 1), at: at)
        } else {
            packet.store(id, at: at)
            packet.store(UInt8(count), at: at + 1)
        }
        offset = at + prefix + count
        return at + prefix
    }
}
