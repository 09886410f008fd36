/// Up to `capacity` bytes as plain data, for text and keys that lie in a slab.
public struct FixedBytes<let capacity: Int>: BitwiseCopyable, Sendable {
    private var storage: InlineArray<capacity, UInt8>
    public private(set) var count: Int

    /// Bytes beyond the capacity are cut; callers have validated the length.
    public init(_ bytes: some Sequence<UInt8>) {
        storage = InlineArray(repeating: 0)
        count = 0
        for byte in bytes {
            guard count < capacity else { break }
            storage[count] = byte
            count += 1
        }
    }

    /// What was stored; a count beyond the capacity (a torn record) reads as empty.
    public var bytes: [UInt8] {
        guard count >= 0, count <= capacity else { return [] }
        return (0..<count).map { storage[$0] }
    }

    public var text: String { String(decoding: bytes, as: UTF8.self) }
}
