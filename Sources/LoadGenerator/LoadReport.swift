/// What a run measured. Codable: its keys are the JSON that `apus load --json` writes.
///
/// Everything but joins and identities is about the measurement window. A packet belongs to the window in which it was
/// sent, by the time in its payload, so that counts are exact: expected is what the publishers sent in the
/// window times the subscribers that get it.
public struct LoadReport: Sendable, Codable, Hashable {
    /// Length of the window in seconds; shorter than planned when the run was interrupted.
    public var seconds = 0.0
    public var isInterrupted = false
    public var publishers = 0
    public var subscribers = 0
    public var rogues = 0
    /// SRTP profiles that were negotiated, with the number of clients.
    public var srtpProfiles: [String: Int] = [:]
    public var joins = Joins()
    public var reconnects = Reconnects()
    public var media = Media()
    /// From the sending of a packet to its arrival at the subscriber's socket, by the kernel's time stamp.
    public var latency = Quantiles()
    /// The same for datagrams that the generator sends to itself on a plain socket pair in the same thread.
    public var directLatency = Quantiles()
    /// `latency` minus `directLatency`, quantile by quantile: what the server adds.
    public var addedLatency = Quantiles()
    /// Times in which a stream stood still, one entry for each, in their order.
    public var gaps: [MediaGap] = []
    /// Of `gaps`.
    public var gapTimes = Quantiles()
    /// Of a plan with a clip: what each subscriber saw.
    public var pictures: [Pictures]?
    public var indices = Indices()
    public var generator = Generator()
    /// nil without `serverProcess`.
    public var server: Server?

    public init() {}

    /// Milliseconds.
    public struct Quantiles: Sendable, Codable, Hashable {
        public var count: UInt64 = 0
        public var p50 = 0.0
        public var p95 = 0.0
        public var p99 = 0.0
        public var max = 0.0

        public init() {}
    }

    /// The pictures that one subscriber got.
    public struct Pictures: Sendable, Codable, Hashable {
        /// As in ``MediaGap``.
        public var subscriber = 0
        /// That came whole and in their order.
        public var count: UInt64 = 0
        public var perSecond = 0.0
        /// The fewest in one of the window's seconds.
        public var worstSecond = 0
        /// The longest time without one, in milliseconds.
        public var longestGap = 0.0
        /// That did not come whole.
        public var broken: UInt64 = 0

        public init() {}
    }

    /// What SRTP indices were used for.
    public struct Indices: Sendable, Codable, Hashable {
        /// Packets that were looked at; 0 when nobody asked for it.
        public var watched: UInt64 = 0
        /// Zero tolerance: different packets under the same key, SSRC and index.
        public var reused: UInt64 = 0

        public init() {}
    }

    public struct Joins: Sendable, Codable, Hashable {
        public var attempted = 0
        public var succeeded = 0
        /// Attempts beyond the first of a client.
        public var retries = 0
        public var failed = 0
        /// From the first request until a subscriber has had verified media in every section.
        public var time = Quantiles()
        /// What failures said, with their number; at most ``Limits/failureTexts`` different ones.
        public var failures: [String: Int] = [:]

        public init() {}
    }

    /// Clients that connected anew.
    public struct Reconnects: Sendable, Codable, Hashable {
        /// Told to while media still flowed.
        public var moved = 0
        /// Without media, told or not.
        public var lost = 0
        public var succeeded = 0
        public var failed = 0
        /// From the news until there is media, of a publisher until it is connected.
        public var time = Quantiles()

        public init() {}
    }

    public struct Media: Sendable, Codable, Hashable {
        /// Media packets that the publishers sent in the window.
        public var sent: UInt64 = 0
        /// Packets that the subscribers should have got; with simulcast what the sequence numbers say.
        public var expected: UInt64 = 0
        /// Different packets that they got.
        public var delivered: UInt64 = 0
        /// Of them, by retransmission.
        public var repaired: UInt64 = 0
        /// Expected and never delivered.
        public var lost: UInt64 = 0
        /// `lost / expected`.
        public var lossRatio = 0.0
        /// `(lost + repaired) / expected`.
        public var lossRatioBeforeRepair = 0.0
        /// Zero tolerance: the checksum or the form of a payload was wrong.
        public var corrupt: UInt64 = 0
        /// Zero tolerance: a payload of another room, publisher or stream than the section is for.
        public var misdelivered: UInt64 = 0
        /// Zero tolerance: a payload that had come before and was not asked for again.
        public var duplicated: UInt64 = 0
        /// Retransmissions of what had come meanwhile.
        public var redundantRepairs: UInt64 = 0
        /// Steps of a stream's sequence numbers that its contents do not explain.
        public var sequenceErrors: UInt64 = 0
        /// Timestamps that ran backwards.
        public var timestampErrors: UInt64 = 0
        /// SSRCs beyond the one of a section.
        public var extraStreams: UInt64 = 0
        /// Packets that SRTP refused.
        public var refused: UInt64 = 0
        /// Packets whose checksum was verified.
        public var verified: UInt64 = 0
        public var deliveredPerSecond = 0.0
        /// Of the payloads.
        public var deliveredBitsPerSecond = 0.0
        /// Key frames that were asked for.
        public var keyFrameRequests: UInt64 = 0
        public var nacksSent: UInt64 = 0
        public var retransmitted: UInt64 = 0

        public init() {}
    }

    /// The generator's own health.
    public struct Generator: Sendable, Codable, Hashable {
        /// Share of a core, for each media thread.
        public var threadLoads: [Double] = []
        /// Datagrams that the clients' sockets had no room for.
        public var receiveOverflow: UInt64 = 0
        /// How late frames left, against their plan.
        public var sendLateness = Quantiles()
        /// From a datagram's arrival to its being read.
        public var readDelay = Quantiles()
        /// Datagrams that the kernel did not take.
        public var sendFailures: UInt64 = 0
        /// A frame of a publisher leaves as one `UDP_SEGMENT` train when its packets have one length but for the
        /// last, else in as few trains as that takes.
        public var sendMethod = "UDP_SEGMENT"
        /// A thread over 70 % of a core, or any receive overflow: the figures are the generator's, not the
        /// server's.
        public var isOverloaded = false

        public init() {}
    }

    public struct Server: Sendable, Codable, Hashable {
        public var processes = 0
        /// Seconds of CPU in the window.
        public var userTime = 0.0
        public var systemTime = 0.0
        /// Share of one core.
        public var load = 0.0
        /// User and system time by delivered packet.
        public var microsecondsPerPacket = 0.0

        public init() {}
    }
}
