public import Wire

/// What a file, a server or a peer cannot make this module exceed.
public enum Limits {
    /// Bytes of one encoded packet.
    public static let packetBytes = 8 << 20
    /// Parts in which one picture of a camera may come.
    static let slices = 16
    /// Tracks of one file that is read, of any kind.
    public static let streams = 16
    /// Bytes that are read to find out what a file is.
    public static let probeBytes = 2 << 20
    /// Media time that is read to find out what a file holds.
    public static let probeTime = Interval.seconds(5)
    /// Bytes of a file that is read through for its duration, which it does not say.
    public static let measuredBytes: Int64 = 512 << 20
    /// How long that may take.
    public static let measuringTime = Interval.seconds(2)
    /// Bytes of an upload that is kept in a file, for its index stands at its end.
    public static let spooledBytes: Int64 = 256 << 20
    /// How long such an upload may take.
    public static let spoolingTime = Interval.seconds(600)
    /// Redirects of one HTTP request.
    public static let redirects = 4
    /// Bytes of a location's text.
    public static let locationBytes = 4096
    /// Either side of a picture, in pixels.
    public static let pictureSide = 4096
    /// Pixels of a picture: 4096×2304, upright or not.
    public static let picturePixels = 4096 * 2304
    /// Pictures or blocks of sound that one packet can bring.
    public static let framesPerPacket = 16
    /// Channels of sound that are taken in.
    public static let channels = 8
    /// Samples a second that are taken in.
    public static let sampleRate = 192_000
    /// Bytes of a codec's global headers.
    public static let extradataBytes = 1 << 20
    /// Bytes of one allocation of FFmpeg: a picture of the largest size in 16 bits and 4:4:4 has 57 MB.
    public static let allocationBytes = 128 << 20
    /// Tracks that a writer takes.
    public static let writtenTracks = 8
    /// Packets and bytes that a writer holds back to put the tracks in order.
    public static let heldPackets = 1024
    /// Bytes of these packets.
    public static let heldBytes = 32 << 20
    /// Codes that are told of one picture.
    public static let codesPerPicture = 16
    /// Bytes of what a code says: the largest QR code has 2953.
    public static let codeBytes = 4096
}
