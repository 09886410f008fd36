import RTP
public import Wire

/// Reads RTP payloads of one format: what each is of its frame. ``FrameAssembler`` puts frames together.
public struct Depacketizer: Hashable, Sendable, BitwiseCopyable {
    public let format: PayloadFormat

    public init(_ format: PayloadFormat) { self.format = format }

    /// What the payload is, without padding; an empty one is no part of a frame, though its number counts.
    ///
    /// - Parameter marker: the RTP header's. It ends a picture (RFC 7741 section 4.1, RFC 9628 section 4.1, RFC 6184
    ///   section 5.1).
    /// - Throws: `truncated` when a descriptor is cut off or nothing follows it, `badHeader` for the packets of H.264's
    ///   interleaved mode and undefined ones, `badLength` when aggregated units do not fill the payload, `badValue` as
    ///   `VP9PayloadDescriptor` says.
    public func part(of payload: RawSpan, marker: Bool) throws(ParseError) -> FramePart {
        guard payload.byteCount > 0 else { return .padding }
        switch format {
        case .vp8: return try vp8Part(of: payload, marker: marker)
        case .vp9: return try vp9Part(of: payload, marker: marker)
        case .h264: return try h264Part(of: payload, marker: marker)
        case .opus, .pcmu, .pcma: return .whole
        }
    }

    private func vp8Part(of payload: RawSpan, marker: Bool) throws(ParseError) -> FramePart {
        let descriptor = try VP8PayloadDescriptor(parsing: payload)
        let isKey = descriptor.isKeyFrameStart
        var part = FramePart(
            startsFrame: descriptor.startsPartition && descriptor.partition == 0, endsFrame: marker,
            startsKeyFrame: isKey, contents: isKey ? [.intra, .picture] : .picture)
        part.pictureID = descriptor.pictureID.map { .init(number: $0, isLong: descriptor.hasLongPictureID) }
        part.size = FrameSize(width: Int(descriptor.width), height: Int(descriptor.height))
        return part
    }

    /// A picture is the frames of all spatial layers; the lowest begins it, and the marker, not E, ends it.
    private func vp9Part(of payload: RawSpan, marker: Bool) throws(ParseError) -> FramePart {
        let descriptor = try VP9PayloadDescriptor(parsing: payload)
        let isKey = descriptor.isKeyPictureStart
        var part = FramePart(
            startsFrame: descriptor.beginsFrame && descriptor.spatialLayer == 0, endsFrame: marker,
            startsKeyFrame: isKey, contents: isKey ? [.intra, .picture] : .picture)
        part.pictureID = descriptor.pictureID.map { .init(number: $0, isLong: descriptor.hasLongPictureID) }
        part.spatialLayer = descriptor.spatialLayer
        if isKey { part.size = FrameSize(vp9Frame: payload.extracting(descriptor.length..<payload.byteCount)) }
        return part
    }

    private func h264Part(of payload: RawSpan, marker: Bool) throws(ParseError) -> FramePart {
        var part = FramePart(startsFrame: false, endsFrame: marker, startsKeyFrame: false, contents: [])
        switch payload.uint8(at: 0) & 0x1F {
        case 1...23:
            part.note(unit: payload, isFirst: true)
        case NALUnitType.stapA:
            var reader = ByteReader(payload)
            try reader.skip(1)
            var isFirst = true
            repeat {
                let length = Int(try reader.readUInt16())
                guard length > 0, length <= reader.remaining else { throw .badLength }
                part.note(unit: try reader.readBytes(length), isFirst: isFirst)
                isFirst = false
            } while !reader.isAtEnd
        case NALUnitType.fuA:
            guard payload.byteCount > 2 else { throw .truncated }
            let header = payload.uint8(at: 1)
            guard 1...23 ~= header & 0x1F else { throw .badHeader }
            part.note(
                type: header & 0x1F, second: header & 0x80 != 0 ? payload.uint8(at: 2) : nil,
                isFirst: header & 0x80 != 0)
        default:
            throw .badHeader
        }
        part.startsKeyFrame = part.startsFrame && format.codec.isKeyFrameStart(payload)
        return part
    }
}

extension FramePart {
    fileprivate mutating func note(unit: RawSpan, isFirst: Bool) {
        let type = unit.uint8(at: 0) & 0x1F
        note(type: type, second: unit.byteCount > 1 ? unit.uint8(at: 1) : nil, isFirst: isFirst)
        if type == NALUnitType.sps, let set = try? SequenceParameterSet(parsing: unit) { size = set.size }
    }

    /// `second` is the byte behind a unit's header; nil inside a fragmented unit.
    fileprivate mutating func note(type: UInt8, second: UInt8?, isFirst: Bool) {
        if type == NALUnitType.sps { contents.insert(.sequenceParameters) }
        if type == NALUnitType.idr { contents.insert(.intra) }
        if NALUnitType.isSlice(type) { contents.insert(.picture) }
        guard isFirst else { return }
        // A slice begins its picture when first_mb_in_slice is 0, which ue(v) codes as a single 1 (H.264 section
        // 7.3.3). Parameter sets, SEI and delimiters come before the slices (section 7.4.1.2.3).
        startsFrame = NALUnitType.isSlice(type) ? (second ?? 0) & 0x80 != 0 : 6...9 ~= type
    }
}
