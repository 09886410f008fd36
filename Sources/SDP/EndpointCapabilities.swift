public import RTP

/// What our side of a session can do and what it is called: all that ``Negotiator`` needs to know of us.
public struct EndpointCapabilities: Hashable, Sendable {
    public var audio: KindCapabilities
    public var video: KindCapabilities
    public var ice: ICEParameters
    /// Of our DTLS certificate.
    public var fingerprint: Fingerprint
    /// RTCP canonical name of all that we send (RFC 3550 section 6.5.1).
    public var cname: String
    /// Media stream id of all that we send (RFC 8830); `-` for none.
    public var streamID: String
    /// Accept and offer an SCTP section. Off until data channels are carried.
    public var acceptsDataChannels: Bool
    /// `a=sctp-port` and `a=max-message-size` in bytes.
    public var sctpPort: UInt16
    public var maxMessageSize: UInt64
    /// Answer `a=simulcast:recv` to a peer that offers several encodings by rid.
    public var acceptsSimulcast: Bool
    /// Answer an offer of either DTLS role with `a=setup:passive` (RFC 9725 section 4.4.4). The DTLS server chooses the
    /// SRTP profile (RFC 5764 section 4.1.1), and our choice is the one that is cheapest to encrypt.
    public var prefersPassive: Bool
    /// `o=` session id, below 2^63 (RFC 8829 section 5.2.1), and version.
    public var sessionID: UInt64
    public var sessionVersion: UInt64
    /// `s=`.
    public var sessionName: String

    public init(
        audio: KindCapabilities = .defaultAudio, video: KindCapabilities = .defaultVideo, ice: ICEParameters,
        fingerprint: Fingerprint, cname: String, streamID: String = "-", acceptsDataChannels: Bool = false,
        sctpPort: UInt16 = Negotiator.defaultSCTPPort, maxMessageSize: UInt64 = 262_144, acceptsSimulcast: Bool = false,
        prefersPassive: Bool = false, sessionID: UInt64 = 0, sessionVersion: UInt64 = 0, sessionName: String = "-"
    ) {
        self.audio = audio
        self.video = video
        self.ice = ice
        self.fingerprint = fingerprint
        self.cname = cname
        self.streamID = streamID
        self.acceptsDataChannels = acceptsDataChannels
        self.sctpPort = sctpPort
        self.maxMessageSize = maxMessageSize
        self.acceptsSimulcast = acceptsSimulcast
        self.prefersPassive = prefersPassive
        self.sessionID = sessionID
        self.sessionVersion = sessionVersion
        self.sessionName = sessionName
    }

    public subscript(kind: MediaKind) -> KindCapabilities {
        get {
            switch kind {
            case .audio: audio
            case .video: video
            }
        }
        set {
            switch kind {
            case .audio: audio = newValue
            case .video: video = newValue
            }
        }
    }
}

/// What we can do with audio, or with video.
public struct KindCapabilities: Hashable, Sendable {
    /// In order of preference. The payload types are those of our own offers; a codec has RTX if its
    /// ``CodecParameters/rtxPayloadType`` is set.
    public var codecs: [CodecParameters]
    /// URIs of header extensions in the order in which our offers number them.
    public var headerExtensions: [String]
    /// The most that we would do: `sendonly` answers an offer to send and receive with `sendonly`.
    public var direction: MediaDirection
    /// The streams that we send: the first section that we send in takes the first, and so on. A section
    /// for which none is left is not sent in.
    public var sources: [LocalSource]
    /// Sections accepted; what an offer has beyond is rejected. Kurento has one.
    public var maxSections: Int
    /// Ceiling for what the peer sends to us, in kbit/s: `b=AS` and `b=TIAS`.
    public var maxReceiveKbps: UInt32?

    public init(
        codecs: [CodecParameters], headerExtensions: [String], direction: MediaDirection = .sendrecv,
        sources: [LocalSource] = [], maxSections: Int = 1, maxReceiveKbps: UInt32? = nil
    ) {
        self.codecs = codecs
        self.headerExtensions = headerExtensions
        self.direction = direction
        self.sources = sources
        self.maxSections = maxSections
        self.maxReceiveKbps = maxReceiveKbps
    }
}

/// One track that we send.
public struct LocalSource: Hashable, Sendable {
    public var ssrc: UInt32
    /// Of its retransmissions; announced only when RTX is agreed on.
    public var rtxSSRC: UInt32?
    /// The second half of msid.
    public var trackID: String
    /// The first half, where it is not that of all: streams of one source play in step, of several each for itself.
    public var streamID: String?

    public init(ssrc: UInt32, rtxSSRC: UInt32? = nil, trackID: String, streamID: String? = nil) {
        self.ssrc = ssrc
        self.rtxSSRC = rtxSSRC
        self.trackID = trackID
        self.streamID = streamID
    }
}

/// ICE credentials and options of our side, or of the peer.
public struct ICEParameters: Hashable, Sendable {
    public var ufrag: String
    public var password: String
    public var isLite: Bool
    /// `a=ice-options:trickle` (RFC 8840 section 4.1).
    public var trickles: Bool

    public init(ufrag: String, password: String, isLite: Bool = false, trickles: Bool = true) {
        self.ufrag = ufrag
        self.password = password
        self.isLite = isLite
        self.trickles = trickles
    }
}
