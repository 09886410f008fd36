import RTP
import Wire

/// A media section that a peer sends on, and who subscribes to it.
struct Publisher: ~Copyable {
    let endpoint: Int32
    let mid: String
    let kind: MediaKind
    private(set) var parameters: RTPParameters
    private(set) var formats: [Format] = []
    /// The id of the extension that carries the mid; 0 without.
    private(set) var midExtensionID: UInt8 = 0
    var stream = IncomingStream()
    /// SSRCs that the stream had before, oldest first, at most ``Limits/unsignalledSSRCs``.
    private(set) var formerSSRCs: [UInt32] = []
    /// Slots of subscribers, in the order in which they came.
    var subscribers: [Int32] = []
    var isFlowing = false
    var firSequence: UInt8 = 0

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
        formats = parameters.codecs.prefix(Limits.codecsPerSection).map { codec in
            Format(
                payloadType: codec.payloadType & 0x7F, rtxPayloadType: codec.rtxPayloadType ?? Format.none,
                codec: Codec(name: codec.name), clockRate: max(codec.clockRate, 1),
                takesNack: codec.hasFeedback("nack"), takesPLI: codec.hasFeedback("nack pli"),
                takesFIR: codec.hasFeedback("ccm fir"))
        }
        midExtensionID = parameters.extensionID(HeaderExtensionURI.mid)
    }

    /// Whom feedback about the stream names: its SSRC, before the first packet the announced one.
    var feedbackSSRC: UInt32? { stream.isActive ? stream.ssrc : parameters.encodings.first?.ssrc }

    /// A key frame can be asked for at all.
    var takesKeyFrameRequests: Bool { formats.contains { $0.takesPLI || $0.takesFIR } }

    var takesPLI: Bool { formats.contains { $0.takesPLI } }

    /// The stream goes on with packets of this SSRC.
    mutating func begin(_ ssrc: UInt32, source: UInt64, _ format: Format) {
        if stream.isActive, stream.ssrc != ssrc, !formerSSRCs.contains(stream.ssrc) {
            if formerSSRCs.count == Limits.unsignalledSSRCs { formerSSRCs.removeFirst() }
            formerSSRCs.append(stream.ssrc)
        }
        stream.begin(
            ssrc: ssrc, source: source, clockRate: format.clockRate,
            asksForLostPackets: kind == .video && format.takesNack)
    }

    /// The RTX stream, where signalling says what it repairs, repairs the current stream.
    func isRepaired(by rtxSSRC: UInt32) -> Bool {
        for encoding in parameters.encodings where encoding.rtxSSRC == rtxSSRC {
            return encoding.ssrc == nil || encoding.ssrc == stream.ssrc
        }
        return true
    }

    /// The bytes are the section's mid.
    func isNamed(_ bytes: RawSpan) -> Bool {
        guard mid.utf8.count == bytes.byteCount else { return false }
        var offset = 0
        for byte in mid.utf8 {
            if bytes.uint8(at: offset) != byte { return false }
            offset += 1
        }
        return true
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

extension RTPParameters {
    /// The id that was negotiated for a header extension; 0 when it was not.
    func extensionID(_ uri: String) -> UInt8 { headerExtensions.first { $0.uri == uri }?.id ?? 0 }
}
