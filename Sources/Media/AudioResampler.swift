import CFFmpeg
public import Wire

/// Makes 48 kHz interleaved Int16 of sound in any other form. Follows a form that changes.
public struct AudioResampler: ~Copyable, @unchecked Sendable {
    /// Of what comes out: 1 or 2.
    public let channels: Int
    private let context: ResamplerContext

    /// - Parameter sampleRate: of what comes out; anything but 48 kHz is for an encoder's input.
    init(channels: Int, sampleRate: Int) {
        precondition(channels == 1 || channels == 2, "mono or stereo")
        self.channels = channels
        context = ResamplerContext(channels: channels, sampleRate: sampleRate)
    }

    /// For mono or stereo.
    public init(channels: Int) { self.init(channels: channels, sampleRate: AudioFrame.sampleRate) }

    /// - Parameter samples: interleaved. The first is of the time `pts`; the result's time is that of its first.
    public mutating func resample(
        _ samples: [Int16], sampleRate: Int, channels: Int, pts: Interval
    ) throws(MediaError) -> AudioFrame {
        guard (1...Limits.channels).contains(channels), (1...Limits.sampleRate).contains(sampleRate) else {
            throw .unsupportedCodec
        }
        let form = ResamplerContext.Form(format: AV_SAMPLE_FMT_S16, rate: Int32(sampleRate), channels: Int32(channels))
        var layout = unsafe AVChannelLayout()
        unsafe _ = apus_media_set_channels(&layout, Int32(channels))
        try unsafe context.prepare(form, &layout)
        let (output, delay) = unsafe try context.convert(count: samples.count / channels) {
            resampler, space, capacity in
            unsafe samples.withUnsafeBufferPointer { buffer in
                unsafe apus_media_resample_samples(
                    resampler, space, capacity, buffer.baseAddress, Int32(samples.count / channels))
            }
        }
        return AudioFrame(pts: pts - delay, channels: self.channels, samples: output)
    }

    mutating func resample(_ frame: UnsafeMutablePointer<AVFrame>, pts: Interval) throws(MediaError) -> AudioFrame {
        let rate = unsafe frame.pointee.sample_rate
        let channels = unsafe frame.pointee.ch_layout.nb_channels
        guard (1...Limits.channels).contains(Int(channels)), (1...Limits.sampleRate).contains(Int(rate)) else {
            throw .unsupportedCodec
        }
        let form = unsafe ResamplerContext.Form(
            format: AVSampleFormat(rawValue: frame.pointee.format), rate: rate, channels: channels)
        try unsafe context.prepare(form, &frame.pointee.ch_layout)
        let (output, delay) = unsafe try context.convert(count: Int(frame.pointee.nb_samples)) {
            unsafe apus_media_resample($0, $1, $2, frame)
        }
        return AudioFrame(pts: pts - delay, channels: self.channels, samples: output)
    }
}

/// Owns swresample's state.
@safe private final class ResamplerContext {
    /// What comes in.
    struct Form: Equatable {
        var format: AVSampleFormat
        var rate: Int32
        var channels: Int32
    }

    private let channels: Int
    private let sampleRate: Int
    private var context: OpaquePointer?
    private var form: Form?

    init(channels: Int, sampleRate: Int) {
        self.channels = channels
        self.sampleRate = sampleRate
    }

    deinit { unsafe swr_free(&context) }

    func prepare(_ form: Form, _ layout: UnsafePointer<AVChannelLayout>) throws(MediaError) {
        guard form != self.form else { return }
        unsafe swr_free(&context)
        self.form = nil
        let result = unsafe apus_media_resampler_open(
            &context, Int32(channels), AV_SAMPLE_FMT_S16, Int32(sampleRate), layout, form.format, form.rate)
        if result < 0 { throw MediaError(result, while: .coding) }
        self.form = form
    }

    /// The samples, and how much older than the input's first one the first of them is.
    func convert(
        count: Int, _ body: (OpaquePointer, UnsafeMutablePointer<Int16>?, Int32) -> Int32
    ) throws(MediaError) -> ([Int16], Interval) {
        guard let context = unsafe context else { throw .other("no resampler") }
        let delay = unsafe Interval(nanoseconds: swr_get_delay(context, 1_000_000_000))
        let capacity = unsafe swr_get_out_samples(context, Int32(clamping: count))
        guard capacity >= 0, Int(capacity) < Limits.packetBytes else { throw .tooLarge }
        var failure: Int32 = 0
        let samples = unsafe [Int16](unsafeUninitializedCapacity: Int(capacity) * channels) { buffer, filled in
            let result = unsafe body(context, buffer.baseAddress, capacity)
            failure = min(result, 0)
            filled = Int(max(result, 0)) * channels
        }
        if failure < 0 { throw MediaError(failure, while: .coding) }
        return (samples, delay)
    }
}
