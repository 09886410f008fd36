import Wire

/// Every bound and interval of the module.
public enum Limits {
    /// Bytes of the largest packet that is read: a DTLS record's content is no longer.
    static let packetLength = 16_384
    /// Chunks of one packet that are read.
    static let chunksPerPacket = 256
    /// Parameters of one chunk that are read.
    static let parametersPerChunk = 64
    /// Gap blocks of one SACK that are read; more say nothing that the next one would not.
    static let gapBlocks = 512
    /// Bytes of one message, in both directions; what our SDP says (RFC 8841 section 6).
    public static let messageLength = 262_144
    /// What a piece of a message counts beside its bytes, so that a window of tiny pieces is bounded as well.
    static let pieceOverhead = 64
    /// Runs of numbers that arrived with holes between them.
    static let gapRuns = 512
    /// Duplicates that are told in the next SACK.
    static let duplicates = 32
    /// Steps that a number may be ahead of the cumulative one: a gap block counts with 16 bits.
    static let numbersAhead: Int64 = 65_535
    /// Bytes of messages that are kept for the owner or for what is missing: what INIT offers as window.
    static let receiveWindow = 1_048_576
    /// Bytes that may wait to be sent or be on their way.
    public static let sendBuffer = 1_048_576
    /// Messages that may wait to be sent.
    static let queuedMessages = 4096
    /// Chunks on their way, or known to be lost.
    static let outstandingChunks = 4096
    /// Bytes on their way at most, whatever the path takes.
    static let congestionWindow = 1_048_576
    /// Streams in each direction: what libwebrtc uses of them.
    public static let streams: UInt16 = 1024
    /// Packets with data that one call may send (Max.Burst, RFC 9260 section 16).
    static let burst = 4
    /// Bytes that a piece of a message is worth beginning for.
    static let shortestPiece = 64
    /// Answers that wait to be sent.
    static let replies = 16
    /// Bytes of the peer's cookie, and of what is told back as not understood.
    static let cookieLength = 4096
    static let unrecognisedLength = 64
    static let unrecognisedParameters = 4
    /// Streams of one reset request, and the bytes that such a chunk and the answer to the peer's take.
    static let streamsPerReset = 64
    static let longestReset = 4 + 12 + 16 + 2 * streamsPerReset
    /// How long a reset lets other streams go on that keep it waiting.
    static let resetPatience = Interval.seconds(1)
    /// SACK.Delay (RFC 9260 section 16).
    static let acknowledgementDelay = Interval.milliseconds(200)
    /// RTO.Initial for the handshake, doubled each time up to the longest: about 45 seconds in all.
    static let handshakeTimeout = Interval.seconds(1)
    static let longestHandshakeTimeout = Interval.seconds(5)
    static let handshakeRetransmissions = 10
    /// Association.Max.Retrans.
    static let silentTimeouts = 10
    /// Bytes of the labels and protocols of one peer's channels, together.
    public static let channelNames = 262_144
}
