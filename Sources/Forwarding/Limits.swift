public import Wire

/// Every bound and interval of the module.
public enum Limits {
    /// Media sections of one endpoint that can send to us; the rest are ignored. SDP's own limit is 64.
    public static let publishersPerEndpoint = 16
    /// Media sections of one endpoint that we can send to; the rest are ignored.
    public static let subscribersPerEndpoint = 16
    /// Simulcast encodings of one section; the rest are ignored. Browsers send three, RFC 8853 has no bound.
    public static let encodingsPerSection = 4
    /// Newest numbers of a predecessor for which a peer that misses them is told that nothing comes: what the longest
    /// jitter buffer of a client that we know waits for (aiortc's).
    static let inheritedNumbers: Int64 = 512
    /// SSRCs that were learned and not asked for.
    static let learnedStreams = 256
    /// Streams that an endpoint's sections may have on average: 16 sections, or 8 of three encodings.
    public static let streamsPerEndpoint = 24
    /// Routes of one endpoint that name a section.
    public static let routesPerEndpoint = 32
    /// Layer selections of one endpoint that name a section.
    public static let selectionsPerEndpoint = 32
    /// Spans of alike rewritten packets kept for each layered subscriber: with every second frame left
    /// out, about two seconds at 60 frames/s. A power of two.
    public static let rewritingSpans = 64
    /// Steps of a picture id or frame number that count as thinned out upstream and not as a jump.
    public static let pictureJump = 256
    /// Seconds that a timestamp may run ahead of the clock before it counts as a jump…
    public static let timestampJumpSeconds: Int64 = 10
    /// …and step back where frames are reordered (H.264 with B-frames).
    public static let reorderedSeconds: Int64 = 2
    /// What a packet behind newer ones may differ from them, or its sender's counters jumped between: RTP
    /// ticks (ten seconds of video), picture ids and frame numbers, TL0PICIDX.
    public static let lateTicks: Int32 = 900_000
    public static let lateNumbers: UInt16 = 512
    public static let lateBaseIndices: UInt8 = 120
    /// Packets behind the newest one at which a late key frame no longer starts a subscriber's stream.
    public static let lateKeyFrame: Int64 = 128
    /// A simulcast layer without packets for this long, while another has some, counts as stopped.
    public static let layerSilence = Interval.milliseconds(700)
    /// A simulcast encoding is switched off at its sender when nobody has wanted it for so long (LiveKit's
    /// `dynacast_pause_delay`): switching one on or off costs a key frame of all of them.
    public static let switchOffAfter = Interval.seconds(5)
    /// One that was switched on is waited for so long; then its sender has no room for it.
    public static let switchOnTime = Interval.seconds(3)
    /// Over which a layer's bit rate is measured.
    public static let rateWindow = Interval.seconds(1)
    /// The first time, for a path may have to be shared before.
    public static let firstRateWindow = Interval.milliseconds(300)
    /// Key-frame requests that one subscriber may cause in a burst…
    public static let keyFrameBurst: Int64 = 4
    /// …and how long it takes to earn another one.
    public static let keyFrameCredit = Interval.seconds(4)
    /// Speaker groups are looked at this often (Volfin and Cohen decide every 0.3 s).
    public static let speakerInterval = Interval.milliseconds(300)
    /// SSRCs per endpoint that no signalling announced and that were latched from packets.
    public static let unsignalledSSRCs = 32
    /// SSRCs per endpoint in all: those announced (each with RTX) and those latched.
    public static let ssrcsPerEndpoint = 96
    /// From one report of another codec of a publisher to the next.
    public static let codecReportInterval = Interval.milliseconds(500)
    /// Codecs looked at per media section.
    public static let codecsPerSection = 32
    /// Header extensions looked at per media section.
    public static let extensionsPerSection = 32
    /// Packets below the newest one that still count as reordered and not as a restart.
    public static let reorderWindow = 1024
    /// Forward jump that makes a stream count as restarted (RFC 3550 appendix A.1, MAX_DROPOUT).
    public static let sequenceJump = 3000
    /// Packets that one stream's cache keeps for retransmission; a power of two.
    public static let cachedPackets = 512
    /// Bytes of a packet that the cache keeps; longer ones are not kept (Ethernet MTU).
    public static let cachedPacketBytes = 1500
    /// Retransmissions that wait for `nextTransmit`, over all subscribers.
    public static let queuedRetransmissions = 1024
    /// Share of a subscriber's packets lost from which on it gets redundant audio…
    public static let redundancyLoss = 0.02
    /// …and below which, for so long, it gets it no more: repairing less is not worth audio at twice the rate…
    public static let cleanLoss = 0.01
    public static let cleanProof = Interval.seconds(10)
    /// …measured over the reports of this time (browsers report each second, or audio alone each five).
    public static let redundancyWindow = Interval.seconds(4)
    /// Audio with redundancy that takes more of a path than this goes without it…
    public static let audioShareToNarrow = 0.25
    /// …until it takes less than this.
    public static let audioShareToWiden = 0.2
    /// Frames taken from the redundancy of one packet, the newest, for subscribers without it (libwebrtc sends one).
    public static let recoveredBlocks = 4
    /// Such frames that wait for `nextTransmit`, over all publishers.
    public static let recoveredPackets = 64
    /// Lost packets taken from one received RTCP packet.
    public static let nackedPerPacket = 512
    /// Bytes that a subscriber may get retransmitted before it has been sent as many: one burst.
    public static let retransmissionBurstBytes: Int64 = 64 * 1024
    /// What unused retransmission budget may grow to; with one byte earned per byte sent, a peer that
    /// asks for everything gets at most twice the original rate.
    public static let retransmissionBudgetBytes: Int64 = 512 * 1024
    /// What a retransmission's header, extensions and RTX number count as: more than they usually take.
    public static let rewrittenHeaderBytes = 64
    /// Answered NACKs that a subscriber's throttle remembers; a power of two. Two numbers that share a place
    /// are each answered once more at worst, within the budget.
    public static let answeredPackets = 128
    /// The same packet is not retransmitted again within this time, or the round-trip time if longer.
    public static let retransmissionInterval = Interval.milliseconds(50)
    /// A packet is not retransmitted later than this after it came, or than so many round trips if that is longer: as
    /// long as a publisher is asked for it (`RTP.Limits.repairDeadline`). libwebrtc's receiver holds frames for three
    /// seconds, but one that has stood still for one is helped more by a key frame.
    public static let retransmissionDeadline = Interval.seconds(1)
    public static let retransmissionRoundTrips: Int64 = 3
    /// A key frame counts as shown this long after it was sent, or two round trips if that is longer: it and what it
    /// lacked at first have come then, and the receiver's wait for reordering (tens of milliseconds) is over.
    public static let keyFrameShown = Interval.milliseconds(300)
    /// Upper bound of the round-trip time as used for throttling and deadlines.
    public static let roundTripCeiling = Interval.seconds(1)
    /// Key-frame requests of one stream are at least this far apart.
    public static let keyFrameInterval = Interval.milliseconds(500)
    /// A request that no key frame answered is repeated after this time…
    public static let keyFrameRetryInterval = Interval.seconds(1)
    /// …this many times.
    public static let keyFrameRetries = 5
    /// Transport-wide feedback while packets come (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    public static let transportFeedbackInterval = Interval.milliseconds(50)
    /// Mean time between receiver reports, randomised by half to one and a half (RFC 3550 section 6.2).
    public static let reportInterval = Interval.seconds(1)
    /// Estimate sent as REMB when only REMB was negotiated, in bits per second.
    public static let generousREMB: UInt64 = 2_500_000
    /// What a peer's REMB is believed to be at most, in bits per second.
    public static let rembCeiling: UInt64 = 10_000_000_000
    /// Without a packet for this long, media of a kind counts as not flowing.
    public static let flowSilence = Interval.seconds(2)
    /// Without RTP or RTCP for this long, the peer's media counts as disconnected.
    public static let mediaSilence = Interval.seconds(5)
    /// Report blocks in one RTCP packet (5-bit count, RFC 3550 section 6.4.2).
    public static let reportBlocks = 31

    // MARK: The path to a peer

    /// bit/s: what a path is taken for before feedback, and the least and the most that it ever is.
    public static let startRate: UInt64 = 1_000_000
    public static let minimumRate: UInt64 = 30_000
    public static let maximumRate: UInt64 = 50_000_000
    /// Bytes on the wire beside an RTP packet: IPv4, UDP, and the longest SRTP tag.
    public static let packetOverhead = 20 + 8 + 16
    /// Packets of a peer that wait until its path has room; a key frame has some fifty.
    public static let deferredPackets = 512
    /// How much time's worth of bytes may leave for a peer at once (libwebrtc's burst interval).
    public static let pacingBurst = Interval.milliseconds(40)
    /// A path whose timer is due again at once is looked at after this.
    public static let pacingStep = Interval.milliseconds(1)
    /// Streams of one peer, RTX streams among them, that RFC 8888 reports are made about, and the packets kept of each
    /// between two reports: 5,000 a second.
    public static let reportedStreams = 32
    public static let reportedWindow = 256
    /// Statuses taken from the feedback about packets in one received RTCP packet.
    public static let reportedPackets = 4_096
    /// A path without feedback for this long is not followed…
    public static let feedbackSilence = Interval.seconds(3)
    /// …nor one that is sent more than this multiple of its estimate.
    public static let followedUse = 1.25
    /// Newest packets of a stream that fill probes.
    public static let probeFillers: Int64 = 16
    /// From the first feedback, unless the estimate falls before: layers are left as they came.
    public static let allocationStart = Interval.milliseconds(1_500)
    /// Of a video among those of one peer.
    public static let highestPriority = 10
    /// Allocations of a peer's path are this far apart while the estimate wanders…
    public static let allocationInterval = Interval.milliseconds(500)
    /// …and happen at once when it falls below this share of what was allocated by.
    public static let allocationFall = 0.9
    /// A higher layer is taken when it fits with this to spare…
    public static let upswitchHeadroom = 1.08
    /// …for so long; after an upswitch that had to be taken back, each time half as long again, up to the most.
    public static let upswitchProof = Interval.seconds(1)
    public static let longestUpswitchProof = Interval.seconds(120)
    /// The lowest layer is paused when it did not fit for so long…
    public static let pauseProof = Interval.seconds(1)
    /// …or for so long when it is tried again, which gives probes time…
    public static let pauseTrial = Interval.seconds(3)
    /// …and that happens after a pause that grows by half each time.
    public static let shortestPause = Interval.seconds(2)
    public static let longestPause = Interval.seconds(60)
    /// An upswitch that is taken back within this time has failed.
    public static let upswitchTrial = Interval.seconds(10)

    // MARK: The circuit breaker (RFC 8083)

    /// Reports on a stream that come closer together are judged as one.
    public static let leastReportInterval = Interval.milliseconds(750)
    /// Other streams of the peer arrive when a report said so this recently: browsers report on audio every five
    /// seconds.
    public static let circuitProgress = Interval.seconds(12)
    /// What was stopped is tried again after this, the time that it takes to trip (section 4.5)…
    public static let shortestCircuitPause = Interval.seconds(15)
    /// …and twice as long each time when the trial fails within this time, up to the most…
    public static let circuitTrial = Interval.seconds(60)
    public static let longestCircuitPause = Interval.seconds(240)
    /// …unless the newest reports say that more than this share of what still flows is lost.
    public static let saneLoss = 0.1
    public static let saneReports = Interval.seconds(6)
    /// How often it is looked whether that is so.
    public static let circuitStep = Interval.seconds(1)
    /// Bytes of a ``SendSide``, its first, that a packet which leaves needs: a guess, for the processor's cache.
    static let departureBytes = 768
    /// The same of a ``Subscriber``.
    static let subscriberBytes = 256
    /// Packets that one subscriber gets of a burst, most of the time: a guess as well.
    static let usualTrain: Int64 = 6
}
