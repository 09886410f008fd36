public import Wire

/// What a file or stream holds.
public struct MediaInfo: Equatable, Sendable {
    /// Nil for a live stream, and when neither the file says it nor a short look through it does.
    public var duration: Interval?
    /// Where ``MediaReader/seek(to:)`` leads; nil for a live stream. The end is `Int64.max` nanoseconds when the
    /// duration is not known.
    public var seekable: ClosedRange<Interval>?
    /// Sound and pictures; subtitles, data and attachments are left out.
    public var tracks: [MediaTrack]
}

/// One track of a file that is read.
public struct MediaTrack: Equatable, Sendable {
    /// Sound or pictures.
    public enum Kind: Equatable, Sendable { case audio, video }

    /// Its place in ``MediaInfo/tracks``, which ``MediaPacket/track`` refers to.
    public var index: Int
    public var kind: Kind
    public var codec: MediaCodec
    /// Pixels; 0 for sound.
    public var width = 0
    public var height = 0
    /// Frames a second, if the file says so; else 0.
    public var frameRate = 0.0
    /// Samples a second; 0 for pictures.
    public var sampleRate = 0
    public var channels = 0
    /// The codec's global headers, as the container has them: OpusHead, AudioSpecificConfig, avcC or parameter sets
    /// with start codes, Vorbis' three headers.
    public var extradata: [UInt8] = []

    public init(index: Int, kind: Kind, codec: MediaCodec) {
        self.index = index
        self.kind = kind
        self.codec = codec
    }
}

/// One encoded frame, or some of sound.
public struct MediaPacket: Equatable, Sendable {
    /// ``MediaTrack/index``.
    public var track: Int
    /// When it is to be shown, from the start of the file.
    public var pts: Interval
    /// When it is to be decoded. Differs from `pts` where frames are reordered.
    public var dts: Interval
    /// Zero when the file does not say.
    public var duration: Interval
    public var isKeyFrame: Bool
    /// H.264 with an avcC has lengths before its NAL units, else start codes.
    public var bytes: [UInt8]

    public init(
        track: Int, pts: Interval, dts: Interval? = nil, duration: Interval = .zero, isKeyFrame: Bool, bytes: [UInt8]
    ) {
        self.track = track
        self.pts = pts
        self.dts = dts ?? pts
        self.duration = duration
        self.isKeyFrame = isKeyFrame
        self.bytes = bytes
    }
}
