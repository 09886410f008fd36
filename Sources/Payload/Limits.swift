public import Wire

/// Bounds on what this module takes, holds and makes.
public enum Limits {
    /// Bytes of one encoded frame; a key frame of 4096 by 2304 pixels at a good quality has less than half.
    public static let frameLength = 2 << 20
    /// Bytes of one RTP payload that we send, unless the owner says otherwise: with headers, SRTP, UDP and IPv6 it fits
    /// the 1280 bytes that every path of IPv6 carries (RFC 8200 section 5).
    public static let payloadLength = 1_160
    /// A packetizer makes no smaller payloads than these: room for every descriptor and some of the frame.
    public static let minimumPayloadLength = 64
    /// NAL units of one access unit. Level 5.2 allows a picture some hundred slices; encoders use one to eight.
    public static let nalUnitsPerFrame = 1_024
    /// Bytes of one parameter set. Real ones have less than a hundred.
    public static let parameterSetLength = 4_096
    /// Sets of each kind that are repeated before key frames; streams have one.
    public static let parameterSets = 8
    /// Bytes of one packet of Opus: 120 ms of 2.5 ms frames at 1275 bytes (RFC 6716 section 3.2.5).
    public static let opusLength = 48 * 1_275

    /// Packets that a frame buffer holds, and numbers from the oldest that it waits for to the newest. A power of two,
    /// a quarter of what a sequence number tells apart or less. The largest frame in small packets fits.
    public static let heldVideoPackets = 2_048
    /// The same for audio: ten seconds at 50 packets per second.
    public static let heldAudioPackets = 512
    /// Bytes of payload that one frame buffer holds.
    public static let heldBytes = 4 << 20
    /// A packet is held no longer than this.
    public static let heldTime = Interval.seconds(15)
    /// The longest patience and the longest delay that a frame buffer can be asked for.
    public static let delay = Interval.seconds(10)

    /// A timestamp this far from where the arrival puts it begins a new time line: no network holds a packet so long.
    public static let timestampJump = Interval.seconds(10)

    /// Streams of one source (``LipSync``); a camera in three encodings, a screen and two microphones are six.
    public static let streamsPerSource = 16
    /// What an error of sound's capture time is taken back in, as a part of the time that passes: 40 ms in 0.6 s.
    public static let soundSlew: Int64 = 16
    /// The same of pictures: 40 ms in 0.16 s.
    public static let pictureSlew: Int64 = 4
    /// An error beyond this is taken back at once, as far as time that only goes forward allows.
    public static let slewedError = Interval.seconds(1)
    /// A sender report that far from the ones before it is a step of a clock; nearer, it is noise.
    public static let clockStep = Interval.milliseconds(100)
}
