public import Wire

/// Finds out what a path carries from what its far end says of the packets, and tells source and pacer what to send.
///
/// Sans-IO: the caller tells of packets (``sent(_:)``), feedback (``receive(_:scratch:now:)`` and its kin) and time
/// (``advance(to:)``, at ``deadline`` at the latest), and reads the rates afterwards. Nothing is allocated once it
/// exists, but for a history of sent packets that doubles, up to its bound, when the rate asks for it. All rates are
/// bit/s on the wire; the estimate stays within the configuration's bounds whatever a peer claims.
public struct CongestionController: Sendable {
    /// What it was made with.
    public let configuration: CongestionConfiguration
    // What each packet needs comes first, so that it lies together.
    private var history: SendHistory
    private var packetsSinceReport = 0
    // One of the two exists. Not an enum with payloads: changing a payload in place would copy it. GCC is kept apart:
    // it is not the default, and would double what every path keeps.
    private var gcc: [GoogleCongestionControl] = []
    private var delayTarget: DelayTargetController?
    private var digest = FeedbackDigest()
    private var bounds: RateBounds
    private var outputs = ControllerOutputs()
    private var smoothedRoundTrip: Interval?
    private var loss = LossStatistics()

    /// - Parameter random: spreads what should not happen in step with other controllers.
    public init(_ configuration: CongestionConfiguration, random: SeededRandom, now: Instant) {
        self.configuration = configuration
        let capacity = Self.historyCapacity(configuration.maximumRate)
        history = SendHistory(capacity: capacity)
        bounds = RateBounds(configuration)
        switch configuration.algorithm {
        case .gcc: gcc = [GoogleCongestionControl(configuration, now: now)]
        case .delayTarget: delayTarget = DelayTargetController(configuration, random: random, now: now)
        }
        refresh()
    }

    /// Two seconds of packets of 1000 bytes at the maximum rate, within ``Limits``.
    private static func historyCapacity(_ maximumRate: UInt64) -> Int {
        var capacity = Limits.smallestHistory
        while capacity < Limits.largestHistory, UInt64(capacity) * 4_000 < maximumRate { capacity *= 2 }
        return capacity
    }

    // MARK: What happens

    /// A packet has left. Sequence numbers rise; one that does not is not remembered.
    public mutating func sent(_ packet: SentPacket) {
        history.append(packet)
        packetsSinceReport += 1
        if !gcc.isEmpty { gcc[0].sent(packet) }
        delayTarget?.sent(packet)
    }

    /// Says which packet's fate will be told, or which will leave, in a moment: what is known of it has long left the
    /// processor's cache. Mutating as ``rates()`` is.
    @inline(__always)
    public mutating func prefetch(_ sequence: Int64) { history.prefetch(sequence) }

    /// One report, decoded, in any order of sequence numbers. What it says of packets that never left, of packets
    /// already known to have come, and of packets long gone is ignored.
    ///
    /// - Parameter scratch: room to work in, which remembers nothing.
    public mutating func receive(_ results: Span<PacketResult>, scratch: inout FeedbackScratch, now: Instant) {
        digest.exchange(with: &scratch)
        defer { digest.exchange(with: &scratch) }
        digest.read(results, history: &history, now: now)
        guard !digest.isEmpty else { return }
        loss.count(digest)
        if let sample = digest.propagation { noteRoundTrip(sample) }
        if !gcc.isEmpty { gcc[0].receive(digest, roundTrip: smoothedRoundTrip) }
        delayTarget?.receive(digest)
        refresh()
    }

    /// The receiver's own estimate (REMB, draft-alvestrand-rmcat-remb-03): an upper bound until the next one.
    public mutating func receiveMaximumRate(_ rate: UInt64, now: Instant) {
        bounds.receiverMaximum = rate
        if !gcc.isEmpty { gcc[0].receiveMaximumRate(Double(rate), now: now) }
        delayTarget?.receiveMaximumRate(Double(rate), now: now)
        refresh()
    }

    /// A report block of an SR or RR: the fallback while no transport feedback comes.
    ///
    /// - Parameters:
    ///   - lossFraction: 0...1, lost among expected since the last report (RFC 3550 section 6.4.1).
    ///   - roundTrip: from LSR and DLSR, nil when the block has none.
    public mutating func receiveReceiverReport(lossFraction: Double, roundTrip: Interval?, now: Instant) {
        if let roundTrip { noteRoundTrip(roundTrip) }
        let fraction = lossFraction > 0 ? min(lossFraction, 1) : 0
        if !gcc.isEmpty {
            gcc[0].receiveReport(
                loss: fraction, roundTrip: smoothedRoundTrip, packets: packetsSinceReport, now: now)
        }
        delayTarget?.receiveReport(loss: fraction, roundTrip: smoothedRoundTrip, packets: packetsSinceReport, now: now)
        packetsSinceReport = 0
        refresh()
    }

    /// What the source could use at most and needs at least, and what may be padded; bit/s.
    public mutating func setAllocation(maximum: UInt64, minimum: UInt64, padding: UInt64, now: Instant) {
        bounds.allocation = Allocation(
            maximum: min(maximum, Limits.maximumRate), minimum: min(minimum, Limits.maximumRate),
            padding: min(padding, Limits.maximumRate))
        if !gcc.isEmpty { gcc[0].setAllocation(Double(bounds.allocation.maximum), now: now) }
        delayTarget?.setAllocation(
            Double(bounds.allocation.maximum), padding: Double(bounds.allocation.padding), now: now)
        refresh()
    }

    /// How many bytes wait in the pacer: what waits there, the source should not send again.
    public mutating func setBacklog(_ bytes: Int) {
        delayTarget?.backlog = max(bytes, 0)
        refresh()
    }

    /// Time passes.
    public mutating func advance(to now: Instant) {
        if !gcc.isEmpty { gcc[0].advance(to: now, bytesInFlight: history.bytesInFlight) }
        delayTarget?.advance(to: now)
        refresh()
    }

    private mutating func refresh() {
        let minimum = Double(bounds.allocation.minimum)
        if !gcc.isEmpty { gcc[0].tell(&outputs, minimum: minimum) }
        delayTarget?.tell(&outputs, minimum: minimum)
    }

    /// When ``advance(to:)`` wants to be called next.
    public var deadline: Instant { outputs.deadline }

    // MARK: What follows

    /// What a sender of layers goes by, in bit/s, and ``deadline``. Mutating so that nothing is copied: a getter's call
    /// on a part of something else copies the controller.
    public mutating func rates() -> Rates {
        Rates(
            estimate: bounds.clamp(outputs.estimate), pacing: bounds.pacing(outputs.pacingRate),
            padding: bounds.padding(outputs.paddingRate, target: outputs.targetRate), deadline: outputs.deadline)
    }

    /// What ``rates()`` tells.
    public struct Rates: Sendable, BitwiseCopyable {
        public let estimate: UInt64
        public let pacing: UInt64
        public let padding: UInt64
        public let deadline: Instant
    }

    /// What the path carries.
    public var estimate: UInt64 { bounds.clamp(outputs.estimate) }

    /// What the source (encoder, choice of layers) may send now, retransmissions and headers included.
    public var targetRate: UInt64 { bounds.clamp(outputs.targetRate) }

    /// What the pacer lets out.
    public var pacingRate: UInt64 { bounds.pacing(outputs.pacingRate) }

    /// How much time's worth of bytes the pacer may let out at once.
    public var pacingBurst: Interval {
        configuration.algorithm == .gcc ? GoogleCongestionControl.burst : .milliseconds(5)
    }

    /// Up to what the pacer fills with padding when media is less.
    public var paddingRate: UInt64 { bounds.padding(outputs.paddingRate, target: outputs.targetRate) }

    /// The next train that the pacer should send, once each; nil when there is none.
    public mutating func nextProbe(now: Instant) -> ProbeCluster? {
        gcc.isEmpty ? delayTarget?.nextProbe() : gcc[0].nextProbe()
    }

    /// Bytes that may leave before feedback comes; `Int.max` without a window, 0 when it is full. Audio goes on.
    public var windowRoom: Int { outputs.window == .max ? .max : outputs.window - history.bytesInFlight }

    /// Whether only audio may leave until feedback comes.
    public var isWindowFull: Bool { windowRoom <= 0 }

    /// The smoothed round trip of the path; nil before the first feedback.
    public var roundTrip: Interval? { smoothedRoundTrip }

    /// The share of packets lost, 0...1, smoothed over the last seconds.
    public var lossRatio: Double { loss.ratio }

    /// Bytes on their way that no feedback has passed.
    public var bytesInFlight: Int { history.bytesInFlight }

    private mutating func noteRoundTrip(_ sample: Interval) {
        let sample = min(max(sample, .zero), Limits.longestRoundTrip)
        // RFC 6298 section 2: an eighth of each sample.
        guard let smoothed = smoothedRoundTrip else {
            smoothedRoundTrip = sample
            return
        }
        smoothedRoundTrip = smoothed + (sample - smoothed) / 8
    }
}
