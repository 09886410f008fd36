import Media
import Payload
import RTP
import Session
import Wire

/// What is being recorded: one file, or several whose times are of one clock.
///
/// Video begins at a key frame, also after a pause. A kind that comes when its file has begun without it gets a file of
/// its own beside that, for a container's header cannot be changed any more. Both files' times are of the same clock:
/// the second one's media begins where it belongs.
final class Recording {
    private let profile: RecordingProfile
    private let mayEncode: Bool
    /// Where each kind is recorded that has a file of its own, by kind.
    private let own: [MediaKind: String]
    private var files: [RecordedFile]
    private var timeline = RecordingTimeline()
    /// Nothing is written before one comes.
    private(set) var needsKeyFrame: Bool

    /// - Parameters:
    ///   - mayEncode: see ``RecordedTrack``.
    ///   - locate: where a URI leads, once it is known to be allowed.
    init(
        _ specification: RecorderSpecification, mayEncode: Bool = true,
        locate: (String) throws(ElementFailure) -> String
    ) throws(ElementFailure) {
        profile = specification.profile
        self.mayEncode = mayEncode
        needsKeyFrame = profile.hasVideo
        let whole = try locate(specification.uri)
        var own: [MediaKind: String] = [:]
        for kind in profile.kinds {
            // Of a file the link that may be there counts, of a server its host, which is the same.
            let isFile = whole.hasPrefix("file:")
            own[kind] = isFile ? try locate(Self.uri(specification.uri, of: kind)) : Self.uri(whole, of: kind)
        }
        self.own = own
        files = []
        if profile.container == .split {
            files = profile.kinds.compactMap { kind in own[kind].map { file($0, [kind], keepsTimes: true) } }
        } else {
            files = [file(whole, profile.kinds, keepsTimes: false)]
        }
    }

    private func file(_ location: String, _ kinds: [MediaKind], keepsTimes: Bool) -> RecordedFile {
        RecordedFile(
            location, container: profile.container, kinds: kinds, keepsTimes: keepsTimes, mayEncode: mayEncode)
    }

    /// With the kind behind the name: `call-audio.mkv` for `call.mkv`.
    static func uri(_ uri: String, of kind: MediaKind) -> String {
        let host = uri.firstRange(of: "://")?.upperBound ?? uri.startIndex
        let end = uri[host...].firstIndex { $0 == "?" || $0 == "#" } ?? uri.endIndex
        let path = uri[..<end]
        let slash = path[host...].lastIndex(of: "/")
        guard slash != nil || host == uri.startIndex else { return path + "/" + kind.rawValue + uri[end...] }
        let name = slash.map { path.index(after: $0) } ?? path.startIndex
        var stem = end
        if let dot = path[name...].lastIndex(of: "."), dot > name { stem = dot }
        return uri[..<stem] + "-" + kind.rawValue + uri[stem...]
    }

    var length: Interval { timeline.end }

    /// Media of this kind are encoded anew. Nil before any came.
    func encodes(_ kind: MediaKind) -> Bool? { files.lazy.compactMap { $0.encodes(kind) }.last }

    /// There is a file.
    var isOpen: Bool { files.contains(where: \.isOpen) }

    private var hasVideo: Bool { files.contains { $0.has(.video) } }

    /// What comes next follows at once, from a key frame on.
    func resume() {
        timeline.cut()
        needsKeyFrame = hasVideo || (profile.hasVideo && files.contains { $0.kinds.contains(.video) && !$0.isOpen })
    }

    func pause() throws(MediaError) { try forEach { file throws(MediaError) in try file.flush() } }

    func add(
        _ frame: EncodedFrame, format: PayloadFormat, capture: Instant, now: Instant
    ) throws(MediaError) {
        guard let file = target(of: format.kind) else { return }
        let entry = RecordedFile.Frame(frame: frame, format: format, capture: capture)
        guard !file.isOpen else { return try write(entry, into: file) }
        if format.kind == .video, needsKeyFrame || !file.hasWaiting {
            guard frame.isKeyFrame else { return needsKeyFrame = true }
            needsKeyFrame = false
        }
        file.hold(entry, now: now)
        if file.isDue(now: now) { try begin(file) }
    }

    /// The file that takes the kind; it is made when the one that was to take it has begun without.
    private func target(of kind: MediaKind) -> RecordedFile? {
        if let file = files.last(where: { $0.kinds.contains(kind) && (!$0.isOpen || $0.has(kind)) }) { return file }
        guard profile.kinds.contains(kind), let location = own[kind] else { return nil }
        let late = file(location, [kind], keepsTimes: true)
        files.append(late)
        return late
    }

    func advance(to now: Instant) throws(MediaError) {
        for file in files where file.isDue(now: now) { try begin(file) }
    }

    /// Makes the file, and writes what has waited.
    private func begin(_ file: RecordedFile) throws(MediaError) {
        let frames = try file.begin()
        if file.kinds.contains(.video), !file.has(.video) { needsKeyFrame = false }
        for frame in frames { try write(frame, into: file) }
    }

    private func write(_ entry: RecordedFile.Frame, into file: RecordedFile) throws(MediaError) {
        let kind = entry.format.kind
        if needsKeyFrame, hasVideo {
            // Sound waits for the picture: after a pause both go on together.
            guard kind == .video, entry.frame.isKeyFrame else { return }
            needsKeyFrame = false
        }
        let duration = entry.format.duration(of: entry.frame.bytes).map {
            Interval(nanoseconds: Int64($0) * 1_000_000_000 / Int64(entry.format.clockRate))
        }
        let time = timeline.place(entry.capture, lasting: duration ?? RecordedTrack.pictureTime)
        try file.write(entry, at: time)
    }

    /// The files are whole when this returns. Without any media there is none.
    func finish() throws(MediaError) {
        try forEach { file throws(MediaError) in
            if !file.isOpen, file.hasWaiting { try begin(file) }
            try file.finish()
        }
    }

    /// With every file, though it fails with one of them.
    private func forEach(_ body: (RecordedFile) throws(MediaError) -> Void) throws(MediaError) {
        var failure: MediaError?
        for file in files {
            do throws(MediaError) { try body(file) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
    }
}
