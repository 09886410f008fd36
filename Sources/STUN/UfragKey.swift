import Wire

/// A username fragment of up to 32 bytes as plain data: a table key that costs no allocation.
public struct UfragKey: Hashable, Sendable, BitwiseCopyable {
    private let first: UInt64
    private let second: UInt64
    private let third: UInt64
    private let fourth: UInt64
    /// Bytes of the fragment.
    public let count: UInt8

    public static let maximumBytes = 32

    /// Nil when `bytes` is empty or longer than ``maximumBytes``.
    public init?(_ bytes: RawSpan) {
        guard bytes.byteCount > 0, bytes.byteCount <= Self.maximumBytes else { return nil }
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        for index in 0..<bytes.byteCount {
            let byte = UInt64(bytes.uint8(at: index)) << UInt64((index & 7) * 8)
            switch index >> 3 {
            case 0: words.0 |= byte
            case 1: words.1 |= byte
            case 2: words.2 |= byte
            default: words.3 |= byte
            }
        }
        (first, second, third, fourth) = words
        count = UInt8(bytes.byteCount)
    }

    public init?(_ ufrag: String) {
        let bytes = Array(ufrag.utf8)
        self.init(unsafe bytes.span.bytes)
    }
}
