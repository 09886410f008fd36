import CFFmpeg
public import Wire

/// Decodes one track or stream of sound into 48 kHz, mono or stereo.
///
/// After rubbish it throws once and goes on with the next packet.
public struct AudioDecoder: ~Copyable, @unchecked Sendable {
    private let codec: CodecContext
    private var resampler: AudioResampler

    /// - Parameter channels: of what comes out, 1 or 2.
    /// - Throws: ``MediaError/unsupportedCodec``.
    public init(_ track: MediaTrack, channels: Int = 2) throws(MediaError) {
        let context = try unsafe CodecContext(track.codec.decoder)
        guard unsafe context.context.pointee.codec_type == AVMEDIA_TYPE_AUDIO,
            (0...Limits.channels).contains(track.channels), (0...Limits.sampleRate).contains(track.sampleRate)
        else { throw .unsupportedCodec }
        context.extradata = track.extradata
        unsafe context.context.pointee.sample_rate = Int32(track.sampleRate)
        if track.channels > 0 {
            unsafe _ = apus_media_set_channels(&context.context.pointee.ch_layout, Int32(track.channels))
        }
        try context.open()
        codec = context
        resampler = AudioResampler(channels: channels)
    }

    /// For a stream of RTP: Opus, PCMU or PCMA, whose packets tell all.
    public init(_ codec: MediaCodec, channels: Int = 2) throws(MediaError) {
        let isOpus = codec == .opus
        var track = MediaTrack(index: 0, kind: .audio, codec: codec)
        track.sampleRate = isOpus ? 48_000 : 8000
        track.channels = isOpus ? 2 : 1
        try self.init(track, channels: channels)
    }

    /// The sound of a packet; nil when there is none yet.
    public mutating func decode(_ bytes: [UInt8], pts: Interval) throws(MediaError) -> AudioFrame? {
        guard !bytes.isEmpty else { return nil }
        do {
            try codec.send(bytes, time: pts.nanoseconds)
            return try receive(pts)
        } catch {
            unsafe avcodec_flush_buffers(codec.context)
            throw error
        }
    }

    /// Forgets what came before, as for a seek.
    public mutating func reset() { unsafe avcodec_flush_buffers(codec.context) }

    private mutating func receive(_ pts: Interval) throws(MediaError) -> AudioFrame? {
        var whole: AudioFrame?
        var count = 0
        while try codec.receiveFrame() {
            defer { unsafe av_frame_unref(codec.frame) }
            count += 1
            guard count <= Limits.framesPerPacket else { continue }
            let time = unsafe codec.frame.pointee.pts
            let part = try unsafe resampler.resample(
                codec.frame, pts: time == apus_media_no_time() ? pts : Interval(nanoseconds: time))
            if whole == nil { whole = part } else { whole?.samples += part.samples }
        }
        return whole.flatMap { $0.samples.isEmpty ? nil : $0 }
    }
}
