import Wire

/// Cuts a byte stream into STUN messages and channel data (RFC 8656 section 12.5: both tell their length, and channel
/// data is padded to a multiple of four).
public struct StreamFramer: Sendable {
    private var buffer: [UInt8] = []
    /// Where the next frame begins.
    private var start = 0
    /// Nothing of the stream can be believed any more: close it.
    public private(set) var isBroken = false

    public init() {}

    /// - Returns: false when the stream is broken.
    @discardableResult
    public mutating func receive(_ bytes: [UInt8]) -> Bool {
        guard !isBroken else { return false }
        buffer.append(contentsOf: bytes)
        return true
    }

    /// The next frame, without padding; nil when more must come first, or when the stream is broken.
    public mutating func next() -> [UInt8]? {
        let available = buffer.count - start
        guard !isBroken, available >= 4 else { return nil }
        let length = Int(buffer[start + 2]) << 8 | Int(buffer[start + 3])
        let frame: Int
        let padded: Int
        switch buffer[start] {
        case 0...3:
            frame = 20 + length
            padded = frame
        case 0x40...0x7F:
            frame = ChannelData.headerBytes + length
            padded = (frame + 3) & ~3
        default:
            isBroken = true
            buffer = []
            start = 0
            return nil
        }
        guard available >= padded else { return nil }
        let bytes = Array(buffer[start..<(start + frame)])
        start += padded
        if start == buffer.count {
            buffer.removeAll(keepingCapacity: true)
            start = 0
        } else if start > Limits.frameBytes {
            buffer.removeFirst(start)
            start = 0
        }
        return bytes
    }
}
