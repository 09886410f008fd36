import Wire

/// Bounds of the load generator.
public enum Limits {
    /// Publishers of one run, in all its rooms.
    public static let publishers = 1_000
    /// Sections of one description (RFC 8866 has none; the limit of `SDP` is 64).
    public static let describedSections = 64
    /// Subscribers of one run: each has a socket.
    public static let subscribers = 50_000
    public static let threads = 16
    public static let joinsInFlight = 1_000
    public static let framesPerSecond = 1_000
    /// Bytes of a client's receive buffer, half a second of 1200-byte packets at 150/s and a key frame.
    static let receiveBuffer: Int32 = 512 << 10
    static let sendBuffer: Int32 = 1 << 20
    /// Datagrams, or trains of them, taken from one socket at a time.
    static let receiveBatch = 8
    /// Bytes of one received train; UDP_GRO makes none larger.
    static let trainBytes = 65_536
    /// Segments of one train; UDP_MAX_SEGMENTS of Linux 6.1.
    static let trainSegments = 64
    /// Tokens taken from epoll at a time, so that frames leave in time between them.
    static let readyBatch = 64
    /// Packets of one stream that a publisher can send again: three seconds of 150 packets/s. A power of two.
    static let retransmissionCache = 512
    /// Packet numbers of one stream that a subscriber remembers; older ones cannot be told from new. A power of two.
    static let rememberedNumbers = 4_096
    /// Pictures that are counted for one subscriber: over an hour of 30 a second.
    static let countedPictures = 120_000
    /// Gaps that a report lists.
    static let listedGaps = 20_000
    /// Packets that one client remembers to see that no index is used twice.
    static let ledgerEntries = 4 << 20
    /// Sections of one client.
    static let sections = 128
    /// Streams (SSRCs) of one client.
    static let streams = 256
    /// Commands waiting for a media thread.
    static let mailbox = 4_096
    /// How often a client is let in again after a refusal that may pass.
    static let joinAttempts = 4
    /// From the request to the first media packet.
    static let joinTime = Interval.seconds(20)
    /// Different failure texts in a report.
    public static let failureTexts = 16
    /// How often a client that is to connect anew tries.
    static let reconnectAttempts = 60
    /// Longest pause between two of these tries.
    static let reconnectPause = Interval.seconds(2)
    /// A publisher that has a new connection keeps the old one for so long: its players are changing over.
    static let publisherOverlap = Interval.seconds(1)
    /// What came over an old connection may still come over the new one for so long after the old one's end.
    static let overlapTime = Interval.seconds(2)
    /// From the end of the window until counters are read: what is under way still counts.
    static let flushTime = Interval.milliseconds(600)
    /// How often timers of clients are looked at.
    static let tick = Interval.milliseconds(5)
    /// How often gaps lead to NACKs.
    static let nackInterval = Interval.milliseconds(20)
    static let reportInterval = Interval.seconds(1)
    static let transportFeedbackInterval = Interval.milliseconds(100)
    /// Share of a core above which a media thread counts as overloaded.
    static let healthyLoad = 0.7
}
