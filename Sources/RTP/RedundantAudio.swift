public import Wire

/// A payload of redundant audio (RED, RFC 2198): a frame, and before it frames of former packets once more, so that one
/// lost packet costs nothing that the next one does not bring.
///
/// Plain data about the payload's bytes. Headers stand first, in the order of their blocks: four bytes for each
/// redundant block, one for the primary block, whose length is what is left (section 3).
public struct RedundantAudio: Hashable, Sendable, BitwiseCopyable {
    /// Bytes of a redundant block's header and of the primary block's.
    public static let headerLength = 4
    public static let lastHeaderLength = 1

    /// Blocks before the primary one, 0...``Limits/redundantBlocks``.
    public let redundantCount: UInt8
    /// Of the primary block, 0...127.
    public let payloadType: UInt8
    /// Every block has that payload type, as `audio/red` of WebRTC always has.
    public let isUniform: Bool
    /// Where in the payload the primary block begins; it goes on to the end and is not empty.
    public let primaryOffset: UInt16

    /// One redundant block.
    public struct Block: Hashable, Sendable {
        public var payloadType: UInt8
        /// How much older than the packet's its timestamp is, 14 bits.
        public var timestampOffset: UInt16
        /// Where it lies in the payload; may be empty.
        public var range: Range<Int>
    }

    /// Reads the headers of a payload without padding.
    ///
    /// Throws `truncated` when the headers do not end, `badLength` when the blocks are longer than the payload or leave
    /// nothing for the primary one, `overLimit` for more than ``Limits/redundantBlocks``.
    ///
    /// *Deviation:* RFC 2198 does not forbid an empty primary block; there is nothing in one to play or to pass on.
    public init(parsing payload: RawSpan) throws(ParseError) {
        var offset = 0
        var blockBytes = 0
        var count = 0
        var types: UInt8 = 0
        var first: UInt8 = 0
        while true {
            guard offset < payload.byteCount else { throw .truncated }
            let byte = payload.uint8(at: offset)
            if count == 0 { first = byte & 0x7F }
            types |= (byte & 0x7F) ^ first
            guard byte & 0x80 != 0 else {
                payloadType = byte & 0x7F
                offset += Self.lastHeaderLength
                break
            }
            guard count < Limits.redundantBlocks else { throw .overLimit }
            guard payload.byteCount - offset >= Self.headerLength else { throw .truncated }
            blockBytes += Int(payload.uint16(at: offset + 2) & 0x3FF)
            offset += Self.headerLength
            count += 1
        }
        guard payload.byteCount - offset > blockBytes else { throw .badLength }
        isUniform = types == 0
        redundantCount = UInt8(count)
        // At most 32 blocks of a kilobyte: 16 bits hold it.
        primaryOffset = UInt16(offset + blockBytes)
    }

    /// A redundant block, 0 the first; nil beyond ``redundantCount``. `payload`: the bytes that were parsed.
    public func block(at index: Int, in payload: RawSpan) -> Block? {
        guard index >= 0, index < Int(redundantCount), payload.byteCount > Int(primaryOffset) else { return nil }
        var start = Int(redundantCount) * Self.headerLength + Self.lastHeaderLength
        for before in 0..<index { start += Self.length(at: before, in: payload) }
        let offset = index * Self.headerLength
        return Block(
            payloadType: payload.uint8(at: offset) & 0x7F,
            timestampOffset: (payload.uint16(at: offset + 1) >> 2) & 0x3FFF,
            range: start..<(start + Self.length(at: index, in: payload)))
    }

    private static func length(at index: Int, in payload: RawSpan) -> Int {
        Int(payload.uint16(at: index * headerLength + 2) & 0x3FF)
    }

    /// Gives every block the payload type, 0...127, in a copy of the payload that begins at `start` of `packet`.
    public func setPayloadTypes(_ type: UInt8, at start: Int, in packet: inout MutableRawSpan) {
        for index in 0..<Int(redundantCount) {
            packet.store(0x80 | type & 0x7F, at: start + index * Self.headerLength)
        }
        packet.store(type & 0x7F, at: start + Int(redundantCount) * Self.headerLength)
    }
}
