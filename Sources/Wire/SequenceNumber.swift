/// A 16-bit RTP or transport-wide sequence number, compared by serial arithmetic (RFC 1982 section 3.2).
public struct SequenceNumber: Hashable, Sendable, BitwiseCopyable {
    public var rawValue: UInt16

    @inlinable public init(_ rawValue: UInt16) { self.rawValue = rawValue }

    /// Signed steps from `other` to `self`, in -32768...32767.
    @inlinable public func distance(from other: SequenceNumber) -> Int {
        Int(Int16(bitPattern: rawValue &- other.rawValue))
    }

    @inlinable public func isNewer(than other: SequenceNumber) -> Bool { distance(from: other) > 0 }

    @inlinable public func advanced(by steps: Int) -> SequenceNumber {
        SequenceNumber(rawValue &+ UInt16(truncatingIfNeeded: steps))
    }
}

/// Extends 16-bit sequence numbers to 64 bits by following the newest one seen.
public struct SequenceUnwrapper: Sendable, BitwiseCopyable {
    /// The newest extended number, or nil before the first packet.
    public private(set) var newest: Int64?

    public init() {}

    /// The extended number closest to the newest one; a newer one moves it.
    ///
    /// The first number starts one cycle up, so that packets older than it stay non-negative.
    public mutating func unwrap(_ number: SequenceNumber) -> Int64 {
        guard let last = newest else {
            let first = Int64(number.rawValue) + 0x1_0000
            newest = first
            return first
        }
        let extended = last + Int64(number.distance(from: SequenceNumber(UInt16(truncatingIfNeeded: last))))
        if extended > last { newest = extended }
        return extended
    }
}
