import CFFmpeg
import Wire

/// Reads a picture from a file or a server: PNG, JPEG, WebP, BMP, GIF (its first picture).
public enum ImageReader {
    /// The picture with its alpha, in its own size.
    ///
    /// Waits for the file or the server, as long as the options say.
    public static func read(
        _ location: String, options: MediaReader.Options = MediaReader.Options(),
        interruption: Interruption = Interruption()
    ) throws(MediaError) -> VideoFrame {
        let place = try MediaLocation(location)
        interruption.arm(options.openTimeout)
        try interruption.check()
        if place.scheme == .file {
            let result = unsafe apus_media_check_file(place.path)
            if result < 0 { throw MediaError(result, while: .opening) }
        } else if !place.isNumeric {
            try interruption.resolve(place.host)
        }
        let input = try InputContext(place, .pictures, options: options, interruption: interruption)
        guard unsafe input.format.pointee.nb_streams > 0, let stream = unsafe input.format.pointee.streams[0] else {
            throw .notMedia
        }
        let codec = MediaCodec(unsafe stream.pointee.codecpar.pointee.codec_id)
        interruption.arm(options.readTimeout)
        let result = unsafe av_read_frame(input.format, input.packet)
        try interruption.check()
        if result < 0 { throw MediaError(result, while: .opening, interruption) }
        let context = try unsafe CodecContext(codec.pictureDecoder)
        try context.open()
        let sent = unsafe avcodec_send_packet(context.context, input.packet)
        if sent < 0 { throw MediaError(sent, while: .coding) }
        try context.send(nil, time: 0)
        guard try context.receiveFrame() else { throw .notMedia }
        return try picture(of: context)
    }

    private static func picture(of context: CodecContext) throws(MediaError) -> VideoFrame {
        let width = unsafe Int(context.frame.pointee.width)
        let height = unsafe Int(context.frame.pointee.height)
        let target = try FrameStorage(width: width, height: height, format: AV_PIX_FMT_YUVA420P)
        try unsafe ScalerContext().scale(context.frame, into: target)
        return VideoFrame(target, pts: .zero)
    }
}

extension MediaCodec {
    /// What images are written in.
    static let pictureDecoders = ["png", "mjpeg", "webp", "bmp", "gif"]

    /// The decoder for this codec, if it is one of ``pictureDecoders``.
    fileprivate var pictureDecoder: UnsafePointer<AVCodec> {
        get throws(MediaError) {
            guard let found = unsafe avcodec_find_decoder(identifier),
                Self.pictureDecoders.contains(unsafe String(cString: found.pointee.name))
            else { throw .unsupportedCodec }
            return unsafe found
        }
    }
}
