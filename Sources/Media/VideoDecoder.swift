import CFFmpeg
public import Wire

/// Decodes the frames of one video track or stream into I420.
///
/// Begins at a key frame. After rubbish it throws once, and returns no pictures until the next key frame: what stands
/// between refers to pictures that are not there.
public struct VideoDecoder: ~Copyable, @unchecked Sendable {
    private let codec: CodecContext
    private var converter = VideoScaler()
    /// Frames are thrown away until a key frame comes.
    public private(set) var needsKeyFrame = true

    /// - Parameter extradata: ``MediaTrack/extradata``; none for a stream that has all in its key frames.
    /// - Parameter isLive: pictures come out at once, which is right where none is reordered, as in WebRTC.
    /// - Throws: ``MediaError/unsupportedCodec``.
    public init(_ codec: MediaCodec, extradata: [UInt8] = [], isLive: Bool = true) throws(MediaError) {
        let context = try unsafe CodecContext(codec.decoder)
        guard unsafe context.context.pointee.codec_type == AVMEDIA_TYPE_VIDEO else { throw .unsupportedCodec }
        context.extradata = extradata
        if isLive { unsafe context.context.pointee.flags |= AV_CODEC_FLAG_LOW_DELAY }
        try context.open()
        self.codec = context
    }

    /// The pictures that this frame completes, at most ``Limits/framesPerPacket``.
    public mutating func decode(
        _ bytes: [UInt8], pts: Interval, isKeyFrame: Bool
    ) throws(MediaError) -> [VideoFrame] {
        if isKeyFrame { needsKeyFrame = false }
        guard !needsKeyFrame, !bytes.isEmpty else { return [] }
        do {
            try codec.send(bytes, time: pts.nanoseconds)
            return try receive()
        } catch {
            reset()
            throw error
        }
    }

    /// The pictures that are still inside, at the end of a file. Afterwards as ``reset()``.
    public mutating func finish() -> [VideoFrame] {
        defer { reset() }
        guard (try? codec.send(nil, time: 0)) != nil else { return [] }
        return (try? receive()) ?? []
    }

    /// Forgets what came before, as for a seek.
    public mutating func reset() {
        unsafe avcodec_flush_buffers(codec.context)
        needsKeyFrame = true
    }

    private mutating func receive() throws(MediaError) -> [VideoFrame] {
        var pictures: [VideoFrame] = []
        while try codec.receiveFrame() {
            let frame = unsafe codec.frame
            defer { unsafe av_frame_unref(frame) }
            guard pictures.count < Limits.framesPerPacket else { continue }
            if unsafe frame.pointee.flags & AV_FRAME_FLAG_CORRUPT != 0 || frame.pointee.decode_error_flags != 0 {
                throw .truncated
            }
            let width = unsafe Int(frame.pointee.width)
            let height = unsafe Int(frame.pointee.height)
            guard width <= Limits.pictureSide, height <= Limits.pictureSide else { throw .tooLarge }
            let pts = unsafe Interval(nanoseconds: max(frame.pointee.pts, 0))
            if unsafe frame.pointee.format == AV_PIX_FMT_YUV420P.rawValue && apus_media_stride(frame, 0) > 0 {
                guard let own = unsafe av_frame_alloc() else { throw .tooLarge }
                unsafe av_frame_move_ref(own, frame)
                pictures.append(VideoFrame(unsafe FrameStorage(adopting: own), pts: pts))
            } else {
                pictures.append(try unsafe converter.convert(frame, width: width, height: height, pts: pts))
            }
        }
        return pictures
    }
}
