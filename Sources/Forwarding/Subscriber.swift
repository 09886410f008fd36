import Congestion
import RTP
import Wire

/// A stream that we send to a peer, and what feeds it: a sending media section, or one encoding of one.
struct Subscriber: ~Copyable {
    let endpoint: Int32
    let mid: String
    let kind: MediaKind
    /// Which of the endpoint's sending sections of its kind it belongs to.
    var section: Int
    /// The encoding that it carries as it is, where a section has several; -1 when it chooses.
    let pin: Int
    private(set) var parameters: RTPParameters
    /// Where the rewriting state lies.
    let rewriter: SlabHandle
    /// Slot of the publisher; -1 without.
    var publisher: Int32 = -1
    /// Slot of the stream that is sent, and of the one that is to be; -1 without. Set by the router, which
    /// counts the streams' users.
    var current: Int32 = -1
    var target: Int32 = -1
    /// The most that the peer wants: simulcast encoding or spatial layer, and temporal layer.
    var spatialLimit = RewritingSpan.all
    var temporalLimit = RewritingSpan.all
    /// Its turn among the endpoint's videos, and the pixels that it is shown with.
    var priority: UInt8 = 1
    var pixels = UInt32.max
    /// What answers that by the dependency structure of `wishSource` and `wishEpoch`.
    var wish = LayerWish()
    var wishSource: UInt64 = 0
    var wishEpoch: UInt8 = 0
    var history = SpanHistory()
    /// What the path to the peer has room for.
    var allowance = LayerAllowance()

    private var formats: [FormatMapping] = []
    /// The format found last: nearly always the next one too.
    private(set) var lastFormat = FormatMapping()
    private(set) var extensions = InlineArray<8, ExtensionMapping>(repeating: ExtensionMapping(input: 0, output: 0))
    private(set) var extensionCount = 0
    private(set) var midValue: HeaderExtensionValue?
    private(set) var ridValue: HeaderExtensionValue?
    private(set) var midExtensionID: UInt8 = 0
    private(set) var ridExtensionID: UInt8 = 0
    private(set) var repairedRidExtensionID: UInt8 = 0
    private(set) var sendTimeExtensionID: UInt8 = 0
    /// Packets are numbered across the transport, for its feedback; 0 without.
    private(set) var transportSequenceID: UInt8 = 0
    /// The peer reports on packets by SSRC and sequence number (RFC 8888).
    private(set) var hasPacketReports = false
    /// Some id above 14 is in use, which takes the two-byte form (RFC 8285 section 4.3).
    private(set) var usesLargeIDs = false

    var isFlowing = false
    var lastSent = Instant.origin
    /// The last two sender reports: what the peer will name as LSR, and when each went out.
    private(set) var sentReports = InlineArray<2, SentReport>(repeating: SentReport())
    var throttle = RetransmissionThrottle()
    var keyFrameBudget = KeyFrameBudget()
    var redundancyGate = RedundancyGate()
    private var keyFrame = SentKeyFrame()
    var roundTripTime: Interval?
    var packetsLost: Int32 = 0
    var fractionLost: UInt8 = 0
    var packetsRetransmitted: UInt64 = 0
    var nackCount: UInt64 = 0
    var pliCount: UInt64 = 0
    var firCount: UInt64 = 0
    var lastFIRSequence: Int16 = -1
    /// Judges whether the stream may go on (RFC 8083), by reports from one judgement to the next.
    var breaker = CircuitBreaker(now: .origin)
    private var judged: JudgedReport?
    /// When a report told last that more had arrived.
    private(set) var progressAt = Instant.origin

    /// The publisher's payload type and what the peer calls the same format.
    struct FormatMapping: Hashable, BitwiseCopyable {
        /// ``Publisher/Format/none`` in one that stands for nothing.
        var input = Publisher.Format.none
        var output: UInt8 = 0
        /// ``Publisher/Format/none`` without RTX.
        var rtx = Publisher.Format.none
        var clockRate: UInt32 = 1
        var hasKeyFrames = false
        /// B-frames are possible.
        var isReordered = false
    }

    /// A header extension's id at the publisher and here.
    struct ExtensionMapping: Hashable, BitwiseCopyable {
        var input: UInt8
        var output: UInt8
    }

    private struct JudgedReport: BitwiseCopyable {
        var instant: Instant
        var highestSequence: UInt32
        var cumulativeLost: Int32
    }

    /// The newest key frame that the peer was sent, by its first packet.
    private struct SentKeyFrame: BitwiseCopyable {
        var source: UInt64 = 0
        var sequence: Int64 = 0
        var timestamp: UInt32 = 0
        var sentAt = Instant.origin
    }

    struct SentReport: BitwiseCopyable {
        var middle: UInt32 = 0
        var instant = Instant.origin
    }

    init(
        endpoint: Int32, mid: String, kind: MediaKind, section: Int, pin: Int, parameters: RTPParameters,
        isRelay: Bool, rewriter: SlabHandle
    ) {
        self.endpoint = endpoint
        self.mid = mid
        self.kind = kind
        self.section = section
        self.pin = pin
        self.parameters = parameters
        self.rewriter = rewriter
        redundancyGate.isAlwaysOpen = isRelay
        update(parameters)
    }

    /// The encoding that names its SSRCs; nil when the router draws them.
    static func encoding(_ parameters: RTPParameters, pin: Int) -> EncodingParameters? {
        let index = max(pin, 0)
        return index < parameters.encodings.count ? parameters.encodings[index] : nil
    }

    mutating func update(_ parameters: RTPParameters) {
        self.parameters = parameters
        midExtensionID = parameters.extensionID(HeaderExtensionURI.mid)
        midValue = midExtensionID == 0 ? nil : HeaderExtensionValue(mid)
        sendTimeExtensionID = parameters.extensionID(HeaderExtensionURI.absoluteSendTime)
        let hasFeedback = parameters.codecs.contains { $0.hasFeedback(PacketFeedback.transportWide) }
        hasPacketReports = parameters.codecs.contains { $0.hasFeedback(PacketFeedback.congestionControl) }
        transportSequenceID = hasFeedback ? parameters.extensionID(HeaderExtensionURI.transportWideCC) : 0
        ridExtensionID = parameters.extensionID(HeaderExtensionURI.rid)
        repairedRidExtensionID = parameters.extensionID(HeaderExtensionURI.repairedRid)
        // Only where we send several encodings is there something to tell apart.
        let rid = pin >= 0 ? Self.encoding(parameters, pin: pin)?.rid : nil
        ridValue = rid.flatMap { HeaderExtensionValue($0) }
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
        let formatsBefore = formats
        formats = source.codecs.prefix(Limits.codecsPerSection).compactMap { codec in
            guard let match = codec.match(in: parameters.codecs.prefix(Limits.codecsPerSection)) else { return nil }
            let kind = Codec(name: codec.name)
            return FormatMapping(
                input: codec.payloadType & 0x7F, output: match.payloadType & 0x7F,
                rtx: match.rtxPayloadType ?? Publisher.Format.none, clockRate: max(codec.clockRate, 1),
                hasKeyFrames: self.kind == .video && kind.hasKeyFrames,
                isReordered: self.kind == .video && (kind == .h264 || kind == .other))
        }
        lastFormat = FormatMapping()
        var isNew = formats != formatsBefore
        var count = 0
        for uri in Self.passedExtensions {
            let mapping = ExtensionMapping(input: source.extensionID(uri), output: parameters.extensionID(uri))
            guard mapping.input != 0, mapping.output != 0 else { continue }
            isNew = isNew || count >= extensionCount || extensions[count] != mapping
            extensions[count] = mapping
            count += 1
        }
        isNew = isNew || count != extensionCount
        extensionCount = count
        let added = max(midExtensionID, sendTimeExtensionID, transportSequenceID)
        usesLargeIDs = max(added, ridExtensionID, repairedRidExtensionID) > 14
        for index in 0..<extensionCount where extensions[index].output > 14 { usesLargeIDs = true }
        return isNew
    }

    mutating func unmap() {
        formats = []
        lastFormat = FormatMapping()
        extensionCount = 0
    }

    mutating func format(of payloadType: UInt8) -> FormatMapping? {
        if lastFormat.input == payloadType { return lastFormat }
        for index in formats.indices where formats[index].input == payloadType {
            lastFormat = formats[index]
            return lastFormat
        }
        return nil
    }

    /// A packet of the format can carry a transport-wide number. Not one that would be repeated without RTX: that has
    /// to be the same byte for byte (RFC 3711 section 9.1), and the number is another for each time.
    func isNumbered(_ format: FormatMapping) -> Bool {
        transportSequenceID != 0 && (kind == .audio || format.rtx != Publisher.Format.none)
    }

    /// The same without remembering it.
    func knownFormat(of payloadType: UInt8) -> FormatMapping? { formats.first { $0.input == payloadType } }

    /// The packet's redundancy is for this peer: it knows the formats, and its path has use for it.
    @inline(__always)
    func takesRedundancy(of forward: Forward) -> Bool {
        guard let held = forward.redundancy, held.isUniform else { return false }
        return takesRedundancy(ofFormat: forward.payloadType) && knownFormat(of: held.payloadType) != nil
    }

    func takesRedundancy(ofFormat payloadType: UInt8) -> Bool {
        redundancyGate.isOpen && knownFormat(of: payloadType) != nil
    }

    /// The id here of the publisher's extension `id`; 0 when it is not passed on.
    func extensionID(of id: UInt8) -> UInt8 {
        for index in 0..<extensionCount where extensions[index].input == id { return extensions[index].output }
        return 0
    }

    /// A packet that begins a key frame goes out.
    mutating func noteKeyFrame(_ forward: Forward, now: Instant) {
        if keyFrame.source == forward.source {
            // Parameter sets and picture count as one; the first of them may come last.
            if keyFrame.timestamp == forward.header.timestamp {
                return keyFrame.sequence = min(keyFrame.sequence, forward.sequence)
            }
            guard forward.sequence > keyFrame.sequence else { return }
        }
        keyFrame = SentKeyFrame(
            source: forward.source, sequence: forward.sequence, timestamp: forward.header.timestamp, sentAt: now)
    }

    /// The packet belongs to a picture before the newest key frame: nothing that is to come needs it.
    func isSuperseded(_ forward: Forward) -> Bool {
        keyFrame.source == forward.source && forward.sequence < keyFrame.sequence
    }

    /// The packet, sent once more now, would come when its picture is not shown any more: too long after it was sent
    /// first, or when the peer shows a newer key frame already.
    ///
    /// - Parameter queueing: how long packets to the peer wait for its path before they leave at all.
    func isTooLate(_ forward: Forward, queueing: Interval, now: Instant) -> Bool {
        let roundTrip = min(roundTripTime ?? .zero, Limits.roundTripCeiling)
        let deadline = max(Limits.retransmissionDeadline, roundTrip * Limits.retransmissionRoundTrips)
        if now - forward.arrival > deadline + queueing { return true }
        return isSuperseded(forward) && now - keyFrame.sentAt >= max(Limits.keyFrameShown, roundTrip * 2) + queueing
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
        redundancyGate.note(fractionLost: block.fractionLost, now: now)
        guard block.lastSenderReport != 0 else { return }
        for index in 0..<2 where sentReports[index].middle == block.lastSenderReport {
            let elapsed = now - sentReports[index].instant - Interval(ntpShort: block.delaySinceLastSenderReport)
            if elapsed.nanoseconds >= 0 { roundTripTime = elapsed }
        }
    }

    /// The share lost since the report that was judged last; nil before the first and when it was just now. Peers
    /// report beside each NACK, too, and RFC 8083 counts intervals.
    mutating func loss(by block: ReportBlock, now: Instant) -> Double? {
        let latest = JudgedReport(
            instant: now, highestSequence: block.highestSequence, cumulativeLost: block.cumulativeLost)
        guard let before = judged else {
            judged = latest
            return nil
        }
        guard now - before.instant >= Limits.leastReportInterval else { return nil }
        judged = latest
        let expected = Double(Int32(bitPattern: latest.highestSequence &- before.highestSequence))
        guard expected > 0 else { return 0 }
        progressAt = now
        let lost = Double(latest.cumulativeLost) - Double(before.cumulativeLost)
        return min(max(lost / expected, 0), 1)
    }
}
