import CFFmpeg

/// How a track is encoded.
public enum MediaCodec: Hashable, Sendable {
    case vp8, vp9, h264, jpeg
    case opus, aac, pcmu, pcma, vorbis, mp3
    /// By FFmpeg's name; it can be decoded when ``VideoDecoder`` or ``AudioDecoder`` says so.
    case other(String)

    init(_ identifier: AVCodecID) {
        for (codec, own) in Self.identifiers where own == identifier {
            self = codec
            return
        }
        self = .other(unsafe String(cString: avcodec_get_name(identifier)))
    }

    var identifier: AVCodecID {
        for (codec, own) in Self.identifiers where codec == self { return own }
        if case .other(let name) = self, let descriptor = unsafe avcodec_descriptor_get_by_name(name) {
            return unsafe descriptor.pointee.id
        }
        return AV_CODEC_ID_NONE
    }

    /// For people, as FFmpeg calls it.
    public var name: String {
        if case .other(let name) = self { return name }
        return unsafe String(cString: avcodec_get_name(identifier))
    }

    private static let identifiers: [(MediaCodec, AVCodecID)] = [
        (.vp8, AV_CODEC_ID_VP8), (.vp9, AV_CODEC_ID_VP9), (.h264, AV_CODEC_ID_H264), (.jpeg, AV_CODEC_ID_MJPEG),
        (.opus, AV_CODEC_ID_OPUS), (.aac, AV_CODEC_ID_AAC), (.pcmu, AV_CODEC_ID_PCM_MULAW),
        (.pcma, AV_CODEC_ID_PCM_ALAW), (.vorbis, AV_CODEC_ID_VORBIS), (.mp3, AV_CODEC_ID_MP3),
    ]

    /// The only decoders that content from outside reaches: what browsers record, what cameras send and what people
    /// have on disk. FFmpeg knows some hundred more, and each is a parser of hostile bytes.
    static let decoders = [
        "vp8", "vp9", "h264", "hevc", "libdav1d", "mpeg4", "h263", "mpeg1video", "mpeg2video", "theora", "mjpeg",
        "opus", "aac", "pcm_mulaw", "pcm_alaw", "vorbis", "mp3float", "mp3", "mp2float", "ac3", "flac", "amrnb",
        "pcm_s16le", "pcm_s16be", "pcm_u8", "pcm_s24le", "pcm_f32le",
    ]

    /// The decoder for this codec, if it is one of ``decoders``.
    var decoder: UnsafePointer<AVCodec> {
        get throws(MediaError) {
            _ = Library.isReady
            // The default for AV1 is one that needs hardware.
            let found =
                self == .other("av1")
                ? unsafe avcodec_find_decoder_by_name("libdav1d") : unsafe avcodec_find_decoder(identifier)
            guard let found = unsafe found, Self.decoders.contains(unsafe String(cString: found.pointee.name)) else {
                throw .unsupportedCodec
            }
            return unsafe found
        }
    }
}
