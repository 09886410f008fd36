public import RTP

/// One `m=` section of a ``SessionDescription``.
public struct MediaDescription: Hashable, Sendable {
    /// The registered media types (RFC 8866 section 8.2.1).
    public enum Kind: String, Hashable, Sendable {
        case audio, video, application, text, message, image

        public init(_ kind: MediaKind) {
            switch kind {
            case .audio: self = .audio
            case .video: self = .video
            }
        }

        /// The kind of RTP media, or nil for the others.
        public var media: MediaKind? { MediaKind(rawValue: rawValue) }
    }

    public var kind: Kind
    /// 0 rejects the section unless ``isBundleOnly``; 9 while no candidate is known (RFC 8829 section 5.2.1).
    public var port: UInt16
    /// `UDP/TLS/RTP/SAVPF`, `UDP/DTLS/SCTP`, …
    public var transport: String
    /// Payload types in order of preference, or `webrtc-datachannel`.
    public var formats: [String]
    public var connection: ConnectionData?
    public var bandwidths: [Bandwidth]
    /// `a=mid` (RFC 5888 section 4).
    public var mid: String?
    public var direction: MediaDirection
    /// `a=bundle-only` (RFC 9143 section 6).
    public var isBundleOnly: Bool
    /// `a=rtcp-mux` (RFC 5761 section 5.1.1).
    public var hasRTCPMux: Bool
    /// `a=rtcp-rsize` (RFC 5506 section 5).
    public var hasReducedSizeRTCP: Bool
    public var iceUfrag: String?
    public var icePassword: String?
    public var iceOptions: [String]
    public var fingerprints: [Fingerprint]
    public var setup: SetupRole?
    /// Each as `candidate:…`, without `a=` (RFC 8839 section 5.1).
    public var candidates: [String]
    public var hasEndOfCandidates: Bool
    public var rtpMaps: [RTPMap]
    public var formatParameters: [FormatParameters]
    public var feedback: [RTCPFeedback]
    public var allowsMixedExtensions: Bool
    public var extensions: [HeaderExtension]
    public var sources: [SourceAttribute]
    public var sourceGroups: [SourceGroup]
    public var msids: [MSID]
    public var rids: [RestrictionID]
    public var simulcast: Simulcast?
    /// `a=rtcp` (RFC 3605).
    public var rtcpAddress: RTCPAddress?
    /// `a=crypto`, those that can be used here (RFC 4568).
    public var cryptos: [CryptoAttribute]
    /// `a=direction`, which comedia once had for RTP: who waits for whose first packet.
    public var connectionRole: ConnectionRole?
    /// `a=sctp-port` (RFC 8841 section 5).
    public var sctpPort: UInt16?
    /// `a=max-message-size` in bytes, 0 for no limit (RFC 8841 section 6).
    public var maxMessageSize: UInt64?

    public init(
        kind: Kind, port: UInt16 = 9, transport: String = MediaDescription.secureRTP, formats: [String] = [],
        connection: ConnectionData? = .unspecified, bandwidths: [Bandwidth] = [], mid: String? = nil,
        direction: MediaDirection = .sendrecv
    ) {
        self.kind = kind
        self.port = port
        self.transport = transport
        self.formats = formats
        self.connection = connection
        self.bandwidths = bandwidths
        self.mid = mid
        self.direction = direction
        isBundleOnly = false
        hasRTCPMux = false
        hasReducedSizeRTCP = false
        iceOptions = []
        fingerprints = []
        candidates = []
        hasEndOfCandidates = false
        rtpMaps = []
        formatParameters = []
        feedback = []
        allowsMixedExtensions = false
        extensions = []
        sources = []
        sourceGroups = []
        msids = []
        rids = []
        cryptos = []
    }

    /// The transport of WebRTC media (RFC 5764 section 8).
    public static let secureRTP = "UDP/TLS/RTP/SAVPF"
    /// The transport of WebRTC data channels (RFC 8841 section 4.1).
    public static let sctp = "UDP/DTLS/SCTP"

    /// Whether the section is turned down, or was stopped (RFC 3264 section 6, RFC 9143 section 6).
    public var isRejected: Bool { port == 0 && !isBundleOnly }

    /// The formats as RTP payload types; those that are none are left out.
    public var payloadTypes: [UInt8] {
        formats.compactMap { UInt8($0) }.filter { $0 < 128 }
    }
}
