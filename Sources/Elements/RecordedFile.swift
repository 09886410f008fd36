import Media
import Payload
import RTP
import Session
import Wire

/// One file of a recording. A class, for an open file is one thing.
///
/// It begins when all its kinds of media are there, or one has been alone for ``Limits/trackPatience``: a container's
/// header says what is inside.
final class RecordedFile {
    struct Frame {
        var frame: EncodedFrame
        var format: PayloadFormat
        var capture: Instant
    }

    let location: String
    let container: RecordingProfile.Container
    /// What it takes.
    let kinds: [MediaKind]
    /// Its times are the recording's, so that it can be put together with the other files.
    private let keepsTimes: Bool
    private let mayEncode: Bool
    private var writer: MediaWriter?
    private var waiting: [Frame] = []
    private var waitingBytes = 0
    private var waitingSince: Instant?
    private var tracks: [MediaKind: RecordedTrack] = [:]

    /// - Parameter mayEncode: see ``RecordedTrack``.
    init(
        _ location: String, container: RecordingProfile.Container, kinds: [MediaKind], keepsTimes: Bool, mayEncode: Bool
    ) {
        self.location = location
        self.container = container
        self.kinds = kinds
        self.keepsTimes = keepsTimes
        self.mayEncode = mayEncode
    }

    /// There is a file.
    var isOpen: Bool { writer != nil }

    func has(_ kind: MediaKind) -> Bool { tracks[kind] != nil }

    /// Its media of this kind are encoded anew. Nil of one that it has not.
    func encodes(_ kind: MediaKind) -> Bool? { tracks[kind]?.isEncoding }

    /// Keeps a frame until the file begins.
    func hold(_ frame: Frame, now: Instant) {
        waitingSince = waitingSince ?? now
        waiting.append(frame)
        waitingBytes += frame.frame.bytes.count
    }

    /// Whether to ``begin()`` now.
    func isDue(now: Instant) -> Bool {
        guard writer == nil, let waitingSince else { return false }
        return now - waitingSince >= Limits.trackPatience || waitingBytes > Limits.waitingBytes
            || kinds.allSatisfy { kind in waiting.contains { $0.format.kind == kind } }
    }

    /// Whether anything was held.
    var hasWaiting: Bool { !waiting.isEmpty }

    /// Makes the file.
    ///
    /// - Returns: what has waited, in order, to be written now.
    func begin() throws(MediaError) -> [Frame] {
        var parameters: [TrackParameters] = []
        for kind in kinds {
            guard let first = waiting.first(where: { $0.format.kind == kind }) else { continue }
            let track = try RecordedTrack(
                first.format, first.frame, container: container, index: parameters.count, mayEncode: mayEncode)
            parameters.append(track.parameters)
            tracks[kind] = track
        }
        var options = MediaWriter.Options()
        if keepsTimes { options.origin = .zero }
        writer = try MediaWriter(location, container: Container(container), tracks: parameters, options: options)
        let frames = waiting.sorted { $0.capture < $1.capture }
        waiting = []
        waitingBytes = 0
        return frames
    }

    /// Of a kind that it has.
    func write(_ frame: Frame, at time: Interval) throws(MediaError) {
        guard let track = tracks[frame.format.kind] else { return }
        for packet in try track.take(frame.frame, format: frame.format, at: time) {
            try writer?.write(
                track: track.index, pts: packet.time, bytes: packet.bytes, isKeyFrame: packet.isKeyFrame)
        }
    }

    func flush() throws(MediaError) { try writer?.flush() }

    /// The file is whole when this returns.
    func finish() throws(MediaError) { try writer?.finish() }
}

extension Container {
    init(_ container: RecordingProfile.Container) {
        switch container {
        case .webm: self = .webm
        case .mp4: self = .mp4
        case .matroska, .split: self = .mkv
        case .flv: self = .flv
        case .jpeg: self = .jpeg
        }
    }
}
