/// Builds a message in network order. Control path (STUN, RTCP, SDP): it owns a growable array that
/// keeps its capacity across ``reset()``, so a writer that is reused stops allocating.
public struct ByteWriter: Sendable {
    public private(set) var bytes: [UInt8]

    public init(capacity: Int = 256) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    @inlinable public var count: Int { bytes.count }

    public mutating func reset() { bytes.removeAll(keepingCapacity: true) }

    public mutating func write(_ value: UInt8) { bytes.append(value) }

    public mutating func write(_ value: UInt16) {
        bytes.append(UInt8(truncatingIfNeeded: value >> 8))
        bytes.append(UInt8(truncatingIfNeeded: value))
    }

    /// The low 24 bits of `value`.
    public mutating func writeUInt24(_ value: UInt32) {
        bytes.append(UInt8(truncatingIfNeeded: value >> 16))
        write(UInt16(truncatingIfNeeded: value))
    }

    public mutating func write(_ value: UInt32) {
        write(UInt16(truncatingIfNeeded: value >> 16))
        write(UInt16(truncatingIfNeeded: value))
    }

    public mutating func write(_ value: UInt64) {
        write(UInt32(truncatingIfNeeded: value >> 32))
        write(UInt32(truncatingIfNeeded: value))
    }

    public mutating func write(_ source: [UInt8]) { bytes.append(contentsOf: source) }

    public mutating func write(_ source: ArraySlice<UInt8>) { bytes.append(contentsOf: source) }

    public mutating func write(_ source: RawSpan) {
        for index in 0..<source.byteCount { bytes.append(source.uint8(at: index)) }
    }

    public mutating func writeZeros(_ count: Int) {
        for _ in 0..<max(0, count) { bytes.append(0) }
    }

    /// Zero bytes up to the next multiple of four.
    public mutating func padToWord() { writeZeros((4 - bytes.count % 4) % 4) }

    /// Overwrites two bytes that were written before, for lengths known only at the end.
    public mutating func patch(_ value: UInt16, at offset: Int) {
        bytes[offset] = UInt8(truncatingIfNeeded: value >> 8)
        bytes[offset + 1] = UInt8(truncatingIfNeeded: value)
    }
}
