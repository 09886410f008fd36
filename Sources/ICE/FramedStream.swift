import Wire

/// Packets in a byte stream, each with its length in two bytes in front (RFC 4571 section 2, which RFC 6544 section 3
/// prescribes for ICE over TCP).
public struct FramedStream: Sendable {
    /// Bytes of a packet that is accepted. A peer that announces a longer one is none that we want to wait for.
    public static let longestPacket = 2048
    /// Bytes in front of a packet.
    public static let headerBytes = 2

    private var buffer: [UInt8] = []
    /// Where the next frame begins.
    private var start = 0
    /// Nothing of the stream can be believed any more: close it.
    public private(set) var isBroken = false

    public init() {}

    /// Bytes that wait for the rest of their packet: at most a packet after ``next()`` returned nil.
    public var bufferedBytes: Int { buffer.count - start }

    /// Takes what the stream brought.
    public mutating func receive(_ bytes: [UInt8]) {
        guard !isBroken else { return }
        buffer.append(contentsOf: bytes)
    }

    /// The next packet, which may be empty; nil when more must come first, or when the stream is broken.
    public mutating func next() -> [UInt8]? {
        let available = buffer.count - start
        guard !isBroken, available >= Self.headerBytes else {
            compact()
            return nil
        }
        let length = Int(buffer[start]) << 8 | Int(buffer[start + 1])
        guard length <= Self.longestPacket else {
            isBroken = true
            buffer = []
            start = 0
            return nil
        }
        guard available >= Self.headerBytes + length else {
            compact()
            return nil
        }
        start += Self.headerBytes
        defer { start += length }
        return Array(buffer[start..<(start + length)])
    }

    /// Lets go of what was read.
    private mutating func compact() {
        buffer.removeFirst(start)
        start = 0
    }

    /// The packet as it goes into the stream; nil when it is too long for a length of 16 bits.
    public static func frame(_ packet: [UInt8]) -> [UInt8]? {
        guard let length = UInt16(exactly: packet.count) else { return nil }
        return [UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length)] + packet
    }
}
