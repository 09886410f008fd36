public import Wire

/// What a receiver counts about one source, for its report blocks (RFC 3550 section 6.4 and appendix A).
public struct ReceiverStatistics: Hashable, Sendable, BitwiseCopyable {
    public let ssrc: UInt32
    /// RTP clock in Hz.
    public let clockRate: UInt32
    /// Packets that came, duplicates included.
    public private(set) var received: UInt32 = 0
    private var base: UInt32 = 0
    /// Cycles in the high half, sequence number in the low.
    public private(set) var highestSequence: UInt32 = 0
    private var expectedPrior: UInt32 = 0
    private var receivedPrior: UInt32 = 0
    /// The number that would confirm a restart of the sender, or nil (A.1's `bad_seq`).
    private var restartCandidate: SequenceNumber?
    private var transit: UInt32 = 0
    /// Sixteen times the jitter, as A.8 keeps it.
    private var scaledJitter: UInt64 = 0
    private var lastReport: NTPTimestamp?
    private var lastReportArrival = Instant.origin

    public init(ssrc: UInt32, clockRate: UInt32) {
        self.ssrc = ssrc
        self.clockRate = clockRate
    }

    /// Counts a packet that passed authentication.
    ///
    /// A.1 without probation: SRTP already proved the source. False for a packet far out of sequence;
    /// two such in a row restart the count.
    @discardableResult
    public mutating func update(_ header: RTPHeader, arrival: Instant) -> Bool {
        let number = header.sequenceNumber
        guard received > 0 else {
            restart(at: number)
            received = 1
            updateJitter(header.timestamp, arrival: arrival, isFirst: true)
            return true
        }
        let newest = SequenceNumber(UInt16(truncatingIfNeeded: highestSequence))
        let step = number.distance(from: newest)
        var isFirst = false
        if step < -Limits.maximumMisorder || step > Limits.maximumDropout {
            guard restartCandidate == number else {
                restartCandidate = number.advanced(by: 1)
                return false
            }
            restart(at: number)
            isFirst = true
        } else if step > 0 {
            highestSequence &+= UInt32(step)
        }
        received &+= 1
        updateJitter(header.timestamp, arrival: arrival, isFirst: isFirst)
        return true
    }

    /// Remembers an SR of this source, for LSR and DLSR.
    public mutating func receive(_ report: SenderReport, now: Instant) {
        lastReport = report.ntp
        lastReportArrival = now
    }

    /// In RTP clock units.
    public var jitter: UInt32 { UInt32(clamping: scaledJitter >> 4) }

    /// Packets that should have come since the first.
    public var expected: UInt32 { received == 0 ? 0 : highestSequence &- base &+ 1 }

    /// Expected minus received, negative with duplicates, held to the 24 bits of the report (A.3).
    public var cumulativeLost: Int32 {
        min(max(Int32(bitPattern: expected &- received), -0x80_0000), 0x7F_FFFF)
    }

    /// The block for the next RR or SR; begins a new interval for the fraction lost (A.3).
    public mutating func makeReportBlock(now: Instant) -> ReportBlock {
        let expectedInterval = Int64(expected &- expectedPrior)
        let lostInterval = expectedInterval - Int64(received &- receivedPrior)
        expectedPrior = expected
        receivedPrior = received
        let fraction = expectedInterval > 0 && lostInterval > 0 ? (lostInterval << 8) / expectedInterval : 0
        return ReportBlock(
            ssrc: ssrc, fractionLost: UInt8(clamping: fraction), cumulativeLost: cumulativeLost,
            highestSequence: highestSequence, jitter: jitter, lastSenderReport: lastReport?.middle ?? 0,
            delaySinceLastSenderReport: lastReport == nil ? 0 : (now - lastReportArrival).ntpShort)
    }

    private mutating func restart(at number: SequenceNumber) {
        base = UInt32(number.rawValue)
        highestSequence = base
        received = 0
        expectedPrior = 0
        receivedPrior = 0
        restartCandidate = nil
    }

    /// A.8 in integers: the scaled estimate moves by the difference minus a sixteenth of itself, rounded.
    private mutating func updateJitter(_ timestamp: UInt32, arrival: Instant, isFirst: Bool) {
        let rate = UInt64(clockRate)
        let seconds = arrival.nanoseconds / 1_000_000_000
        let rest = arrival.nanoseconds % 1_000_000_000
        let ticks = UInt32(truncatingIfNeeded: (seconds &* rate) &+ (rest &* rate) / 1_000_000_000)
        let previous = transit
        transit = ticks &- timestamp
        guard !isFirst else { return }
        let difference = UInt64(Int32(bitPattern: transit &- previous).magnitude)
        scaledJitter = scaledJitter &+ difference &- ((scaledJitter &+ 8) >> 4)
    }
}
