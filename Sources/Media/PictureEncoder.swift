import CFFmpeg
import Wire

/// Encodes pictures as JPEG, each by itself.
public struct PictureEncoder: ~Copyable, @unchecked Sendable {
    /// Pictures that a player shows in a second where none says its time (``Container/jpeg``).
    public static let seriesRate: Int64 = 25

    private var codec: CodecContext?
    private let scaler = ScalerContext()

    public init() {}

    /// The picture as a file has it (ITU-T T.81, with JFIF's full range).
    public mutating func encode(_ picture: VideoFrame) throws(MediaError) -> [UInt8] {
        let codec = try open(for: picture)
        let target = try FrameStorage(width: picture.width, height: picture.height, format: AV_PIX_FMT_YUVJ420P)
        try unsafe scaler.scale(picture.storage.frame, into: target)
        unsafe target.frame.pointee.quality = codec.context.pointee.global_quality
        try unsafe codec.send(target.frame)
        guard let packet = try codec.receivePacket() else { throw .other("the encoder of JPEG gives no picture") }
        return packet.bytes
    }

    private mutating func open(for picture: VideoFrame) throws(MediaError) -> CodecContext {
        if let codec, unsafe Int(codec.context.pointee.width) == picture.width,
            unsafe Int(codec.context.pointee.height) == picture.height
        {
            return codec
        }
        guard let found = unsafe avcodec_find_encoder_by_name("mjpeg") else { throw .unsupportedCodec }
        let codec = try unsafe CodecContext(found)
        unsafe codec.context.pointee.width = Int32(picture.width)
        unsafe codec.context.pointee.height = Int32(picture.height)
        unsafe codec.context.pointee.pix_fmt = AV_PIX_FMT_YUVJ420P
        unsafe codec.context.pointee.time_base = AVRational(num: 1, den: Int32(Self.seriesRate))
        unsafe codec.context.pointee.flags |= AV_CODEC_FLAG_QSCALE
        unsafe codec.context.pointee.global_quality = Self.quantizer * FF_QP2LAMBDA
        try codec.open()
        self.codec = codec
        return codec
    }

    /// 2 is the finest, 31 the coarsest.
    private static let quantizer: Int32 = 4
}
