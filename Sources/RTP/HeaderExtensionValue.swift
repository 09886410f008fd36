import Wire

/// Up to 16 bytes of extension data kept by value: a mid or rid that goes onto every packet.
public struct HeaderExtensionValue: Hashable, Sendable, BitwiseCopyable {
    /// The longest data of the one-byte form (RFC 8285 section 4.2).
    public static let capacity = 16

    private var high: UInt64 = 0
    private var low: UInt64 = 0
    public private(set) var count: UInt8 = 0

    /// Nil when longer than ``capacity``.
    public init?(_ bytes: RawSpan) {
        guard bytes.byteCount <= Self.capacity else { return nil }
        for index in 0..<bytes.byteCount { append(bytes.uint8(at: index)) }
    }

    /// UTF-8 text; nil when longer than ``capacity`` bytes.
    public init?(_ text: String) {
        guard text.utf8.count <= Self.capacity else { return nil }
        for byte in text.utf8 { append(byte) }
    }

    public subscript(index: Int) -> UInt8 {
        precondition(index >= 0 && index < Int(count))
        return UInt8(truncatingIfNeeded: index < 8 ? high >> (56 - 8 * index) : low >> (120 - 8 * index))
    }

    private mutating func append(_ byte: UInt8) {
        let index = Int(count)
        if index < 8 {
            high |= UInt64(byte) << (56 - 8 * index)
        } else {
            low |= UInt64(byte) << (120 - 8 * index)
        }
        count += 1
    }
}
