import RTP
import Wire

/// One RTP stream that a peer sends, with the RTX stream that repairs it: a publisher's only one, or one of
/// its simulcast encodings.
struct IncomingStream: ~Copyable {
    /// The publisher's slot.
    let publisher: Int32
    /// What was negotiated about it.
    var encoding: EncodingParameters
    /// Of the media packets. Meaningful once ``source`` is not 0.
    private(set) var ssrc: UInt32 = 0
    /// ``Forward/source`` of its packets; 0 before the first and after a BYE.
    private(set) var source: UInt64 = 0
    /// SSRCs that the stream had before, oldest first, at most ``Limits/unsignalledSSRCs``.
    private(set) var formerSSRCs: [UInt32] = []
    /// The format of the last media packet.
    var payloadType: UInt8 = 0
    var statistics = ReceiverStatistics(ssrc: 0, clockRate: 0)
    var nacks: NackGenerator?
    var keyFrames = KeyFrameRequests()
    var cache: RetransmissionCache?
    private var filter = SequenceFilter()
    private var asksForLostPackets = false
    /// To the sender and back; nil before it was measured.
    private var roundTripTime: Interval?
    /// The newest packet when the stream became wanted: later ones are in the cache.
    private var keptSince: Int64 = -1

    /// Subscribers that get it or wait for it, each counted for either. Without, the stream is idle: no
    /// cache, no NACK, no key-frame request.
    private(set) var users = 0
    /// Packets come, or have stopped only together with those of the other layers.
    var isAlive = false
    /// Whether its sender is to send it.
    var sending = EncodingSwitch()
    var size = LayerSize()
    var rates = LayerRates()
    var pictures = PictureCounter()
    var structures = StructureHistory()
    /// The last sender report of this source.
    var senderReport: ReportedTime?

    var lastPacket = Instant.origin
    var packets: UInt64 = 0
    /// Payload and padding, RTX included.
    var bytes: UInt64 = 0
    var fractionLost: UInt8 = 0
    var nackCount: UInt64 = 0
    var pliCount: UInt64 = 0
    var firCount: UInt64 = 0
    var firSequence: UInt8 = 0

    /// Which wall-clock time an RTP time is (RFC 3550 section 6.4.1).
    struct ReportedTime: BitwiseCopyable {
        var ntp: NTPTimestamp
        var rtpTimestamp: UInt32
    }

    init(publisher: Int32, encoding: EncodingParameters) {
        self.publisher = publisher
        self.encoding = encoding
    }

    var isActive: Bool { source != 0 }
    var isWanted: Bool { users > 0 }

    /// Whom feedback about the stream names: its SSRC, before the first packet the announced one.
    var feedbackSSRC: UInt32? { isActive ? ssrc : encoding.ssrc }

    /// Takes over for `ssrc`: its packets have nothing to do with those before.
    mutating func begin(ssrc: UInt32, source: UInt64, clockRate: UInt32, asksForLostPackets: Bool) {
        if isActive, self.ssrc != ssrc, !formerSSRCs.contains(self.ssrc) {
            if formerSSRCs.count == Limits.unsignalledSSRCs { formerSSRCs.removeFirst() }
            formerSSRCs.append(self.ssrc)
        }
        self.ssrc = ssrc
        self.source = source
        self.asksForLostPackets = asksForLostPackets
        filter = SequenceFilter()
        keptSince = -1
        statistics = ReceiverStatistics(ssrc: ssrc, clockRate: clockRate)
        nacks = asksForLostPackets && isWanted ? makeNacks() : nil
        pictures = PictureCounter()
        senderReport = nil
    }

    private func makeNacks() -> NackGenerator {
        var nacks = NackGenerator()
        if let roundTripTime { nacks.setRoundTripTime(roundTripTime) }
        return nacks
    }

    /// What spaces requests for lost packets.
    mutating func setRoundTripTime(_ roundTripTime: Interval) {
        self.roundTripTime = roundTripTime
        nacks?.setRoundTripTime(roundTripTime)
    }

    /// The sender left (RFC 3550 section 6.6): the next packet begins anew.
    mutating func end() {
        source = 0
        nacks = nil
        isAlive = false
    }

    mutating func retain() {
        users += 1
        if users == 1 { keptSince = filter.newest }
        if users == 1, isActive, asksForLostPackets { nacks = makeNacks() }
    }

    mutating func release() {
        users -= 1
        guard users == 0 else { return }
        nacks = nil
        cache = nil
        keyFrames.keyFrameArrived()
    }

    mutating func accept(_ number: SequenceNumber, isRecovered: Bool) -> SequenceFilter.Verdict {
        isRecovered ? filter.acceptRecovered(number) : filter.accept(number)
    }

    /// The packet has not come, so far; false where it is not to be expected any more.
    func isMissing(_ sequence: Int64) -> Bool { filter.isMissing(sequence) }

    /// A subscriber can start with the packet, if it is a key frame: it is near enough to the newest one, and
    /// what came in between is in the cache.
    func isRecent(_ sequence: Int64) -> Bool {
        sequence == filter.newest
            || (sequence > keptSince && isWanted && filter.newest - sequence <= Limits.lateKeyFrame)
    }

    /// Keeps the packet for retransmission; the first one makes room for all.
    mutating func keep(_ packet: RawSpan, _ forward: Forward) {
        if cache == nil { cache = RetransmissionCache() }
        cache?.store(packet, forward)
    }

    /// How the cached packet was described; nil when it is not there.
    func cached(_ sequence: Int64, source: UInt64) -> Forward? {
        switch cache {
        case .some(let cache): cache.find(sequence, source: source)
        case .none: nil
        }
    }
}

/// The stream's dependency structure and the one before it: packets that were described by either may
/// still be on their way to subscribers.
struct StructureHistory {
    private(set) var current: DependencyStructure?
    private var previous: DependencyStructure?
    private(set) var activeTargets: UInt32 = .max
    private var previousActiveTargets: UInt32 = .max
    /// Counts changes, modulo 256.
    private(set) var epoch: UInt8 = 0

    /// Reads a packet's descriptor and follows the structure or active targets that it brings.
    mutating func read(_ bytes: RawSpan) throws(ParseError) -> DependencyDescriptor {
        var structure = current
        let descriptor = try DependencyDescriptor(parsing: bytes, structure: &structure)
        guard descriptor.hasStructure || descriptor.activeTargets != nil else { return descriptor }
        let active = descriptor.activeTargets ?? structure?.allTargets ?? .max
        if descriptor.hasStructure || active != activeTargets {
            previous = current
            previousActiveTargets = activeTargets
            current = structure
            activeTargets = active
            epoch &+= 1
        }
        return descriptor
    }

    /// What answers a subscriber's wish by the structure that a packet was described by.
    func wish(spatial: UInt8, temporal: UInt8, epoch: UInt8) -> LayerWish {
        var wish = LayerWish(spatial: spatial, temporal: temporal)
        let isCurrent = epoch == self.epoch
        guard isCurrent || epoch == self.epoch &- 1, let structure = isCurrent ? current : previous else {
            return wish
        }
        let active = (isCurrent ? activeTargets : previousActiveTargets) & structure.allTargets
        let target = structure.bestTarget(spatial: spatial, temporal: temporal, active: active)
        wish.target = UInt8(target)
        wish.targetSpatial = structure.layers(ofTarget: target).spatial
        wish.activeTargets = structure.targets(within: target) & active
        wish.allTargets = active
        return wish
    }
}
