import CFFmpeg
import CVPX
public import Wire

/// One encoded picture.
public struct EncodedVideoFrame: Equatable, Sendable {
    public var pts: Interval
    public var isKeyFrame: Bool
    /// H.264 with start codes, and with its parameter sets before each key frame.
    public var bytes: [UInt8]
    public var width: Int
    public var height: Int
}

/// Encodes live video: no lag, constant bit rate, one thread, no frames in reverse order.
///
/// VP8 and VP9 go to libvpx itself: FFmpeg's wrapper cannot change the bit rate without a new encoder, which means a
/// key frame each time that the path's capacity changes. H.264 is x264's, Constrained Baseline, fastest preset.
public struct VideoEncoder: ~Copyable, @unchecked Sendable {
    /// What to make.
    public struct Configuration: Equatable, Sendable {
        /// VP8, VP9 or H.264.
        public var codec: MediaCodec
        /// Bits a second.
        public var bitRate: Int
        /// Expected pictures a second; what comes is encoded at its own times.
        public var frameRate = 30
        /// Pictures after which a key frame comes without being asked for.
        public var keyFrameInterval = 3000

        public init(codec: MediaCodec, bitRate: Int) {
            self.codec = codec
            self.bitRate = bitRate
        }
    }

    public private(set) var configuration: Configuration
    private var encoder: Encoder?
    private var wantsKeyFrame = false
    private var scaler = VideoScaler()

    private enum Encoder {
        case vpx(VPXContext)
        case x264(CodecContext)
    }

    /// Takes the size from the first picture.
    ///
    /// - Throws: ``MediaError/unsupportedCodec``.
    public init(_ configuration: Configuration) throws(MediaError) {
        guard [.vp8, .vp9, .h264].contains(configuration.codec) else { throw .unsupportedCodec }
        self.configuration = configuration
        self.configuration.bitRate = Self.bounded(configuration.bitRate)
    }

    private static func bounded(_ rate: Int) -> Int { min(max(rate, 10_000), 50_000_000) }

    /// From the next picture on, without a key frame.
    public mutating func setBitRate(_ rate: Int) {
        let rate = Self.bounded(rate)
        guard rate != configuration.bitRate else { return }
        configuration.bitRate = rate
        switch encoder {
        case .vpx(let context): context.setRate(rate)
        case .x264(let codec): Self.setRate(rate, of: codec)
        case nil: break
        }
    }

    /// The next picture becomes a key frame.
    public mutating func forceKeyFrame() { wantsKeyFrame = true }

    /// Encodes one picture. One of another size than the last begins anew with a key frame. H.264 has even sizes only
    /// in 4:2:0: a row or column too many goes.
    public mutating func encode(_ picture: VideoFrame) throws(MediaError) -> [EncodedVideoFrame] {
        var picture = picture
        if configuration.codec == .h264 {
            picture = try scaler.scale(
                picture, width: max(picture.width & ~1, 2), height: max(picture.height & ~1, 2))
        }
        let isNew = try open(for: picture)
        let isKey = wantsKeyFrame || isNew
        let frames: [EncodedVideoFrame]
        switch encoder {
        case .vpx(let context): frames = try context.encode(picture, isKey: isKey, rate: configuration.frameRate)
        case .x264(let codec): frames = try Self.encode(picture, isKey: isKey, with: codec)
        case nil: return []
        }
        if frames.contains(where: \.isKeyFrame) { wantsKeyFrame = false }
        return frames
    }

    /// Whether a new encoder had to be made.
    private mutating func open(for picture: VideoFrame) throws(MediaError) -> Bool {
        switch encoder {
        case .vpx(let context) where context.width == picture.width && context.height == picture.height: return false
        case .x264(let codec)
        where unsafe Int(codec.context.pointee.width) == picture.width
            && Int(codec.context.pointee.height) == picture.height:
            return false
        default: break
        }
        encoder = nil
        encoder =
            configuration.codec == .h264
            ? .x264(try Self.x264(configuration, picture))
            : .vpx(try VPXContext(configuration, width: picture.width, height: picture.height))
        return true
    }

    private static func x264(_ configuration: Configuration, _ picture: VideoFrame) throws(MediaError) -> CodecContext {
        _ = Library.isReady
        guard let found = unsafe avcodec_find_encoder_by_name("libx264") else { throw .unsupportedCodec }
        let codec = try unsafe CodecContext(found)
        unsafe codec.context.pointee.width = Int32(picture.width)
        unsafe codec.context.pointee.height = Int32(picture.height)
        unsafe codec.context.pointee.pix_fmt = AV_PIX_FMT_YUV420P
        unsafe codec.context.pointee.time_base = AVRational(num: 1, den: 90_000)
        unsafe codec.context.pointee.framerate = AVRational(num: Int32(configuration.frameRate), den: 1)
        unsafe codec.context.pointee.gop_size = Int32(clamping: configuration.keyFrameInterval)
        unsafe codec.context.pointee.max_b_frames = 0
        setRate(configuration.bitRate, of: codec)
        var settings = LibraryOptions()
        settings.set("preset", "ultrafast")
        settings.set("tune", "zerolatency")
        settings.set("profile", "baseline")
        settings.set("forced-idr", "1")
        try codec.open(settings)
        return codec
    }

    private static func setRate(_ rate: Int, of codec: CodecContext) {
        unsafe codec.context.pointee.bit_rate = Int64(rate)
        unsafe codec.context.pointee.rc_max_rate = Int64(rate)
        // Half a second's bits: what a key frame may take at once.
        unsafe codec.context.pointee.rc_buffer_size = Int32(clamping: rate / 2)
    }

    private static func encode(
        _ picture: VideoFrame, isKey: Bool, with codec: CodecContext
    ) throws(MediaError) -> [EncodedVideoFrame] {
        // Shares the pixels; what is said of them is this encoder's own.
        var frame = unsafe av_frame_clone(picture.storage.frame)
        defer { unsafe av_frame_free(&frame) }
        guard let frame = unsafe frame else { throw .tooLarge }
        unsafe frame.pointee.format = AV_PIX_FMT_YUV420P.rawValue
        unsafe frame.pointee.pict_type = isKey ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE
        unsafe frame.pointee.pts = apus_media_ticks(picture.pts.nanoseconds, codec.context.pointee.time_base)
        try unsafe codec.send(frame)
        var frames: [EncodedVideoFrame] = []
        while let packet = try codec.receivePacket() {
            frames.append(
                EncodedVideoFrame(
                    pts: picture.pts, isKeyFrame: packet.isKeyFrame, bytes: packet.bytes, width: picture.width,
                    height: picture.height))
        }
        return frames
    }
}

/// Owns an encoder of libvpx.
@safe private final class VPXContext {
    private let encoder: UnsafeMutablePointer<apus_vpx_encoder>
    let width: Int
    let height: Int

    init(_ configuration: VideoEncoder.Configuration, width: Int, height: Int) throws(MediaError) {
        let isVP9 = configuration.codec == .vp9
        // A negative speed of VP8 is a fixed one, a positive one chases the time that a frame may take.
        let encoder = unsafe apus_vpx_open(
            isVP9 ? 1 : 0, UInt32(width), UInt32(height), UInt32(configuration.bitRate / 1000), isVP9 ? 8 : -8,
            UInt32(clamping: configuration.keyFrameInterval))
        guard let encoder = unsafe encoder else { throw .other("libvpx does not take the configuration") }
        unsafe self.encoder = encoder
        self.width = width
        self.height = height
    }

    deinit { unsafe apus_vpx_close(encoder) }

    func setRate(_ rate: Int) { unsafe _ = apus_vpx_set_rate(encoder, UInt32(rate / 1000)) }

    func encode(_ picture: VideoFrame, isKey: Bool, rate: Int) throws(MediaError) -> [EncodedVideoFrame] {
        let storage = picture.storage
        let (ticks, isTooLong) = picture.pts.microseconds.multipliedReportingOverflow(by: 9)
        let done = unsafe apus_vpx_encode(
            encoder, storage.plane(0), Int32(storage.stride(0)), storage.plane(1), Int32(storage.stride(1)),
            storage.plane(2), Int32(storage.stride(2)), isTooLong ? 0 : ticks / 100,
            UInt(90_000 / max(rate, 1)), isKey ? 1 : 0)
        guard done != 0 else { throw .other("libvpx cannot encode a picture") }
        var frames: [EncodedVideoFrame] = []
        var iterator: vpx_codec_iter_t?
        var count = 0
        var isKeyFrame: Int32 = 0
        while let start = unsafe apus_vpx_next(encoder, &iterator, &count, &isKeyFrame) {
            let bytes = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
            frames.append(
                EncodedVideoFrame(
                    pts: picture.pts, isKeyFrame: isKeyFrame != 0, bytes: bytes, width: width, height: height))
        }
        return frames
    }
}
