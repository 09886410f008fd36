import CFFmpeg
public import Wire

/// Reads the encoded packets of a file or a stream: `file://`, `http://`, `https://`, `rtsp://`.
///
/// Used by one thread at a time; ``Interruption/interrupt()`` ends its calls from any other. Every call ends at a
/// deadline. A location is opened as it is: whether somebody may have it read is the caller's matter, but it leads
/// nowhere else: no playlists, no references to other files, HTTP redirects to HTTP only and
/// ``Limits/redirects`` of them.
///
/// A file that was cut off plays until its last whole packet and then ends; a transfer that was cut off
/// throws ``MediaError/truncated``.
///
/// *Deviation:* RTSP goes over its one TCP connection, never over UDP (RFC 7826 section 14): any host could send there.
public struct MediaReader: ~Copyable, @unchecked Sendable {
    /// How to open and read.
    public struct Options: Sendable {
        /// For ``MediaReader/init(_:options:interruption:)``.
        public var openTimeout = Interval.seconds(10)
        /// For each ``MediaReader/next()`` and ``MediaReader/seek(to:)``.
        public var readTimeout = Interval.seconds(10)
        /// Whether a server of `https://` has to prove who it is.
        public var verifiesCertificates = true
        /// Whether a server may send on to another, ``Limits/redirects`` times. Who checks where a location leads, and
        /// not only that it is one, says no: the new place is not asked about.
        public var followsRedirects = true

        public init() {}
    }

    /// What was found.
    public let info: MediaInfo
    private let input: InputContext
    private let options: Options
    /// On FFmpeg's time line, in nanoseconds.
    private let start: Int64
    /// By FFmpeg's index of a stream: which track it is, how its ticks count, and the end of its last packet; nil for
    /// what is left out.
    private var streams: [Stream?]
    /// Of the track whose pictures may come in parts.
    private var joined: (track: Int, joiner: SliceJoiner)?

    struct Stream {
        var track: Int
        var base: AVRational
        var end: Interval
    }

    /// Opens a file or a stream, and reads as much as tells what is inside.
    public init(
        _ location: String, options: Options = Options(), interruption: Interruption = Interruption()
    ) throws(MediaError) {
        let place = try MediaLocation(location)
        interruption.arm(options.openTimeout)
        try interruption.check()
        if place.scheme == .file {
            let result = unsafe apus_media_check_file(place.path)
            if result < 0 { throw MediaError(result, while: .opening) }
        } else if !place.isNumeric {
            try interruption.resolve(place.host)
        }
        let input = try InputContext(place, options: options, interruption: interruption)
        try self.init(input, options) { start throws(MediaError) in
            try Self.measure(place, from: start, options: options, interruption: interruption)
        }
        guard place.scheme == .rtsp, let video = info.tracks.first(where: { $0.codec == .h264 }) else { return }
        joined = (video.index, SliceJoiner())
    }

    /// - Parameter measure: finds out how long it is, where it does not say it, from its start in nanoseconds.
    init(
        _ input: InputContext, _ options: Options, measure: (Int64) throws(MediaError) -> Interval? = { _ in nil }
    ) throws(MediaError) {
        try input.analyse()
        let (tracks, streams) = unsafe Self.tracks(of: input.format)
        if tracks.isEmpty { throw .notMedia }
        let begin = unsafe input.format.pointee.start_time
        let start =
            begin == apus_media_no_time() ? 0 : max(-Self.maximumStart, min(begin, Self.maximumStart)) * 1000
        var duration = unsafe Self.duration(of: input.format)
        if duration == nil { duration = try measure(start) }
        info = unsafe MediaInfo(
            duration: duration, seekable: Self.seekable(input.format, duration), tracks: tracks)
        self.input = input
        self.options = options
        self.start = start
        self.streams = streams
    }

    /// A hundred years, in microseconds: what a file says must not overflow.
    private static let maximumStart: Int64 = 100 * 365 * 86_400_000_000

    /// The next packet of any track, in the file's order; nil at the end.
    ///
    /// After ``MediaError/timedOut`` and other errors of a transport the reader is of no use any more.
    public mutating func next() throws(MediaError) -> MediaPacket? {
        input.interruption.arm(options.readTimeout)
        while true {
            try input.interruption.check()
            unsafe av_packet_unref(input.packet)
            let result = unsafe av_read_frame(input.format, input.packet)
            switch UInt32(apus_media_outcome_of(result)) {
            case APUS_MEDIA_DONE.rawValue:
                if let packet = try take(), let whole = join(packet) { return whole }
            case APUS_MEDIA_AGAIN.rawValue:
                continue
            default:
                if let failure = input.streamFailure { throw failure }
                try input.interruption.check()
                return try end(result) ?? joined?.joiner.finish()
            }
        }
    }

    private mutating func join(_ packet: MediaPacket) -> MediaPacket? {
        guard packet.track == joined?.track else { return packet }
        return joined?.joiner.take(packet, isTimed: unsafe input.packet.pointee.pts != apus_media_no_time())
    }

    /// What a failure to read means: an end, or an end too early.
    private func end(_ result: Int32) throws(MediaError) -> MediaPacket? {
        guard let source = unsafe input.format.pointee.pb else {
            if result == apus_media_end() { return nil }
            throw MediaError(result, while: .reading, input.interruption)
        }
        let failure = unsafe result == apus_media_end() ? source.pointee.error : result
        guard failure < 0, failure != apus_media_end() else { return nil }
        let error = MediaError(failure, while: .reading, input.interruption)
        // A body of unknown length ends with its connection, which FFmpeg takes for a failure.
        if error == .truncated, unsafe avio_size(source) <= 0 { return nil }
        throw error
    }

    /// The packet that was read, or nil when its track is left out.
    private mutating func take() throws(MediaError) -> MediaPacket? {
        let packet = unsafe input.packet.pointee
        let index = unsafe Int(packet.stream_index)
        guard streams.indices.contains(index), var stream = streams[index] else { return nil }
        let count = unsafe Int(packet.size)
        guard count <= Limits.packetBytes else { throw .tooLarge }
        guard count > 0, let data = unsafe packet.data else { return nil }
        let duration = max(.zero, unsafe time(packet.duration, stream.base) ?? .zero)
        let decode = unsafe time(packet.dts, stream.base).map { $0 - Interval(nanoseconds: start) }
        let show = unsafe time(packet.pts, stream.base).map { $0 - Interval(nanoseconds: start) }
        // AVI has no times but the frames' order.
        let pts = show ?? decode ?? stream.end
        stream.end = pts + duration
        streams[index] = stream
        return unsafe MediaPacket(
            track: stream.track, pts: pts, dts: decode ?? pts, duration: duration,
            isKeyFrame: packet.flags & AV_PKT_FLAG_KEY != 0,
            bytes: [UInt8](UnsafeBufferPointer(start: data, count: count)))
    }

    private func time(_ ticks: Int64, _ base: AVRational) -> Interval? {
        let nanoseconds = apus_media_nanoseconds(ticks, base)
        return nanoseconds == .min ? nil : Interval(nanoseconds: nanoseconds)
    }

    /// Goes to the key frame at or before `position`, or to the nearest place when there is none.
    ///
    /// - Throws: ``MediaError/other(_:)`` when it cannot be done, as for a live stream.
    public mutating func seek(to position: Interval) throws(MediaError) {
        guard let range = info.seekable else { throw .other("not seekable") }
        input.interruption.arm(options.readTimeout)
        try input.interruption.check()
        let wanted = Interval(nanoseconds: start) + min(max(position, range.lowerBound), range.upperBound)
        let target = wanted.microseconds
        var result = unsafe av_seek_frame(input.format, -1, target, AVSEEK_FLAG_BACKWARD)
        if result < 0 { result = unsafe avformat_seek_file(input.format, -1, .min, target, .max, 0) }
        try input.interruption.check()
        if result < 0 {
            let failure = MediaError(result, while: .reading, input.interruption)
            throw failure == .truncated ? .other("cannot seek") : failure
        }
    }
}
