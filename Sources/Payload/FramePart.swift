/// What one RTP payload is of its frame.
public struct FramePart: Hashable, Sendable, BitwiseCopyable {
    /// It may be the frame's first packet. Sure for VP8, VP9 and audio; for H.264 several packets of a frame may say
    /// so, and whoever has the packet before knows better.
    public var startsFrame: Bool
    /// It is the frame's last packet.
    public var endsFrame: Bool
    /// A key frame may start here. Always true of audio.
    public var startsKeyFrame: Bool
    /// Of the key frame that starts here, when its first bytes say so; of a VP9 picture's lowest layer.
    public var size: FrameSize?
    /// What is in it.
    var contents: Contents
    /// VP8 and VP9.
    var pictureID: PictureID?
    /// VP9, else 0.
    var spatialLayer: UInt8 = 0

    /// A packet without payload, which is of no frame.
    static let padding = FramePart(startsFrame: false, endsFrame: false, startsKeyFrame: false, contents: [])

    /// Audio: each packet is a frame.
    static let whole = FramePart(
        startsFrame: true, endsFrame: true, startsKeyFrame: true, contents: [.intra, .picture])

    /// United over a frame's packets, they tell what the frame is.
    struct Contents: OptionSet, Hashable, Sendable, BitwiseCopyable {
        let rawValue: UInt8
        /// The start of a key picture of VP8 or VP9, any part of an IDR picture of H.264.
        static let intra = Contents(rawValue: 1)
        /// Any part of a picture.
        static let picture = Contents(rawValue: 2)
        /// A sequence parameter set.
        static let sequenceParameters = Contents(rawValue: 4)

        /// A picture that a decoder can begin with. Encoders that refresh gradually send parameter sets where a
        /// receiver may join, and no IDR picture; so the router takes them too.
        var isKeyFrame: Bool {
            contains(.picture) && (contains(.intra) || contains(.sequenceParameters))
        }
    }

    /// A running number of pictures in 7 or 15 bits.
    struct PictureID: Hashable, Sendable, BitwiseCopyable {
        var number: UInt16
        var isLong: Bool

        func follows(_ other: PictureID) -> Bool {
            isLong == other.isLong && number == (other.number + 1) & (isLong ? 0x7FFF : 0x7F)
        }
    }
}
