public import RTP

/// What our side of plain RTP can do and what it is called: all that ``PlainNegotiator`` needs to know of us.
public struct PlainCapabilities: Hashable, Sendable {
    public var audio: KindCapabilities
    public var video: KindCapabilities
    /// SRTP under one of these, the first in our offers; empty for RTP without protection.
    public var suites: [CryptoSuite]
    /// Both sides' sections without SRTP are taken too.
    public var takesUnprotected: Bool
    /// Master key and salt of what we send, for the longest suite; shorter ones take its beginning.
    public var inline: [UInt8]
    /// Where we receive.
    public var address: PlainAddress
    /// RTCP canonical name of all that we send (RFC 3550 section 6.5.1).
    public var cname: String
    /// `o=` session id, below 2^63 (RFC 8829 section 5.2.1).
    public var sessionID: UInt64

    public init(
        audio: KindCapabilities = .plainAudio, video: KindCapabilities = .plainVideo, suites: [CryptoSuite] = [],
        takesUnprotected: Bool = true, inline: [UInt8] = [], address: PlainAddress, cname: String,
        sessionID: UInt64 = 0
    ) {
        self.audio = audio
        self.video = video
        self.suites = suites
        self.takesUnprotected = takesUnprotected
        self.inline = inline
        self.address = address
        self.cname = cname
        self.sessionID = sessionID
    }

    public subscript(kind: MediaKind) -> KindCapabilities {
        get { kind == .audio ? audio : video }
        set { if kind == .audio { audio = newValue } else { video = newValue } }
    }

    /// Our key for a suite, under the tag of the line that agrees on it.
    func crypto(_ suite: CryptoSuite, tag: UInt32) -> CryptoAttribute {
        CryptoAttribute(tag: tag, suite: suite, inline: Array(inline.prefix(suite.inlineLength)))
    }
}

/// One IP address, and for each kind of media the port of RTP; RTCP's is the one above.
public struct PlainAddress: Hashable, Sendable {
    public var connection: ConnectionData
    public var audioPort: UInt16
    public var videoPort: UInt16

    public init(connection: ConnectionData, audioPort: UInt16, videoPort: UInt16) {
        self.connection = connection
        self.audioPort = audioPort
        self.videoPort = videoPort
    }

    subscript(kind: MediaKind) -> UInt16 { kind == .audio ? audioPort : videoPort }
}

/// What offer and answer of plain RTP agree on, from our side.
public struct PlainNegotiation: Hashable, Sendable {
    /// Our answer, or the offer that was answered.
    public var localDescription: SessionDescription
    /// The accepted sections in their order, at most one of each kind.
    public var media: [PlainMedia]
    /// Why the first of the sections that we rejected was; nil when none was.
    public var firstRefusal: SDPError?
}

/// One accepted section of plain RTP.
public struct PlainMedia: Hashable, Sendable {
    public var media: MediaNegotiation
    public var remote: PlainRemote
    /// RTP and RTCP share a port (RFC 5761).
    public var sharesPort: Bool
    /// The keys of SRTP, of what we send and of what the peer sends; nil without.
    public var localKey: CryptoAttribute?
    public var remoteKey: CryptoAttribute?
}

/// Where the peer of a section is.
public struct PlainRemote: Hashable, Sendable {
    /// An IP address as text; nil where it is to be learned from the peer's first packet.
    public var address: String?
    public var port: UInt16
    /// Of RTCP; nil for the address of RTP.
    public var controlAddress: String?
    public var controlPort: UInt16
}

extension KindCapabilities {
    /// As ``defaultAudio``, without what only WebRTC has.
    public static let plainAudio = plain(defaultAudio)

    /// As ``defaultVideo``, without what only WebRTC has.
    public static let plainVideo = plain(defaultVideo)

    /// Redundancy and retransmission are left out: no encoder of plain RTP makes them. So are header extensions.
    private static func plain(_ capabilities: KindCapabilities) -> KindCapabilities {
        var plain = capabilities
        plain.codecs = capabilities.codecs.filter { !$0.isRedundancy }
        for index in plain.codecs.indices {
            plain.codecs[index].rtxPayloadType = nil
            plain.codecs[index].feedback.removeAll {
                [PacketFeedback.transportWide, PacketFeedback.congestionControl].contains($0)
            }
        }
        plain.headerExtensions = []
        return plain
    }
}
