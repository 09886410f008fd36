import RTP
import Wire

/// A media section that we send to a peer on, and what feeds it.
struct Subscriber: ~Copyable {
    let endpoint: Int32
    let mid: String
    let kind: MediaKind
    private(set) var parameters: RTPParameters
    /// Where the rewriting state lies.
    let rewriter: SlabHandle
    /// Slot of the publisher; -1 without.
    var publisher: Int32 = -1

    private(set) var formats: [FormatMapping] = []
    private(set) var extensions: [ExtensionMapping] = []
    private(set) var midValue: HeaderExtensionValue?
    private(set) var midExtensionID: UInt8 = 0
    private(set) var sendTimeExtensionID: UInt8 = 0
    /// Some id above 14 is in use, which takes the two-byte form (RFC 8285 section 4.3).
    private(set) var usesLargeIDs = false

    var isFlowing = false
    var lastSent = Instant.origin
    var senderReport: PendingReport?
    /// The last two sender reports: what the peer will name as LSR, and when each went out.
    private(set) var sentReports = InlineArray<2, SentReport>(repeating: SentReport())
    var throttle = RetransmissionThrottle()
    var roundTripTime: Interval?
    var packetsLost: Int32 = 0
    var fractionLost: UInt8 = 0
    var packetsRetransmitted: UInt64 = 0
    var nackCount: UInt64 = 0
    var pliCount: UInt64 = 0
    var firCount: UInt64 = 0
    var lastFIRSequence: Int16 = -1

    /// The publisher's payload type and what the peer calls the same format.
    struct FormatMapping: Hashable, BitwiseCopyable {
        var input: UInt8
        var output: UInt8
        /// ``Publisher/Format/none`` without RTX.
        var rtx: UInt8
        var clockRate: UInt32
        var hasKeyFrames: Bool
    }

    /// A header extension's id at the publisher and here.
    struct ExtensionMapping: Hashable, BitwiseCopyable {
        var input: UInt8
        var output: UInt8
    }

    /// The publisher's sender report, to be passed on.
    struct PendingReport: BitwiseCopyable {
        var ntp: NTPTimestamp
        var rtpTimestamp: UInt32
    }

    struct SentReport: BitwiseCopyable {
        var middle: UInt32 = 0
        var instant = Instant.origin
    }

    init(endpoint: Int32, mid: String, kind: MediaKind, parameters: RTPParameters, rewriter: SlabHandle) {
        self.endpoint = endpoint
        self.mid = mid
        self.kind = kind
        self.parameters = parameters
        self.rewriter = rewriter
        update(parameters)
    }

    mutating func update(_ parameters: RTPParameters) {
        self.parameters = parameters
        midExtensionID = parameters.extensionID(HeaderExtensionURI.mid)
        midValue = midExtensionID == 0 ? nil : HeaderExtensionValue(mid)
        sendTimeExtensionID = parameters.extensionID(HeaderExtensionURI.absoluteSendTime)
    }

    /// Extensions that mean the same to the next peer. Not among them: mid and send time, which are
    /// written afresh; rid, which names the inbound leg's encodings; the transport-wide number, which
    /// counts the inbound transport's packets.
    private static let passedExtensions = [
        HeaderExtensionURI.audioLevel, HeaderExtensionURI.videoOrientation, HeaderExtensionURI.playoutDelay,
        HeaderExtensionURI.dependencyDescriptor,
    ]

    /// Works out what becomes of the publisher's formats and extensions; true when that is new.
    mutating func map(from source: RTPParameters) -> Bool {
        let before = (formats, extensions)
        formats = source.codecs.prefix(Limits.codecsPerSection).compactMap { codec in
            guard let match = codec.match(in: parameters.codecs) else { return nil }
            return FormatMapping(
                input: codec.payloadType & 0x7F, output: match.payloadType & 0x7F,
                rtx: match.rtxPayloadType ?? Publisher.Format.none, clockRate: max(codec.clockRate, 1),
                hasKeyFrames: kind == .video && Codec(name: codec.name).hasKeyFrames)
        }
        extensions = Self.passedExtensions.compactMap { uri in
            let input = source.extensionID(uri)
            let output = parameters.extensionID(uri)
            return input != 0 && output != 0 ? ExtensionMapping(input: input, output: output) : nil
        }
        usesLargeIDs = max(midExtensionID, sendTimeExtensionID) > 14 || extensions.contains { $0.output > 14 }
        return before != (formats, extensions)
    }

    mutating func unmap() {
        formats = []
        extensions = []
        senderReport = nil
    }

    func format(of payloadType: UInt8) -> FormatMapping? {
        for index in formats.indices where formats[index].input == payloadType { return formats[index] }
        return nil
    }

    /// The id here of the publisher's extension `id`; 0 when it is not passed on.
    func extensionID(of id: UInt8) -> UInt8 {
        for index in extensions.indices where extensions[index].input == id { return extensions[index].output }
        return 0
    }

    mutating func noteSentReport(_ ntp: NTPTimestamp, now: Instant) {
        sentReports[0] = sentReports[1]
        sentReports[1] = SentReport(middle: ntp.middle, instant: now)
    }

    /// Takes the peer's report about this stream. The round trip is ours to measure by when the named
    /// SR went out: its NTP time is the publisher's (RFC 3550 section 6.4.1).
    mutating func receive(_ block: ReportBlock, now: Instant) {
        packetsLost = block.cumulativeLost
        fractionLost = block.fractionLost
        guard block.lastSenderReport != 0 else { return }
        for index in 0..<2 where sentReports[index].middle == block.lastSenderReport {
            let elapsed = now - sentReports[index].instant - Interval(ntpShort: block.delaySinceLastSenderReport)
            if elapsed.nanoseconds >= 0 { roundTripTime = elapsed }
        }
    }
}
