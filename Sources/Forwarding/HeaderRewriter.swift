import RTP
import Wire

/// Makes one continuous RTP stream of whatever feeds a subscriber: own SSRC, sequence numbers without
/// a seam and timestamps that go on with the clock when the source changes.
///
/// Plain data, kept in memory that a successor process can take over: it goes on where this one
/// stopped. Order and gaps of the input are kept, so that the receiver sees real loss and asks for it.
struct HeaderRewriter: BitwiseCopyable {
    /// Whose stream this is; a successor finds the record by it.
    var endpoint: Int32
    var ssrc: UInt32
    var rtxSSRC: UInt32
    /// ``Forward/source`` of what feeds the stream now; 0 when the next packet starts afresh.
    var source: UInt64 = 0
    /// Output sequence number = input sequence number + this.
    var sequenceOffset: Int64 = 0
    /// Input older than this came before the stream switched to the source.
    var firstSequence: Int64 = 0
    var timestampOffset: UInt32 = 0
    /// Newest output, extended to 64 bits; the first packet gets the number after it.
    var newestSequence: Int64
    var newestTimestamp: UInt32
    /// When `newestSequence` went out.
    var newestInstant = Instant.origin
    var rtxSequence: UInt16
    var isStarted = false
    /// Sender's counts (RFC 3550 section 6.4.1): packets, and octets of payload.
    var packets: UInt64 = 0
    var octets: UInt64 = 0

    /// What a packet becomes.
    struct Position: BitwiseCopyable {
        var sequence: Int64
        var timestamp: UInt32
    }

    init(endpoint: Int32, ssrc: UInt32, rtxSSRC: UInt32, random: inout SeededRandom) {
        self.endpoint = endpoint
        self.ssrc = ssrc
        self.rtxSSRC = rtxSSRC
        // RFC 3550 section 5.1: both start at random. The sequence number starts in the lower half so
        // that it does not wrap among the first packets (RFC 3711 section 3.3.1 on losing those).
        newestSequence = 0x1_0000 + Int64(random.next() & 0x7FFF)
        newestTimestamp = UInt32(truncatingIfNeeded: random.next())
        rtxSequence = UInt16(truncatingIfNeeded: random.next() & 0x7FFF)
    }

    /// The next packet starts afresh, right after the newest one.
    mutating func forgetSource() { source = 0 }

    /// What already went out is not sent again, and older input no longer follows.
    mutating func seal() { firstSequence = newestSequence - sequenceOffset + 1 }

    /// The place of a packet in the output, moving the stream to the packet's source when that changed.
    ///
    /// - Parameter waitsForKeyFrame: after a change of source only a key frame starts the output.
    mutating func place(
        _ forward: Forward, clockRate: UInt32, waitsForKeyFrame: Bool, now: Instant
    ) throws(DropReason) -> Position {
        if source != forward.source {
            guard forward.isKeyFrame || !waitsForKeyFrame else { throw .waitingForKeyFrame }
            anchor(forward, clockRate: clockRate, now: now)
        }
        guard let position = position(of: forward) else { throw .staleSource }
        if position.sequence > newestSequence {
            newestSequence = position.sequence
            newestTimestamp = position.timestamp
            newestInstant = now
        }
        packets &+= 1
        octets &+= UInt64(forward.payloadRange.count)
        return position
    }

    /// Where a packet of the current source went, or would have gone; nil when it is not of this source.
    func position(of forward: Forward) -> Position? {
        guard forward.source == source, forward.sequence >= firstSequence else { return nil }
        return Position(
            sequence: forward.sequence + sequenceOffset, timestamp: forward.header.timestamp &+ timestampOffset)
    }

    /// The source's sequence number behind an output sequence number that a peer names in feedback;
    /// nil when it belongs to a former source or lies ahead.
    func sourceSequence(ofOutput number: SequenceNumber) -> Int64? {
        guard source != 0 else { return nil }
        let newest = SequenceNumber(UInt16(truncatingIfNeeded: newestSequence))
        let output = newestSequence + Int64(number.distance(from: newest))
        guard output <= newestSequence else { return nil }
        let input = output - sequenceOffset
        return input >= firstSequence ? input : nil
    }

    private mutating func anchor(_ forward: Forward, clockRate: UInt32, now: Instant) {
        let timestamp = isStarted ? newestTimestamp &+ Self.ticks(now - newestInstant, clockRate) : newestTimestamp
        source = forward.source
        firstSequence = forward.sequence
        sequenceOffset = newestSequence + 1 - forward.sequence
        timestampOffset = timestamp &- forward.header.timestamp
        isStarted = true
    }

    /// RTP clock ticks in `elapsed`, at least one so that two frames never share a timestamp, and at
    /// most an hour's so that the receiver still sees a step forward (2^31 ticks at 90 kHz are 6.6 h).
    static func ticks(_ elapsed: Interval, _ clockRate: UInt32) -> UInt32 {
        let microseconds = min(max(elapsed.microseconds, 0), 3_600_000_000)
        let ticks = UInt64(microseconds) * UInt64(min(clockRate, 192_000)) / 1_000_000
        return max(1, UInt32(truncatingIfNeeded: ticks))
    }
}
