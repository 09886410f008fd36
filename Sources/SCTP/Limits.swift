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
}
