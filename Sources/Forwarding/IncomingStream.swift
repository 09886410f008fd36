import RTP
import Wire

/// One RTP stream that a peer sends, with the RTX stream that repairs it.
///
/// A publisher has one; simulcast will give it one per layer.
struct IncomingStream: ~Copyable {
    /// Of the media packets. Meaningful once ``source`` is not 0.
    private(set) var ssrc: UInt32 = 0
    /// ``Forward/source`` of its packets; 0 before the first and after a BYE.
    private(set) var source: UInt64 = 0
    /// The format of the last media packet.
    var payloadType: UInt8 = 0
    var statistics = ReceiverStatistics(ssrc: 0, clockRate: 0)
    var nacks: NackGenerator?
    var keyFrames = KeyFrameRequests()
    var cache: RetransmissionCache?
    private var filter = SequenceFilter()

    var lastPacket = Instant.origin
    var packets: UInt64 = 0
    /// Payload and padding, RTX included.
    var bytes: UInt64 = 0
    var fractionLost: UInt8 = 0
    var nackCount: UInt64 = 0
    var pliCount: UInt64 = 0
    var firCount: UInt64 = 0

    var isActive: Bool { source != 0 }

    /// Takes over for `ssrc`: its packets have nothing to do with those before.
    mutating func begin(ssrc: UInt32, source: UInt64, clockRate: UInt32, asksForLostPackets: Bool) {
        self.ssrc = ssrc
        self.source = source
        filter = SequenceFilter()
        statistics = ReceiverStatistics(ssrc: ssrc, clockRate: clockRate)
        nacks = asksForLostPackets ? NackGenerator() : nil
    }

    /// The sender left (RFC 3550 section 6.6): the next packet begins anew.
    mutating func end() {
        source = 0
        nacks = nil
    }

    mutating func accept(_ number: SequenceNumber, isRecovered: Bool) -> SequenceFilter.Verdict {
        isRecovered ? filter.acceptRecovered(number) : filter.accept(number)
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
