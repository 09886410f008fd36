public import Wire

/// The VP8 payload descriptor (RFC 7741 section 4.2) and the key-frame bit behind it.
public struct VP8PayloadDescriptor: Hashable, Sendable, BitwiseCopyable {
    /// N: the frame can be dropped without harm to others.
    public var isNonReference: Bool
    /// S: the packet begins a partition.
    public var startsPartition: Bool
    /// PID, 0...7.
    public var partition: UInt8
    /// 7 or 15 bits, see ``hasLongPictureID``.
    public var pictureID: UInt16?
    public var hasLongPictureID: Bool
    /// TL0PICIDX: a running index of base-layer frames.
    public var baseLayerIndex: UInt8?
    /// TID, 0...3.
    public var temporalLayer: UInt8?
    /// Y: the frame depends only on the base layer, so a receiver may switch up here.
    public var isLayerSync: Bool
    /// KEYIDX, 0...31.
    public var keyIndex: UInt8?
    /// Bytes before the VP8 payload header.
    public var length: Int
    /// The first packet of a key frame: S set, partition 0, and the frame's P bit clear (section 4.3).
    public var isKeyFrameStart: Bool
    /// In pixels, on the first packet of a key frame (RFC 6386 section 9.1); 0 elsewhere.
    public private(set) var width: UInt16 = 0
    public private(set) var height: UInt16 = 0
    /// Width times height.
    public var pixels: UInt32 { UInt32(width) * UInt32(height) }
    private var pictureIDOffset = 0
    private var baseLayerOffset = 0
    private var layerOffset = 0

    /// Throws `truncated` when the descriptor or the byte behind it is missing.
    public init(parsing payload: RawSpan) throws(ParseError) {
        var reader = ByteReader(payload)
        let first = try reader.readUInt8()
        isNonReference = first & 0x20 != 0
        startsPartition = first & 0x10 != 0
        partition = first & 0x07
        hasLongPictureID = false
        isLayerSync = false
        if first & 0x80 != 0 {
            let flags = try reader.readUInt8()
            if flags & 0x80 != 0 {
                pictureIDOffset = reader.offset
                let high = try reader.readUInt8()
                hasLongPictureID = high & 0x80 != 0
                pictureID = hasLongPictureID ? UInt16(high & 0x7F) << 8 | UInt16(try reader.readUInt8()) : UInt16(high)
            }
            if flags & 0x40 != 0 {
                baseLayerOffset = reader.offset
                baseLayerIndex = try reader.readUInt8()
            }
            if flags & 0x30 != 0 {
                layerOffset = reader.offset
                let layer = try reader.readUInt8()
                if flags & 0x20 != 0 {
                    temporalLayer = layer >> 6
                    isLayerSync = layer & 0x20 != 0
                }
                if flags & 0x10 != 0 { keyIndex = layer & 0x1F }
            }
        }
        length = reader.offset
        let frame = try reader.readUInt8()
        isKeyFrameStart = startsPartition && partition == 0 && frame & 0x01 == 0
        // Behind the frame tag of three bytes and the start code of three.
        if isKeyFrameStart, payload.byteCount - length >= 10 {
            // Little-endian, 14 bits each; the upper two scale.
            width = payload.uint16(at: length + 6).byteSwapped & 0x3FFF
            height = payload.uint16(at: length + 8).byteSwapped & 0x3FFF
        }
    }

    /// Where the picture id lies in the payload; meaningful with one.
    public var pictureIDRange: Range<Int> { pictureIDOffset..<(pictureIDOffset + (hasLongPictureID ? 2 : 1)) }

    /// Where TL0PICIDX lies in the payload; 0 without one.
    public var baseLayerPosition: Int { baseLayerOffset }

    /// Where the byte with TID, Y and KEYIDX lies in the payload; 0 without one.
    public var layerPosition: Int { layerOffset }

    /// Overwrites the picture id, in the width that the sender chose. Nothing happens without one.
    public func setPictureID(_ id: UInt16, inPayloadAt offset: Int, of packet: inout MutableRawSpan) {
        guard pictureID != nil else { return }
        if hasLongPictureID {
            packet.store(id | 0x8000, at: offset + pictureIDOffset)
        } else {
            packet.store(UInt8(truncatingIfNeeded: id) & 0x7F, at: offset + pictureIDOffset)
        }
    }

    /// Overwrites TL0PICIDX. Nothing happens without one.
    public func setBaseLayerIndex(_ index: UInt8, inPayloadAt offset: Int, of packet: inout MutableRawSpan) {
        guard baseLayerIndex != nil else { return }
        packet.store(index, at: offset + baseLayerOffset)
    }
}
