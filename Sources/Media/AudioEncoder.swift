import CFFmpeg
public import Wire

/// One packet of encoded sound.
public struct EncodedAudioFrame: Equatable, Sendable {
    /// Of its first sample; an encoder that looks ahead begins before zero.
    public var pts: Interval
    public var duration: Interval
    public var bytes: [UInt8]

    public init(pts: Interval, duration: Interval, bytes: [UInt8]) {
        self.pts = pts
        self.duration = duration
        self.bytes = bytes
    }
}

/// Encodes sound, in packets of 20 ms; AAC has 1024 samples in each.
public struct AudioEncoder: ~Copyable, @unchecked Sendable {
    /// What to make.
    public struct Configuration: Equatable, Sendable {
        /// Opus, AAC, PCMU or PCMA.
        public var codec: MediaCodec
        /// 1 or 2; PCMU and PCMA have one.
        public var channels = 2
        /// Bits a second; PCMU and PCMA have 64000.
        public var bitRate = 64_000

        public init(codec: MediaCodec) {
            self.codec = codec
            if isG711 { channels = 1 }
        }

        var isG711: Bool { codec == .pcmu || codec == .pcma }
        var sampleRate: Int { isG711 ? 8000 : AudioFrame.sampleRate }
    }

    public private(set) var configuration: Configuration
    private var codec: CodecContext
    private var resampler: AudioResampler
    /// Samples that do not fill a packet yet, at the encoder's rate, and the time of the first.
    private var waiting: [Int16] = []
    private var begin = Interval.zero

    public init(_ configuration: Configuration) throws(MediaError) {
        guard [.opus, .aac, .pcmu, .pcma].contains(configuration.codec), (1...2).contains(configuration.channels) else {
            throw .unsupportedCodec
        }
        var configuration = configuration
        if configuration.isG711 { configuration.channels = 1 }
        codec = try Self.open(configuration)
        resampler = AudioResampler(channels: configuration.channels, sampleRate: configuration.sampleRate)
        self.configuration = configuration
    }

    /// For ``TrackParameters/audio(_:sampleRate:channels:extradata:)``.
    public var extradata: [UInt8] { codec.extradata }

    /// From the next packet on. Opus and AAC begin anew, which is not heard.
    public mutating func setBitRate(_ rate: Int) throws(MediaError) {
        let rate = min(max(rate, 6000), 510_000)
        guard rate != configuration.bitRate, !configuration.isG711 else { return }
        configuration.bitRate = rate
        codec = try Self.open(configuration)
    }

    /// The packets that this sound completes. Sound that does not follow the last begins a new packet.
    public mutating func encode(_ sound: AudioFrame) throws(MediaError) -> [EncodedAudioFrame] {
        let part = try resampler.resample(
            sound.samples, sampleRate: AudioFrame.sampleRate, channels: sound.channels, pts: sound.pts)
        let expected = begin + duration(of: waiting.count / configuration.channels)
        let gap = part.pts - expected
        if waiting.isEmpty || gap > Self.tolerance || gap < .zero - Self.tolerance {
            waiting.removeAll(keepingCapacity: true)
            begin = part.pts
        }
        waiting += part.samples
        var packets: [EncodedAudioFrame] = []
        let size = packetSamples * configuration.channels
        var used = 0
        while waiting.count - used >= size {
            packets += try encode(from: used)
            used += size
            begin = begin + duration(of: packetSamples)
        }
        waiting.removeFirst(used)
        return packets
    }

    /// Clocks that differ are not a gap.
    private static let tolerance = Interval.milliseconds(40)

    private var packetSamples: Int {
        configuration.codec == .aac ? 1024 : configuration.sampleRate / 50
    }

    private func duration(of samples: Int) -> Interval {
        Interval(nanoseconds: Int64(samples) * 1_000_000_000 / Int64(configuration.sampleRate))
    }

    private mutating func encode(from offset: Int) throws(MediaError) -> [EncodedAudioFrame] {
        var frame = unsafe apus_media_sound(codec.context, Int32(packetSamples))
        defer { unsafe av_frame_free(&frame) }
        guard let frame = unsafe frame else { throw .tooLarge }
        unsafe waiting.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            unsafe apus_media_fill_sound(frame, base + offset)
        }
        let base = unsafe codec.context.pointee.time_base
        unsafe frame.pointee.pts = apus_media_ticks(begin.nanoseconds, base)
        try unsafe codec.send(frame)
        var packets: [EncodedAudioFrame] = []
        while let packet = try codec.receivePacket() {
            let time = apus_media_nanoseconds(packet.time, base)
            packets.append(
                EncodedAudioFrame(
                    pts: time == .min ? begin : Interval(nanoseconds: time), duration: duration(of: packetSamples),
                    bytes: packet.bytes))
        }
        return packets
    }

    private static func open(_ configuration: Configuration) throws(MediaError) -> CodecContext {
        _ = Library.isReady
        let name =
            switch configuration.codec {
            case .opus: "libopus"
            case .aac: "aac"
            case .pcmu: "pcm_mulaw"
            default: "pcm_alaw"
            }
        guard let found = unsafe avcodec_find_encoder_by_name(name) else { throw .unsupportedCodec }
        let codec = try unsafe CodecContext(found)
        unsafe codec.context.pointee.sample_rate = Int32(configuration.sampleRate)
        unsafe codec.context.pointee.time_base = AVRational(num: 1, den: Int32(configuration.sampleRate))
        unsafe codec.context.pointee.sample_fmt = configuration.codec == .aac ? AV_SAMPLE_FMT_FLTP : AV_SAMPLE_FMT_S16
        unsafe _ = apus_media_set_channels(&codec.context.pointee.ch_layout, Int32(configuration.channels))
        unsafe codec.context.pointee.flags |= AV_CODEC_FLAG_GLOBAL_HEADER
        var settings = LibraryOptions()
        if !configuration.isG711 { unsafe codec.context.pointee.bit_rate = Int64(configuration.bitRate) }
        if configuration.codec == .opus {
            settings.set("frame_duration", "20")
            settings.set("compression_level", "5")
        }
        try codec.open(settings)
        return codec
    }
}
