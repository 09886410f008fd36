public import RTP

/// A media element: an endpoint of a session that no peer is behind, but a part of its worker's media plane. Media is
/// routed to it and from it like a peer's.
///
/// Where a specification or a command names a resource, the worker decides what it may lead to.
public enum ElementSpecification: Hashable, Sendable, Codable {
    /// Plays a file or a stream into the session.
    case player(PlayerSpecification)
    /// Plays what is uploaded to it by HTTP.
    case upload(UploadSpecification)
    /// Writes what the session sends it to a file or a server.
    case recorder(RecorderSpecification)
    /// Looks at the video that the session sends it, or changes it.
    case filter(FilterSpecification)
    /// Sends what it is sent in another codec: `name`, `clockRate`, `channels` and `formatParameters` count.
    case transcoder(CodecParameters)
    /// Sends one picture that is put together of its ports' pictures.
    case composite(CompositeSpecification)
    /// As ``composite(_:)``, with the pictures where ``ElementCommand/arrange(_:)`` says.
    case alphaBlending
    /// Takes the media of one of a hub's participants, and sends the sound of others.
    case hubPort(HubPortSpecification)

    /// The hub that it is of; a hub and its ports are on one worker. Nil for what is no port.
    public var hub: EndpointID? {
        if case .hubPort(let specification) = self { specification.hub } else { nil }
    }

    /// In the process after one that ended it goes on by itself. What it was told by commands is lost: it says that it
    /// has ``ElementStatus/State/started``, and whoever told it tells it again.
    public var isResumed: Bool {
        switch self {
        case .player, .recorder, .upload: false
        case .filter, .transcoder, .composite, .alphaBlending, .hubPort: true
        }
    }
}

/// See ``ElementSpecification/player(_:)``.
public struct PlayerSpecification: Hashable, Sendable, Codable {
    /// `file:`, `http:`, `https:` or `rtsp:`.
    public var uri: String
    /// Milliseconds of a network stream that are read ahead, at most.
    public var networkCache: Int
    /// Nothing is decoded.
    public var usesEncodedMedia: Bool

    public init(uri: String, networkCache: Int = 2000, usesEncodedMedia: Bool = false) {
        self.uri = uri
        self.networkCache = networkCache
        self.usesEncodedMedia = usesEncodedMedia
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        uri = try container.decode(String.self, forKey: .uri)
        networkCache = try container.decode(Int.self, forKey: .networkCache)
        // A process from before the wish was known wrote none.
        usesEncodedMedia = try container.decodeIfPresent(Bool.self, forKey: .usesEncodedMedia) ?? false
    }
}

/// See ``ElementSpecification/upload(_:)``.
public struct UploadSpecification: Hashable, Sendable, Codable {
    /// What a client has to know to upload: part of the URL, not to be guessed.
    public var token: String
    /// Seconds after an upload in which another one belongs to the same session.
    public var disconnectionTimeout: Int
    /// Nothing is decoded.
    public var usesEncodedMedia: Bool

    public init(token: String, disconnectionTimeout: Int = 2, usesEncodedMedia: Bool = false) {
        self.token = token
        self.disconnectionTimeout = disconnectionTimeout
        self.usesEncodedMedia = usesEncodedMedia
    }
}

/// See ``ElementSpecification/recorder(_:)``.
public struct RecorderSpecification: Hashable, Sendable, Codable {
    /// `file:`, `http:` or `https:`.
    public var uri: String
    public var profile: RecordingProfile

    public init(uri: String, profile: RecordingProfile) {
        self.uri = uri
        self.profile = profile
    }
}

/// What a recording is made of.
public struct RecordingProfile: Hashable, Sendable, Codable {
    public enum Container: String, Hashable, Sendable, Codable {
        /// VP8 or VP9, and Opus.
        case webm
        /// H.264, and AAC or Opus.
        case mp4
        /// Whatever comes.
        case matroska
        /// H.264 and AAC.
        case flv
        /// JPEG pictures, one behind the other, as Kurento's `jifmux` puts them into a file. *Deviation:* 25 for each
        /// second, whatever comes, since nothing says their times: so players show them at the right pace.
        case jpeg
        /// As ``matroska``, with a file for each kind. *Deviation:* Kurento's KURENTO_SPLIT_RECORDER has the form of a
        /// muxer (`ksrmux`) that is not part of Kurento, which refuses the profile without it.
        case split
    }

    public var container: Container
    public var hasAudio: Bool
    public var hasVideo: Bool

    public init(container: Container, hasAudio: Bool = true, hasVideo: Bool = true) {
        self.container = container
        self.hasAudio = hasAudio
        self.hasVideo = hasVideo
    }
}

/// What an element is told to do. Answered by ``Outcome/done`` once it is done, or a refusal.
public enum ElementCommand: Hashable, Sendable, Codable {
    /// Plays, or records, from where it paused or from the start.
    case start
    case pause
    /// A player goes back to the start; a recording is complete when this is answered.
    case stop
    /// Milliseconds from the start, of a player.
    case seek(milliseconds: Int)
    /// Of a filter that lays images over pictures: one more, or another one under the same id.
    case addImage(ImageOverlay)
    case removeImage(String)
    /// A property of a ``FilterSpecification/gstreamer(_:)``.
    case setProperty(String, String)
    /// Where the ports of ``ElementSpecification/alphaBlending`` are, all of them.
    case arrange(BlendingArrangement)
    /// Of a port that does not hear all: whose sound it sends, of the ports of its hub.
    case hear([EndpointID])
}

/// What an element does, and where it is.
public struct ElementStatus: Hashable, Sendable, Codable {
    public enum State: String, Hashable, Sendable, Codable {
        case stopped, started, paused
    }

    public var state = State.stopped
    /// Milliseconds that were played or recorded.
    public var position = 0
    /// Of a player; nil until its resource is open.
    public var source: SourceInformation?
    /// Where clients upload to, of an element that takes uploads.
    public var url: String?

    public init() {}
}

/// What a player plays.
public struct SourceInformation: Hashable, Sendable, Codable {
    public var isSeekable: Bool
    /// Milliseconds; nil of a stream without end.
    public var duration: Int?

    public init(isSeekable: Bool, duration: Int?) {
        self.isSeekable = isSeekable
        self.duration = duration
    }
}

/// What goes wrong in an element while it works.
public struct ElementFailure: Error, Hashable, Sendable, Codable {
    public enum Reason: String, Hashable, Sendable, Codable {
        /// There is no such resource.
        case notFound
        /// It is there, and may not be used.
        case forbidden
        /// Its server cannot be reached, or does not answer in time.
        case unreachable
        /// It is no media that can be read.
        case wrongFormat
        case unsupportedCodec
        /// Reading stopped working in the middle.
        case unreadable
        /// It cannot be made or opened where it should be.
        case unopenable
        /// Writing stopped working in the middle.
        case unwritable
        case noSpace
        case other
    }

    public var reason: Reason
    /// A sentence: what, and what to do about it.
    public var message: String

    public init(_ reason: Reason, _ message: String) {
        self.reason = reason
        self.message = message
    }
}
