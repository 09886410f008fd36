/// A cursor that reads network-order (big-endian) integers from borrowed bytes.
///
/// Every read checks its bounds and throws ``ParseError/truncated``: no read of wire data can trap.
public struct ByteReader: ~Escapable {
    @usableFromInline let bytes: RawSpan
    /// Bytes consumed so far.
    public private(set) var offset: Int

    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) {
        self.bytes = bytes
        self.offset = 0
    }

    @inlinable public var remaining: Int { bytes.byteCount - offset }
    @inlinable public var isAtEnd: Bool { remaining == 0 }

    @_lifetime(self: copy self)
    public mutating func skip(_ count: Int) throws(ParseError) {
        guard count >= 0, count <= remaining else { throw .truncated }
        offset += count
    }

    @_lifetime(self: copy self)
    public mutating func readUInt8() throws(ParseError) -> UInt8 {
        guard remaining >= 1 else { throw .truncated }
        defer { offset += 1 }
        return bytes.uint8(at: offset)
    }

    @_lifetime(self: copy self)
    public mutating func readUInt16() throws(ParseError) -> UInt16 {
        guard remaining >= 2 else { throw .truncated }
        defer { offset += 2 }
        return bytes.uint16(at: offset)
    }

    @_lifetime(self: copy self)
    public mutating func readUInt24() throws(ParseError) -> UInt32 {
        guard remaining >= 3 else { throw .truncated }
        defer { offset += 3 }
        return UInt32(bytes.uint16(at: offset)) << 8 | UInt32(bytes.uint8(at: offset + 2))
    }

    @_lifetime(self: copy self)
    public mutating func readUInt32() throws(ParseError) -> UInt32 {
        guard remaining >= 4 else { throw .truncated }
        defer { offset += 4 }
        return bytes.uint32(at: offset)
    }

    @_lifetime(self: copy self)
    public mutating func readUInt64() throws(ParseError) -> UInt64 {
        guard remaining >= 8 else { throw .truncated }
        defer { offset += 8 }
        return bytes.uint64(at: offset)
    }

    /// The next `count` bytes, still borrowed from the source.
    @_lifetime(copy self)
    public mutating func readBytes(_ count: Int) throws(ParseError) -> RawSpan {
        guard count >= 0, count <= remaining else { throw .truncated }
        let slice = bytes.extracting(offset..<(offset + count))
        offset += count
        return slice
    }
}
