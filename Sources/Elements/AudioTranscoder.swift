import Media
import Wire

/// Sound of one codec into another.
struct AudioTranscoder: ~Copyable {
    private var decoder: AudioDecoder
    private var encoder: AudioEncoder
    /// What is earlier is decoded and not heard.
    private var begin = Interval.earliest

    init(_ decoder: consuming AudioDecoder, target: MediaCodec) throws(MediaError) {
        let encoder = try AudioEncoder(AudioEncoder.Configuration(codec: target))
        self.decoder = decoder
        self.encoder = consume encoder
    }

    /// The source goes on elsewhere; what leaves begins at `begin`.
    mutating func reset(at begin: Interval) {
        self.begin = begin
        decoder.reset()
    }

    mutating func take(_ bytes: [UInt8], pts: Interval) -> [EncodedAudioFrame] {
        // What is damaged is silence.
        guard let sound = try? decoder.decode(bytes, pts: pts), sound.pts >= begin else { return [] }
        return (try? encoder.encode(sound)) ?? []
    }
}
