import RTP
public import Wire

/// Cuts the frames of one stream into RTP payloads.
///
/// The owner has the headers: sequence numbers, and timestamps, which are the frame's plus ``PacketPayload/offset``.
/// Frames come in the order of their timestamps.
public struct Packetizer: Sendable {
    public let format: PayloadFormat
    /// The most bytes of one payload, descriptor included.
    public let payloadLength: Int
    /// H.264: what is put before an IDR picture that comes without parameter sets of its own.
    public private(set) var parameterSets = NALUnits()
    /// VP8 and VP9: of the next picture, 15 bits.
    var pictureID: UInt16
    /// TL0PICIDX of the newest picture of the base layer.
    var baseLayerIndex: UInt8
    /// Audio: a talkspurt has.
    var hasBegun = false

    /// - Parameters:
    ///   - payloadLength: at least ``Limits/minimumPayloadLength``, which smaller values count as.
    ///   - random: draws the first picture ID: receivers tell streams apart by it (RFC 7741 section 4.2).
    public init(
        _ format: PayloadFormat, payloadLength: Int = Limits.payloadLength, random: inout SeededRandom
    ) {
        self.format = format
        self.payloadLength = min(max(payloadLength, Limits.minimumPayloadLength), RTP.Limits.packetLength)
        let number = random.next()
        pictureID = UInt16(truncatingIfNeeded: number) & 0x7FFF
        baseLayerIndex = UInt8(truncatingIfNeeded: number >> 16)
    }

    /// H.264: parameter sets that came beside the stream, e.g. in ``AVCConfiguration``. Other units are ignored. Sets
    /// that frames bring replace them.
    public mutating func setParameterSets(_ sets: NALUnits) { parameterSets = sets.parameterSets }

    /// The payloads of one frame, in the form that ``EncodedFrame/bytes`` describes.
    ///
    /// - Parameter layer: the temporal layer that the encoder says, for VP8; nil when there is but one.
    /// - Throws: `truncated` for an empty frame, `overLimit` for one that is longer than ``Limits/frameLength`` or, for
    ///   Opus, than a payload, `badHeader` for a frame that is not of this format.
    public mutating func packetize(
        _ frame: [UInt8], layer: TemporalLayer? = nil
    ) throws(ParseError) -> [PacketPayload] {
        guard !frame.isEmpty else { throw .truncated }
        guard frame.count <= Limits.frameLength else { throw .overLimit }
        switch format {
        case .vp8: return packetizeVP8(frame, layer: layer)
        case .vp9: return try packetizeVP9(frame)
        case .h264: return try packetize(NALUnits(annexB: frame))
        case .opus: return try packetizeOpus(frame)
        case .pcmu, .pcma: return packetizeSamples(frame)
        }
    }

    /// The payloads of one access unit of H.264.
    ///
    /// Throws `truncated` without a unit, `overLimit` for more bytes than ``Limits/frameLength``, `badHeader` in
    /// another format.
    public mutating func packetize(_ accessUnit: NALUnits) throws(ParseError) -> [PacketPayload] {
        guard format == .h264 else { throw .badHeader }
        guard !accessUnit.units.isEmpty else { throw .truncated }
        guard accessUnit.units.reduce(0, { $0 + $1.count }) <= Limits.frameLength else { throw .overLimit }
        return packetizeH264(completed(accessUnit).units)
    }

    /// With parameter sets before an IDR picture (RFC 6184 section 8.4), and remembers those that are there.
    private mutating func completed(_ accessUnit: NALUnits) -> NALUnits {
        let own = accessUnit.parameterSets
        if !own.units(ofType: NALUnitType.sps).isEmpty, own.units.allSatisfy({ $0.count <= Limits.parameterSetLength }),
            own.units.count <= 2 * Limits.parameterSets
        {
            parameterSets = own
            return accessUnit
        }
        guard accessUnit.isKeyFrame, own.units.isEmpty else { return accessUnit }
        return accessUnit.inserting(parameterSets)
    }

    /// Cuts `bytes` into as few pieces of at most `length` as there can be, all as long as the others or a byte
    /// shorter: packets of one size leave in one train, and none is so short that its header is most of it.
    static func pieces(of bytes: Range<Int>, length: Int) -> [Range<Int>] {
        let count = (bytes.count + length - 1) / length
        guard count > 1 else { return [bytes] }
        let (size, longer) = bytes.count.quotientAndRemainder(dividingBy: count)
        var start = bytes.lowerBound
        return (0..<count).map { index in
            let end = start + size + (index < longer ? 1 : 0)
            defer { start = end }
            return start..<end
        }
    }
}

/// What one RTP packet of a frame carries.
public struct PacketPayload: Hashable, Sendable {
    public var bytes: [UInt8]
    /// The header's marker: the last packet of a picture, the first of a talkspurt (RFC 3551 section 4.1).
    public var marker: Bool
    /// Ticks to add to the frame's timestamp: 0, but for audio that is cut into several packets.
    public var offset: UInt32

    public init(bytes: [UInt8], marker: Bool, offset: UInt32 = 0) {
        self.bytes = bytes
        self.marker = marker
        self.offset = offset
    }
}

/// Where an encoder puts a picture among its temporal layers (RFC 7741 section 4.2).
public struct TemporalLayer: Hashable, Sendable, BitwiseCopyable {
    /// TID, 0...3.
    public var index: UInt8
    /// Y: the picture builds on the base layer alone.
    public var isSync: Bool
    /// N: no other picture builds on it.
    public var isNonReference: Bool

    public init(index: UInt8, isSync: Bool = false, isNonReference: Bool = false) {
        self.index = min(index, 3)
        self.isSync = isSync
        self.isNonReference = isNonReference
    }
}
