public import Wire

/// One frame as a decoder takes it: a picture, or the samples of one packet of audio.
public struct EncodedFrame: Hashable, Sendable {
    /// RTP timestamp in ticks of the format's clock, extended so that it never wraps: its low 32 bits are the packets'.
    /// When the source begins again at another timestamp, it goes on above the ones before.
    public var timestamp: Int64
    /// VP8: a frame (RFC 6386). VP9: the frames of a picture's spatial layers, lowest first. H.264: an access unit in
    /// the form of Annex B, start codes of four bytes. Opus: a packet (RFC 6716). PCMU, PCMA: a byte for each sample.
    public var bytes: [UInt8]
    /// A decoder can begin here. Always true of audio.
    public var isKeyFrame: Bool
    /// What the frame says of its size: VP8 and VP9 key frames, H.264 with a sequence parameter set.
    public var size: FrameSize?
    /// When it was captured, on the receiver's clock; nil until ``LipSync`` or ``StreamClock`` is asked.
    public var captureTime: Instant?
    /// When the last of its packets came.
    public var arrival: Instant
    /// When it is to be shown or heard; nil without a playout policy.
    public var playoutTime: Instant?
    /// Frames before this one were lost, or dropped because they came too late or built on lost ones.
    public var followsLoss: Bool

    public init(
        timestamp: Int64, bytes: [UInt8], isKeyFrame: Bool, size: FrameSize? = nil, captureTime: Instant? = nil,
        arrival: Instant, playoutTime: Instant? = nil, followsLoss: Bool = false
    ) {
        self.timestamp = timestamp
        self.bytes = bytes
        self.isKeyFrame = isKeyFrame
        self.size = size
        self.captureTime = captureTime
        self.arrival = arrival
        self.playoutTime = playoutTime
        self.followsLoss = followsLoss
    }
}
