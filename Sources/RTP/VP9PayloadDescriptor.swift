public import Wire

/// The VP9 payload descriptor (RFC 9628 section 4.2).
public struct VP9PayloadDescriptor: Hashable, Sendable, BitwiseCopyable {
    /// P: the frame depends on earlier pictures.
    public var isInterPredicted: Bool
    /// F: references are named in every packet.
    public var isFlexible: Bool
    /// B and E: the packet begins, or ends, a layer frame.
    public var beginsFrame: Bool
    public var endsFrame: Bool
    /// Z: no frame of a higher spatial layer refers to this one.
    public var isNotReferencedAbove: Bool
    /// 7 or 15 bits, see ``hasLongPictureID``.
    public var pictureID: UInt16?
    public var hasLongPictureID = false
    /// L: the layer indices are there; without them, both layers are 0.
    public var hasLayers: Bool
    /// TID, 0...7.
    public var temporalLayer: UInt8 = 0
    /// U: pictures of higher temporal layers from here on need none from before.
    public var isSwitchingPoint = false
    /// SID, 0...7.
    public var spatialLayer: UInt8 = 0
    /// D: the frame depends on the layer below in the same picture.
    public var dependsOnLayerBelow = false
    /// TL0PICIDX; not in flexible mode.
    public var baseLayerIndex: UInt8?
    /// Pictures that the frame refers to in flexible mode: bit d-1 is the picture d before.
    public var references: UInt64 = 0
    /// Width times height of the largest layer that the scalability structure describes; 0 without.
    public var pixels: UInt32 = 0
    /// Bytes before the VP9 payload.
    public var length: Int
    private var pictureIDOffset: UInt8 = 1
    private var baseLayerOffset: UInt8 = 0
    private var sizesOffset: UInt8 = 0
    /// Spatial layers that the scalability structure tells the sizes of, from the lowest.
    public private(set) var sizedLayers: UInt8 = 0

    /// Throws `truncated` when the descriptor is cut off or nothing follows it, `badValue` when it refers
    /// to the picture itself or to more than three pictures.
    public init(parsing payload: RawSpan) throws(ParseError) {
        var reader = ByteReader(payload)
        let first = try reader.readUInt8()
        isInterPredicted = first & 0x40 != 0
        hasLayers = first & 0x20 != 0
        isFlexible = first & 0x10 != 0
        beginsFrame = first & 0x08 != 0
        endsFrame = first & 0x04 != 0
        isNotReferencedAbove = first & 0x01 != 0
        length = 0
        if first & 0x80 != 0 {
            let high = try reader.readUInt8()
            hasLongPictureID = high & 0x80 != 0
            pictureID = hasLongPictureID ? UInt16(high & 0x7F) << 8 | UInt16(try reader.readUInt8()) : UInt16(high)
        }
        if hasLayers {
            let indices = try reader.readUInt8()
            temporalLayer = indices >> 5
            isSwitchingPoint = indices & 0x10 != 0
            spatialLayer = indices >> 1 & 0x07
            dependsOnLayerBelow = indices & 0x01 != 0
            if !isFlexible {
                baseLayerOffset = UInt8(reader.offset)
                baseLayerIndex = try reader.readUInt8()
            }
        }
        if isFlexible, isInterPredicted {
            var more = true
            var count = 0
            while more {
                let difference = try reader.readUInt8()
                count += 1
                guard difference >> 1 > 0, count <= Self.referencesPerFrame else { throw .badValue }
                let step = UInt64(difference >> 1)
                // Further back than is remembered counts as the furthest that is.
                references |= 1 << (min(step, 64) - 1)
                more = difference & 0x01 != 0
            }
        }
        if first & 0x02 != 0 { try readStructure(&reader) }
        length = reader.offset
        guard !reader.isAtEnd else { throw .truncated }
    }

    /// Section 4.2: a frame names at most three pictures.
    private static let referencesPerFrame = 3

    /// The scalability structure (section 4.2.1).
    private mutating func readStructure(_ reader: inout ByteReader) throws(ParseError) {
        let flags = try reader.readUInt8()
        if flags & 0x10 != 0 {
            sizesOffset = UInt8(reader.offset)
            sizedLayers = flags >> 5 + 1
            for _ in 0...(flags >> 5) {
                let width = UInt32(try reader.readUInt16())
                pixels = max(pixels, width * UInt32(try reader.readUInt16()))
            }
        }
        guard flags & 0x08 != 0 else { return }
        for _ in 0..<(try reader.readUInt8()) {
            let picture = try reader.readUInt8()
            try reader.skip(Int(picture >> 2 & 0x03))
        }
    }

    /// The first packet of a picture that a decoder can start with: not inter-picture predicted, and of
    /// the lowest spatial layer, since higher layers of a key picture build on it.
    public var isKeyPictureStart: Bool { !isInterPredicted && beginsFrame && spatialLayer == 0 }

    /// Where the picture id lies in the payload; meaningful with one.
    public var pictureIDRange: Range<Int> { Int(pictureIDOffset)..<(Int(pictureIDOffset) + (hasLongPictureID ? 2 : 1)) }

    /// Where width and height of a spatial layer lie in the payload, 16 bits each; nil when they are not told.
    public func sizeRange(ofSpatialLayer layer: UInt8) -> Range<Int>? {
        guard layer < sizedLayers else { return nil }
        let start = Int(sizesOffset) + Int(layer) * 4
        return start..<(start + 4)
    }

    /// Where TL0PICIDX lies in the payload; 0 without one.
    public var baseLayerPosition: Int { Int(baseLayerOffset) }
}
