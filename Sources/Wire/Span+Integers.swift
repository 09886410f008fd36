/// Big-endian integers at an offset. The caller has checked the length; a read outside the span is
/// a programming error and traps, as an array index would.
extension RawSpan {
    @inlinable public func uint8(at offset: Int) -> UInt8 {
        precondition(offset >= 0 && offset < byteCount)
        return unsafe unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
    }

    @inlinable public func uint16(at offset: Int) -> UInt16 {
        precondition(offset >= 0 && byteCount - offset >= 2)
        return unsafe UInt16(bigEndian: unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt16.self))
    }

    @inlinable public func uint32(at offset: Int) -> UInt32 {
        precondition(offset >= 0 && byteCount - offset >= 4)
        return unsafe UInt32(bigEndian: unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt32.self))
    }

    @inlinable public func uint64(at offset: Int) -> UInt64 {
        precondition(offset >= 0 && byteCount - offset >= 8)
        return unsafe UInt64(bigEndian: unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self))
    }

    /// A copy on the heap. Control path only.
    public func copied() -> [UInt8] {
        unsafe withUnsafeBytes { source in unsafe Array(source) }
    }

    /// Byte-wise equality; not constant time, so never for authentication tags.
    public func elementsEqual(_ other: RawSpan) -> Bool {
        guard byteCount == other.byteCount else { return false }
        for index in 0..<byteCount where uint8(at: index) != other.uint8(at: index) { return false }
        return true
    }
}

extension MutableRawSpan {
    @_lifetime(self: copy self)
    @inlinable public mutating func store(_ value: UInt8, at offset: Int) {
        precondition(offset >= 0 && offset < byteCount)
        unsafe storeBytes(of: value, toUncheckedByteOffset: offset, as: UInt8.self)
    }

    @_lifetime(self: copy self)
    @inlinable public mutating func store(_ value: UInt16, at offset: Int) {
        precondition(offset >= 0 && byteCount - offset >= 2)
        unsafe storeBytes(of: value.bigEndian, toUncheckedByteOffset: offset, as: UInt16.self)
    }

    @_lifetime(self: copy self)
    @inlinable public mutating func store(_ value: UInt32, at offset: Int) {
        precondition(offset >= 0 && byteCount - offset >= 4)
        unsafe storeBytes(of: value.bigEndian, toUncheckedByteOffset: offset, as: UInt32.self)
    }

    @_lifetime(self: copy self)
    @inlinable public mutating func store(_ value: UInt64, at offset: Int) {
        precondition(offset >= 0 && byteCount - offset >= 8)
        unsafe storeBytes(of: value.bigEndian, toUncheckedByteOffset: offset, as: UInt64.self)
    }

    /// Copies all of `source` to `offset`; the caller has checked that it fits.
    @_lifetime(self: copy self)
    @inlinable public mutating func store(contentsOf source: RawSpan, at offset: Int) {
        precondition(offset >= 0 && byteCount - offset >= source.byteCount)
        unsafe withUnsafeMutableBytes { destination in
            unsafe source.withUnsafeBytes { bytes in
                guard let from = bytes.baseAddress, let to = destination.baseAddress else { return }
                unsafe to.advanced(by: offset).copyMemory(from: from, byteCount: bytes.count)
            }
        }
    }
}
