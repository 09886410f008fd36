import CFFmpeg
import Wire

/// FFmpeg's muxer, and the file or the request that it writes into.
@safe final class OutputContext {
    let format: UnsafeMutablePointer<AVFormatContext>
    let packet: UnsafeMutablePointer<AVPacket>
    let sink: UnsafeMutablePointer<apus_media_sink>
    let upload: Upload?
    /// Of the file; -1 for an upload, and when it is closed.
    private(set) var descriptor: Int32
    private var hasHeader = false

    /// Takes over the descriptor.
    init(_ container: Container, descriptor: Int32, upload: Upload? = nil) throws(MediaError) {
        _ = Library.isReady
        self.upload = upload
        self.descriptor = descriptor
        var format: UnsafeMutablePointer<AVFormatContext>?
        let sink = unsafe apus_media_sink_new(descriptor, upload?.stream)
        var packet = unsafe av_packet_alloc()
        unsafe avformat_alloc_output_context2(&format, nil, container.name, nil)
        if let sink = unsafe sink, let packet = unsafe packet, let format = unsafe format,
            let output = unsafe apus_media_sink_output(sink, upload == nil && container.isPatched ? 1 : 0)
        {
            unsafe format.pointee.pb = output
            unsafe self.format = format
            unsafe self.sink = sink
            unsafe self.packet = packet
            return
        }
        unsafe avformat_free_context(format)
        unsafe av_packet_free(&packet)
        unsafe apus_media_sink_free(sink)
        if descriptor >= 0 { apus_media_close(descriptor) }
        throw .tooLarge
    }

    deinit {
        unsafe apus_media_output_free(format.pointee.pb)
        unsafe avformat_free_context(format)
        var packet: UnsafeMutablePointer<AVPacket>? = unsafe packet
        unsafe av_packet_free(&packet)
        unsafe apus_media_sink_free(sink)
        if descriptor >= 0 { apus_media_close(descriptor) }
    }

    /// - Throws: also what only the closing of a file tells, as on a file system of the network.
    func close() throws(MediaError) {
        guard descriptor >= 0 else { return }
        let result = apus_media_close(descriptor)
        descriptor = -1
        if result < 0 { throw MediaError(result, while: .writing) }
    }

    /// Adds a track; its index counts from 0.
    func add(_ track: TrackParameters) throws(MediaError) {
        guard let stream = unsafe avformat_new_stream(format, nil), let parameters = unsafe stream.pointee.codecpar
        else {
            throw .tooLarge
        }
        unsafe stream.pointee.time_base = AVRational(num: 1, den: track.isVideo ? 90_000 : Int32(track.sampleRate))
        unsafe parameters.pointee.codec_id = track.codec.identifier
        if track.isVideo {
            unsafe parameters.pointee.codec_type = AVMEDIA_TYPE_VIDEO
            unsafe parameters.pointee.width = Int32(track.width)
            unsafe parameters.pointee.height = Int32(track.height)
            unsafe parameters.pointee.format = AV_PIX_FMT_YUV420P.rawValue
            if track.codec == .vp9 { unsafe parameters.pointee.profile = 0 }
        } else {
            unsafe parameters.pointee.codec_type = AVMEDIA_TYPE_AUDIO
            unsafe parameters.pointee.sample_rate = Int32(track.sampleRate)
            unsafe _ = apus_media_set_channels(&parameters.pointee.ch_layout, Int32(track.channels))
            unsafe parameters.pointee.initial_padding = Int32(clamping: track.preSkip)
            if track.codec == .pcmu || track.codec == .pcma {
                unsafe parameters.pointee.bits_per_coded_sample = 8
                unsafe parameters.pointee.block_align = Int32(track.channels)
            }
            if track.codec == .aac { unsafe parameters.pointee.frame_size = 1024 }
        }
        guard !track.extradata.isEmpty else { return }
        guard let copy = unsafe apus_media_padded(track.extradata, track.extradata.count) else { throw .tooLarge }
        unsafe parameters.pointee.extradata = copy
        unsafe parameters.pointee.extradata_size = Int32(track.extradata.count)
    }

    /// Writes the file's header, with `reserve` behind its first box.
    func begin(_ settings: consuming LibraryOptions, reserve: [UInt8] = []) throws(MediaError) {
        let output = unsafe format.pointee.pb
        var memory: UnsafeMutablePointer<AVIOContext>?
        guard unsafe avio_open_dyn_buf(&memory) >= 0 else { throw .tooLarge }
        if !reserve.isEmpty { unsafe format.pointee.pb = memory }
        let result = unsafe settings.pass { unsafe avformat_write_header(format, $0) }
        unsafe format.pointee.pb = output
        var header: UnsafeMutablePointer<UInt8>?
        let count = unsafe avio_close_dyn_buf(memory, &header)
        defer { unsafe av_free(header) }
        if result < 0 { throw failure(result) }
        hasHeader = true
        if let header = unsafe header, count >= 8 {
            let bytes = unsafe [UInt8](UnsafeBufferPointer(start: header, count: Int(count)))
            let first = min(bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) }, bytes.count)
            let parted = bytes[..<first] + reserve + bytes[first...]
            unsafe avio_write(output, Array(parted), Int32(parted.count))
        }
        unsafe avio_flush(format.pointee.pb)
        if unsafe sink.pointee.failure < 0 { throw unsafe failure(sink.pointee.failure) }
    }

    /// Writes one packet; times in the ticks of its stream.
    func write(_ bytes: [UInt8], stream: Int, time: Int64, duration: Int64, isKeyFrame: Bool) throws(MediaError) {
        let result = unsafe bytes.withUnsafeBufferPointer { buffer -> Int32 in
            // FFmpeg makes a copy of what it keeps, and does not write through this pointer.
            unsafe packet.pointee.data = UnsafeMutablePointer(mutating: buffer.baseAddress)
            unsafe packet.pointee.size = Int32(buffer.count)
            unsafe packet.pointee.stream_index = Int32(stream)
            unsafe packet.pointee.pts = time
            unsafe packet.pointee.dts = time
            unsafe packet.pointee.duration = duration
            unsafe packet.pointee.flags = isKeyFrame ? AV_PKT_FLAG_KEY : 0
            let result = unsafe av_write_frame(format, packet)
            unsafe av_packet_unref(packet)
            return result
        }
        if result < 0 { throw failure(result) }
    }

    /// Ends the cluster or fragment and gives it to the kernel.
    func flush() throws(MediaError) {
        let result = unsafe av_write_frame(format, nil)
        // Else MP4's next fragment would begin where the last seems to end, and pauses would be lost.
        unsafe _ = av_opt_set(format.pointee.priv_data, "movflags", "+frag_discont", 0)
        unsafe avio_flush(format.pointee.pb)
        if unsafe sink.pointee.failure < 0 { throw unsafe failure(sink.pointee.failure) }
        if result < 0 { throw failure(result) }
    }

    /// Writes what stands at the end, and the lengths at the beginning.
    func end() throws(MediaError) {
        guard hasHeader else { return }
        hasHeader = false
        let result = unsafe av_write_trailer(format)
        unsafe avio_flush(format.pointee.pb)
        if unsafe sink.pointee.failure < 0 { throw unsafe failure(sink.pointee.failure) }
        if result < 0 { throw failure(result) }
    }

    /// Nanoseconds in the ticks of a stream.
    func ticks(_ time: Interval, stream: Int) -> Int64 {
        guard let stream = unsafe format.pointee.streams[stream] else { return 0 }
        return unsafe apus_media_ticks(time.nanoseconds, stream.pointee.time_base)
    }

    private func failure(_ result: Int32) -> MediaError {
        upload?.failure(result) ?? MediaError(result, while: .writing)
    }
}
