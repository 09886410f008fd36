import RTP
import Wire

/// A media section that a peer sends on: its streams, and who subscribes to them.
struct Publisher: ~Copyable {
    let endpoint: Int32
    let mid: String
    let kind: MediaKind
    private(set) var parameters: RTPParameters
    private(set) var formats: [Format] = []
    /// Ids of the extensions that carry mid, rid, the rid of a repaired stream, the dependency descriptor
    /// and the audio level; 0 without.
    private(set) var midExtensionID: UInt8 = 0
    private(set) var ridExtensionID: UInt8 = 0
    private(set) var repairedRidExtensionID: UInt8 = 0
    private(set) var dependenciesExtensionID: UInt8 = 0
    private(set) var audioLevelExtensionID: UInt8 = 0
    /// The peer is told of its packets by SSRC and sequence number (RFC 8888).
    private(set) var takesPacketReports = false
    /// Slots of its streams, in the order of the encodings; one without simulcast.
    private(set) var streams = InlineArray<4, Int32>(repeating: -1)
    private(set) var streamCount = 0
    /// Positions in ``streams``, the smallest layer first.
    private(set) var order: InlineArray<4, UInt8> = [0, 1, 2, 3]
    /// A timer looks for layers that stop.
    var isWatchingLayers = false
    /// When it is to be looked at again which encodings are wanted.
    var encodingsDue = Instant.distantFuture
    /// Bit i: encoding i is wanted; nil before anything was sent. And what of it the owner was told.
    var wantedEncodings: UInt8?
    var reportedEncodings: UInt8?
    /// Slots of subscribers, in the order in which they came.
    var subscribers: [Int32] = []
    var isFlowing = false
    /// What it sends now, as far as it was looked at, since when, and whether the owner has been told.
    var payloadTypeInUse = Format.none
    var codecChange = Instant.origin
    var isCodecReportDue = false
    /// What is said on it, for ``ActiveSpeaker``.
    var speech = SpeechActivity()

    /// A payload type that the peer may use.
    struct Format: BitwiseCopyable {
        var payloadType: UInt8
        /// Of the RTX format that repairs it; ``none`` without.
        var rtxPayloadType: UInt8
        var codec: Codec
        var clockRate: UInt32
        /// Feedback that the peer takes: generic NACK, PLI, FIR.
        var takesNack: Bool
        var takesPLI: Bool
        var takesFIR: Bool

        static let none: UInt8 = 0xFF
    }

    init(endpoint: Int32, mid: String, kind: MediaKind, parameters: RTPParameters) {
        self.endpoint = endpoint
        self.mid = mid
        self.kind = kind
        self.parameters = parameters
        update(parameters)
    }

    mutating func update(_ parameters: RTPParameters) {
        self.parameters = parameters
        payloadTypeInUse = Format.none
        formats = parameters.codecs.prefix(Limits.codecsPerSection).map { codec in
            Format(
                payloadType: codec.payloadType & 0x7F, rtxPayloadType: codec.rtxPayloadType ?? Format.none,
                codec: Codec(name: codec.name), clockRate: max(codec.clockRate, 1),
                takesNack: codec.hasFeedback("nack"), takesPLI: codec.hasFeedback("nack pli"),
                takesFIR: codec.hasFeedback("ccm fir"))
        }
        takesPacketReports = parameters.codecs.contains { $0.hasFeedback(PacketFeedback.congestionControl) }
        midExtensionID = parameters.extensionID(HeaderExtensionURI.mid)
        ridExtensionID = parameters.extensionID(HeaderExtensionURI.rid)
        repairedRidExtensionID = parameters.extensionID(HeaderExtensionURI.repairedRid)
        dependenciesExtensionID = kind == .video ? parameters.extensionID(HeaderExtensionURI.dependencyDescriptor) : 0
        audioLevelExtensionID = kind == .audio ? parameters.extensionID(HeaderExtensionURI.audioLevel) : 0
    }

    /// The encodings that become streams: at least one.
    static func encodings(of parameters: RTPParameters) -> [EncodingParameters] {
        parameters.encodings.isEmpty
            ? [EncodingParameters()] : Array(parameters.encodings.prefix(Limits.encodingsPerSection))
    }

    /// Takes the slots of its streams, one for each encoding.
    mutating func setStreams(_ slots: [Int32], _ encodings: [EncodingParameters]) {
        streamCount = min(slots.count, Limits.encodingsPerSection)
        reportedEncodings = nil
        for index in 0..<Limits.encodingsPerSection { streams[index] = index < streamCount ? slots[index] : -1 }
        order = [0, 1, 2, 3]
        let negotiated = RTPParameters(encodings: Array(encodings.prefix(streamCount)))
        for (rank, index) in negotiated.encodingsBySize.enumerated() { order[rank] = UInt8(index) }
    }

    /// Exchanges two layers that turned out to be in the wrong order.
    mutating func swapLayers(_ rank: Int) { order.swapAt(rank, rank + 1) }

    /// The slot of the stream with a rank, 0 the smallest.
    func stream(ofRank rank: Int) -> Int32 { streams[index(ofRank: rank)] }

    /// The position of that stream among the encodings.
    func index(ofRank rank: Int) -> Int { Int(order[rank]) }

    /// A key frame can be asked for at all.
    var takesKeyFrameRequests: Bool { formats.contains { $0.takesPLI || $0.takesFIR } }

    var takesPLI: Bool { formats.contains { $0.takesPLI } }

    /// The RTX stream, where signalling says what it repairs, repairs the stream.
    func isRepaired(by rtxSSRC: UInt32, ssrc: UInt32) -> Bool {
        for encoding in parameters.encodings where encoding.rtxSSRC == rtxSSRC {
            return encoding.ssrc == nil || encoding.ssrc == ssrc
        }
        return true
    }

    /// What it sends; of redundant audio, the first format that can be in it (RFC 2198).
    var codecInUse: CodecParameters? {
        let used = parameters.codecs.first { $0.payloadType & 0x7F == payloadTypeInUse }
        guard let used, Codec(name: used.name) == .red else { return used }
        return parameters.codecs.first { ![.red, .other].contains(Codec(name: $0.name)) }
    }

    /// The bytes are the section's mid.
    func isNamed(_ bytes: RawSpan) -> Bool { mid.isEqual(to: bytes) }

    /// The stream whose encoding has the rid; nil when there is none.
    func stream(ofRid bytes: RawSpan) -> Int32? {
        for index in 0..<streamCount {
            if let rid = parameters.encodings[index].rid, rid.isEqual(to: bytes) { return streams[index] }
        }
        return nil
    }

    /// The format of a payload type, and whether the type is that of its RTX.
    func format(of payloadType: UInt8) -> (format: Format, isRTX: Bool)? {
        for index in formats.indices {
            if formats[index].payloadType == payloadType { return (formats[index], false) }
            if formats[index].rtxPayloadType == payloadType { return (formats[index], true) }
        }
        return nil
    }
}

extension String {
    fileprivate func isEqual(to bytes: RawSpan) -> Bool {
        guard utf8.count == bytes.byteCount else { return false }
        var offset = 0
        for byte in utf8 {
            if bytes.uint8(at: offset) != byte { return false }
            offset += 1
        }
        return true
    }
}

extension RTPParameters {
    /// The id that was negotiated for a header extension; 0 when it was not.
    func extensionID(_ uri: String) -> UInt8 { headerExtensions.first { $0.uri == uri }?.id ?? 0 }
}
