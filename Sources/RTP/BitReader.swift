public import Wire

/// A cursor over bits, most significant first. Every read checks its bounds and throws.
public struct BitReader: ~Escapable {
    private let bytes: RawSpan
    /// Bits consumed so far.
    public private(set) var position = 0

    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) { self.bytes = bytes }

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan, position: Int) {
        self.bytes = bytes
        self.position = position
    }

    public var remaining: Int { bytes.byteCount * 8 - position }

    /// An unsigned number of 0...32 bits.
    @_lifetime(self: copy self)
    public mutating func read(_ count: Int) throws(ParseError) -> UInt32 {
        guard count >= 0, count <= 32, count <= remaining else { throw .truncated }
        var value: UInt32 = 0
        var left = count
        while left > 0 {
            let free = 8 - position & 7
            let take = min(free, left)
            let byte = UInt32(bytes.uint8(at: position >> 3))
            value = value << UInt32(take) | byte >> UInt32(free - take) & (1 << UInt32(take) - 1)
            position += take
            left -= take
        }
        return value
    }

    @_lifetime(self: copy self)
    public mutating func readFlag() throws(ParseError) -> Bool { try read(1) != 0 }

    /// `ns(n)`: a number below `bound` in as few bits as the values need (AV1 RTP appendix A.8.2).
    @_lifetime(self: copy self)
    mutating func readNonSymmetric(_ bound: UInt32) throws(ParseError) -> UInt32 {
        guard bound > 1 else { return 0 }
        let width = 32 - bound.leadingZeroBitCount
        let short = UInt32(truncatingIfNeeded: (UInt64(1) << UInt64(width)) - UInt64(bound))
        let value = try read(width - 1)
        guard value >= short else { return value }
        return (value << 1) - short + (try read(1))
    }
}
