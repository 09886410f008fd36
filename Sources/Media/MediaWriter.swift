import CFFmpeg
public import Wire

/// Writes encoded packets into a file, or into the body of an HTTP PUT.
///
/// What has been given to it is on its way to the disk within a second of media time: WebM and Matroska get clusters,
/// MP4 gets fragments of ``MediaWriter/clusterTime``, FLV and JPEG are written on as often. A process that is killed at
/// any moment leaves a file that plays up to there. ``finish()`` adds what makes it a whole one:
///
/// - WebM and Matroska: the duration, at its reserved place, and the index (cues).
/// - MP4: a `moov` box with the index of all fragments behind them; then one write of 16 bytes turns all before it into
///   one `mdat`. Until then it is a fragmented file, from then on one as every player knows it, and never anything in
///   between. (Rewriting would cost as much disk again, and minutes at the end of a long recording; fragments with a
///   duration patched in leave players that look at the index alone without one.)
/// - FLV: the duration, in its metadata. A series of JPEG pictures needs nothing.
/// - An upload cannot be changed any more: WebM, Matroska and FLV have no duration and no index, MP4 stays fragmented.
///
/// A failure is for good: what was written stays, and every later call throws the same.
///
/// The first packet's time becomes zero. A track may begin late, or never, or pause: the others do not wait for it
/// longer than ``MediaWriter/orderingTime``. The picture's size may change in the stream: VP8, VP9 say theirs in each
/// key frame. H.264 has its parameter sets in the container's header, and new ones in the packets, which FFmpeg and
/// browsers follow; a player that reads the header alone shows the new size wrongly, so that a new file is the better
/// answer to a new SPS.
public struct MediaWriter: ~Copyable, @unchecked Sendable {
    /// How to write.
    public struct Options: Sendable {
        /// For making the connection, each write to it, and the answer at the end. Files have no deadline.
        public var timeout = Interval.seconds(10)
        /// Whether a server of `https://` has to prove who it is.
        public var verifiesCertificates = true
        /// The time that is the file's zero; nil takes the first packet's. Files that share one can be put together.
        public var origin: Interval?

        public init() {}
    }

    /// Media time after which a cluster or fragment ends.
    public static let clusterTime = Interval.milliseconds(600)
    /// Media time for which packets are held back, so that the file has them in order.
    public static let orderingTime = Interval.milliseconds(300)

    let output: OutputContext
    let container: Container
    private let interruption: Interruption
    private let options: Options
    /// Held back, by time.
    private var held: [Held] = []
    private var heldBytes = 0
    private var tracks: [Track]
    /// The time that is the file's zero.
    private var origin: Interval?
    /// When the open cluster began.
    private var clusterStart: Interval?
    private var failure: MediaError?
    private var isFinished = false

    private struct Held {
        var track: Int
        var pts: Interval
        var duration: Interval?
        var isKeyFrame: Bool
        var bytes: [UInt8]
    }

    private struct Track {
        /// Ticks of the last packet that was written.
        var last: Int64 = -1
        /// Time of the last packet that was taken.
        var newest: Interval?
        /// What a packet lasts whose successor is not known.
        var duration: Interval
        /// Added to each time: Matroska's readers take a track's CodecDelay away again.
        var delay: Interval
    }

    /// Makes the file, with the directories above it, or connects to the server.
    ///
    /// - Parameter location: `file://`, `http://` or `https://`.
    /// - Throws: ``MediaError/unsupportedCodec`` for a track that the container does not take, or without the
    ///   headers that it needs.
    public init(
        _ location: String, container: Container, tracks: [TrackParameters], options: Options = Options(),
        interruption: Interruption = Interruption()
    ) throws(MediaError) {
        let place = try MediaLocation(location)
        guard (1...Limits.writtenTracks).contains(tracks.count), tracks.allSatisfy(container.takes) else {
            throw .unsupportedCodec
        }
        interruption.arm(options.timeout)
        try interruption.check()
        let output: OutputContext
        switch place.scheme {
        case .file:
            let made = unsafe apus_media_make_parents(place.path)
            if made < 0 { throw MediaError(made, while: .writing) }
            let descriptor = unsafe apus_media_create_file(place.path)
            if descriptor < 0 { throw MediaError(descriptor, while: .writing) }
            output = try OutputContext(container, descriptor: descriptor)
        case .http, .https:
            let upload = try Upload(
                place, type: container.contentType, verifiesCertificates: options.verifiesCertificates,
                interruption: interruption)
            output = try OutputContext(container, descriptor: -1, upload: upload)
        case .rtsp:
            throw .forbidden
        }
        try self.init(output, container: container, tracks: tracks, options: options, interruption: interruption)
    }

    /// Into an open file or request.
    init(
        _ output: OutputContext, container: Container, tracks: [TrackParameters], options: Options = Options(),
        interruption: Interruption = Interruption()
    ) throws(MediaError) {
        self.output = output
        self.container = container
        self.options = options
        self.interruption = interruption
        origin = options.origin
        self.tracks = tracks.map { track in
            let hasDelay = container == .webm || container == .mkv
            let delay = hasDelay ? Interval.seconds(Int64(track.preSkip)) / 48_000 : .zero
            return Track(duration: .milliseconds(track.isVideo ? 33 : 20), delay: delay)
        }
        for track in tracks { try output.add(track) }
        var settings = LibraryOptions()
        settings.set("fflags", "+bitexact")
        settings.set("avoid_negative_ts", "disabled")
        if container == .mp4 {
            settings.set("movflags", "frag_custom+empty_moov+default_base_moof+frag_discont+skip_trailer")
            settings.set("use_editlist", "0")
            settings.set("strict", "experimental")
        } else {
            settings.set("cluster_time_limit", "1000")
        }
        try output.begin(settings, reserve: container == .mp4 && output.upload == nil ? FragmentIndex.reserve : [])
    }

    /// Takes one packet of a track. Times of a track must not fall; one that does is moved behind the last.
    ///
    /// Blocks while the disk or the server is slow.
    /// - Parameter duration: of the packet; by default the distance to the next, or as the last.
    public mutating func write(
        track: Int, pts: Interval, bytes: [UInt8], isKeyFrame: Bool, duration: Interval? = nil
    ) throws(MediaError) {
        precondition(tracks.indices.contains(track), "no such track")
        if let failure { throw failure }
        precondition(!isFinished, "written to after its end")
        guard bytes.count <= Limits.packetBytes else { throw .tooLarge }
        guard !bytes.isEmpty else { return }
        let time = max(pts, tracks[track].newest ?? pts)
        tracks[track].newest = time
        var place = held.count
        while place > 0, held[place - 1].pts > time { place -= 1 }
        held.insert(
            Held(track: track, pts: time, duration: duration, isKeyFrame: isKeyFrame, bytes: bytes), at: place)
        heldBytes += bytes.count
        try guarded { writer throws(MediaError) in try writer.release(all: false) }
    }

    /// Writes what is held back, and ends the cluster: before a pause, so that a kill during it loses nothing.
    public mutating func flush() throws(MediaError) {
        if let failure { throw failure }
        guard !isFinished else { return }
        try guarded { writer throws(MediaError) in
            try writer.release(all: true)
            try writer.output.flush()
        }
        clusterStart = nil
    }

    /// Writes what is held back, the duration and the index, and closes. To be called once; without it the file is
    /// as that of a process that was killed.
    public mutating func finish() throws(MediaError) {
        if let failure { throw failure }
        guard !isFinished else { return }
        try guarded { writer throws(MediaError) in
            try writer.release(all: true)
            try writer.output.end()
            if let upload = writer.output.upload {
                writer.interruption.arm(writer.options.timeout)
                try upload.finish()
            } else {
                if writer.container == .mp4 { try FragmentIndex.finish(writer.output.descriptor) }
                try writer.output.close()
            }
        }
        isFinished = true
    }

    /// The file's time line: how much media is in it.
    public var length: Interval {
        guard let origin else { return .zero }
        return tracks.compactMap { track in track.newest.map { $0 + track.duration - origin } }.max() ?? .zero
    }

    /// Keeps a failure.
    private mutating func guarded(
        _ body: (inout MediaWriter) throws(MediaError) -> Void
    ) throws(MediaError) {
        interruption.arm(options.timeout)
        do throws(MediaError) {
            if interruption.isInterrupted, output.upload != nil { throw .interrupted }
            try body(&self)
        } catch {
            failure = error
            throw error
        }
    }

    /// Writes what need not be held back any longer.
    private mutating func release(all: Bool) throws(MediaError) {
        var count = 0
        while count < held.count, let newest = held.last?.pts {
            let packet = held[count]
            let isDue = newest - packet.pts >= Self.orderingTime
            let isCrowded = held.count - count > Limits.heldPackets || heldBytes > Limits.heldBytes
            guard all || isDue || isCrowded else { break }
            try put(packet, before: held[(count + 1)...].first { $0.track == packet.track })
            heldBytes -= packet.bytes.count
            count += 1
        }
        held.removeFirst(count)
    }

    private mutating func put(_ packet: Held, before next: Held?) throws(MediaError) {
        let zero = origin ?? packet.pts
        origin = zero
        let time = max(.zero, packet.pts - zero)
        if let begin = clusterStart, time - begin >= Self.clusterTime {
            try output.flush()
            clusterStart = time
        }
        if clusterStart == nil { clusterStart = time }
        let known = packet.duration ?? next.map { $0.pts - packet.pts }
        // A pause is no long frame.
        let duration = known.flatMap { $0 > .zero && $0 <= .seconds(1) ? $0 : nil } ?? tracks[packet.track].duration
        tracks[packet.track].duration = duration
        let shifted = time + tracks[packet.track].delay
        let ticks = max(output.ticks(shifted, stream: packet.track), tracks[packet.track].last + 1)
        tracks[packet.track].last = ticks
        try output.write(
            packet.bytes, stream: packet.track, time: ticks,
            duration: output.ticks(duration, stream: packet.track), isKeyFrame: packet.isKeyFrame)
    }
}
