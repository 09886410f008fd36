import Media
import Payload
import RTP
import Session
import Wire

/// One file that is being recorded.
///
/// It begins when both kinds of media are there, or one has been alone for ``Limits/trackPatience``: a container's
/// header says what is inside. Video begins at a key frame, also after a pause. A class, for an open file is one thing.
final class Recording {
    private struct Frame {
        var frame: EncodedFrame
        var format: PayloadFormat
        var capture: Instant
    }

    private let specification: RecorderSpecification
    private let location: String
    private var writer: MediaWriter?
    private var waiting: [Frame] = []
    private var waitingBytes = 0
    private var waitingSince: Instant?
    private var tracks: [MediaKind: RecordedTrack] = [:]
    private var timeline = RecordingTimeline()
    /// Nothing is written before one comes.
    private(set) var needsKeyFrame: Bool

    init(_ specification: RecorderSpecification, location: String) {
        self.specification = specification
        self.location = location
        needsKeyFrame = specification.profile.hasVideo
    }

    var length: Interval { timeline.end }

    /// There is a file.
    var isOpen: Bool { writer != nil }

    /// What comes next follows at once, from a key frame on.
    func resume() {
        timeline.cut()
        needsKeyFrame = tracks[.video] != nil || (writer == nil && specification.profile.hasVideo)
    }

    func pause() throws(MediaError) { try writer?.flush() }

    func add(
        _ frame: EncodedFrame, format: PayloadFormat, capture: Instant, now: Instant
    ) throws(MediaError) {
        let entry = Frame(frame: frame, format: format, capture: capture)
        guard writer == nil else { return try write(entry) }
        if format.kind == .video, needsKeyFrame {
            guard frame.isKeyFrame else { return }
            needsKeyFrame = false
        }
        waitingSince = waitingSince ?? now
        waiting.append(entry)
        waitingBytes += frame.bytes.count
        guard waitingBytes <= Limits.waitingBytes else { return try begin() }
        try advance(to: now)
    }

    func advance(to now: Instant) throws(MediaError) {
        guard writer == nil, let waitingSince else { return }
        let isComplete = specification.profile.kinds.allSatisfy { kind in
            waiting.contains { $0.format.kind == kind }
        }
        guard isComplete || now - waitingSince >= Limits.trackPatience else { return }
        try begin()
    }

    /// Makes the file, and writes what has waited.
    private func begin() throws(MediaError) {
        var parameters: [TrackParameters] = []
        for kind in specification.profile.kinds {
            guard let first = waiting.first(where: { $0.format.kind == kind }) else { continue }
            let track = try RecordedTrack(
                first.format, first.frame, container: specification.profile.container, index: parameters.count)
            parameters.append(track.parameters)
            tracks[kind] = track
        }
        writer = try MediaWriter(location, container: Container(specification.profile.container), tracks: parameters)
        let frames = waiting.sorted { $0.capture < $1.capture }
        waiting = []
        waitingBytes = 0
        if tracks[.video] == nil { needsKeyFrame = false }
        for frame in frames { try write(frame) }
    }

    private func write(_ entry: Frame) throws(MediaError) {
        let kind = entry.format.kind
        guard tracks[kind] != nil else { return }
        if needsKeyFrame {
            // Sound waits for the picture: after a pause both go on together.
            guard kind == .video, entry.frame.isKeyFrame else { return }
            needsKeyFrame = false
        }
        let duration = entry.format.duration(of: entry.frame.bytes).map {
            Interval(nanoseconds: Int64($0) * 1_000_000_000 / Int64(entry.format.clockRate))
        }
        let time = timeline.place(entry.capture, lasting: duration ?? RecordedTrack.pictureTime)
        guard let track = tracks[kind] else { return }
        for packet in try track.take(entry.frame, format: entry.format, at: time) {
            try writer?.write(
                track: track.index, pts: packet.time, bytes: packet.bytes, isKeyFrame: packet.isKeyFrame)
        }
    }

    /// The file is whole when this returns. Without any media there is none.
    func finish() throws(MediaError) {
        if writer == nil, !waiting.isEmpty { try begin() }
        try writer?.finish()
    }
}

extension Container {
    init(_ container: RecordingProfile.Container) {
        switch container {
        case .webm: self = .webm
        case .mp4: self = .mp4
        case .matroska: self = .mkv
        }
    }
}
