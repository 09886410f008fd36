import CFFmpeg
import Wire

/// FFmpeg's reader with what it needs for as long as it lives.
@safe final class InputContext {
    /// What is looked for: films and streams, or single pictures. Formats of the one are none of the other's.
    enum Content { case media, pictures }

    let format: UnsafeMutablePointer<AVFormatContext>
    let packet: UnsafeMutablePointer<AVPacket>
    let interruption: Interruption
    /// What it reads from, where that is neither a file nor a server.
    private let stream: StreamInput?

    /// Opens and finds out what is inside. The caller has set the deadline.
    init(
        _ location: MediaLocation, _ content: Content = .media, options: MediaReader.Options,
        interruption: Interruption
    ) throws(MediaError) {
        _ = Library.isReady
        self.interruption = interruption
        stream = nil
        guard let packet = unsafe av_packet_alloc() else { throw .tooLarge }
        unsafe self.packet = packet
        var format = unsafe avformat_alloc_context()
        unsafe format?.pointee.interrupt_callback = interruption.hook
        var settings = Self.settings(for: location, content, options)
        let url = location.scheme == .file ? "file:" + location.path : location.text
        // Frees the context when it fails.
        let result = unsafe settings.pass { unsafe avformat_open_input(&format, url, nil, $0) }
        guard result >= 0, let opened = unsafe format else {
            var packet: UnsafeMutablePointer<AVPacket>? = unsafe packet
            unsafe av_packet_free(&packet)
            // What RTSP makes of a silence is no media.
            try interruption.check()
            throw Self.failure(result, of: location, interruption)
        }
        unsafe self.format = opened
    }

    /// Opens what comes by itself. The caller has set the deadline.
    init(
        _ stream: any MediaStream, options: MediaReader.Options, interruption: Interruption
    ) throws(MediaError) {
        _ = Library.isReady
        self.interruption = interruption
        let input = try StreamInput(stream, interruption: interruption)
        self.stream = input
        guard let packet = unsafe av_packet_alloc() else { throw .tooLarge }
        unsafe self.packet = packet
        var format = unsafe avformat_alloc_context()
        unsafe format?.pointee.interrupt_callback = interruption.hook
        unsafe format?.pointee.pb = input.input
        var settings = Self.settings(.media)
        settings.set("protocol_whitelist", "")
        // Frees the context when it fails, but not its input.
        let result = unsafe settings.pass { unsafe avformat_open_input(&format, nil, nil, $0) }
        guard result >= 0, let opened = unsafe format else {
            var packet: UnsafeMutablePointer<AVPacket>? = unsafe packet
            unsafe av_packet_free(&packet)
            if let failure = input.failure { throw failure }
            try interruption.check()
            throw MediaError(result, while: .opening, interruption)
        }
        unsafe self.format = opened
    }

    /// Why the stream it reads from ended too early.
    var streamFailure: MediaError? { stream?.failure }

    deinit {
        // RTSP says good-bye to its server.
        interruption.arm(.seconds(1))
        var format: UnsafeMutablePointer<AVFormatContext>? = unsafe format
        unsafe avformat_close_input(&format)
        var packet: UnsafeMutablePointer<AVPacket>? = unsafe packet
        unsafe av_packet_free(&packet)
    }

    private static func failure(_ result: Int32, of location: MediaLocation, _ interruption: Interruption) -> MediaError
    {
        let failure = MediaError(result, while: .opening, interruption)
        // FFmpeg says EIO for names without address and for TLS that fails.
        return failure == .truncated && location.scheme != .file && result != apus_media_end() ? .unreachable : failure
    }

    /// Reads as much as is needed to know the tracks.
    func analyse() throws(MediaError) {
        let result = unsafe avformat_find_stream_info(format, nil)
        if let streamFailure { throw streamFailure }
        try interruption.check()
        if result < 0 { throw MediaError(result, while: .opening, interruption) }
    }

    private static func settings(
        for location: MediaLocation, _ content: Content, _ options: MediaReader.Options
    ) -> LibraryOptions {
        var settings = settings(content, isRTSP: location.scheme == .rtsp)
        switch location.scheme {
        case .file:
            settings.set("protocol_whitelist", "file")
        case .http, .https:
            settings.set("protocol_whitelist", "http,https,tls,tcp")
            settings.set("max_redirects", String(options.followsRedirects ? Limits.redirects : 0))
            settings.set("user_agent", "Apus")
            settings.set("tls_verify", options.verifiesCertificates ? "1" : "0")
        case .rtsp:
            // Over one connection: datagrams could come from anybody.
            settings.set("protocol_whitelist", "tcp")
            settings.set("rtsp_transport", "tcp")
            settings.set("user_agent", "Apus")
        }
        return settings
    }

    private static func settings(_ content: Content, isRTSP: Bool = false) -> LibraryOptions {
        var settings = LibraryOptions()
        switch content {
        case .media:
            settings.set("format_whitelist", isRTSP ? "rtsp" : formats.joined(separator: ","))
            settings.set("codec_whitelist", MediaCodec.decoders.joined(separator: ","))
        case .pictures:
            settings.set("format_whitelist", pictureFormats.joined(separator: ","))
            settings.set("codec_whitelist", MediaCodec.pictureDecoders.joined(separator: ","))
        }
        settings.set("probesize", String(Limits.probeBytes))
        settings.set("analyzeduration", String(Limits.probeTime.microseconds))
        settings.set("max_streams", String(Limits.streams))
        settings.set("fflags", "+discardcorrupt")
        return settings
    }

    /// No playlist and no format that names other files: HLS, DASH, concat, SDP, image sequences.
    private static let formats = [
        "matroska", "webm", "mov", "mp4", "m4a", "3gp", "ogg", "wav", "mp3", "aac", "flac", "avi", "flv", "mpegts",
        "mpeg", "ivf", "mjpeg",
    ]

    /// One picture in one file; none of them by its name, which could stand for many.
    private static let pictureFormats = ["png_pipe", "jpeg_pipe", "webp_pipe", "bmp_pipe", "gif_pipe", "gif"]
}
