/// A 32-bit transmission sequence number, compared by serial arithmetic (RFC 9260 section 1.6).
struct TSN: Hashable, Sendable, BitwiseCopyable {
    var rawValue: UInt32

    init(_ rawValue: UInt32) { self.rawValue = rawValue }

    /// Signed steps from `other` to `self`.
    func distance(from other: TSN) -> Int { Int(Int32(bitPattern: rawValue &- other.rawValue)) }

    func isNewer(than other: TSN) -> Bool { distance(from: other) > 0 }

    func advanced(by steps: Int) -> TSN { TSN(rawValue &+ UInt32(truncatingIfNeeded: steps)) }
}
