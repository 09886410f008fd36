/// What one side has agreed to put into, or to expect from, one media section: the vocabulary that
/// SDP, the session specification and forwarding share (in the sense of ORTC's RTCRtpParameters).
public struct RTPParameters: Hashable, Sendable, Codable {
    /// Codecs in order of preference; never empty once negotiated.
    public var codecs: [CodecParameters]
    /// Negotiated RTP header extensions (RFC 8285).
    public var headerExtensions: [HeaderExtensionParameters]
    /// Known streams. Empty on the receiving side when the peer signals no SSRC.
    public var encodings: [EncodingParameters]
    /// RTCP canonical name (RFC 3550 section 6.5.1).
    public var cname: String

    public init(
        codecs: [CodecParameters] = [], headerExtensions: [HeaderExtensionParameters] = [],
        encodings: [EncodingParameters] = [], cname: String = ""
    ) {
        self.codecs = codecs
        self.headerExtensions = headerExtensions
        self.encodings = encodings
        self.cname = cname
    }
}

/// What a media section carries, as far as RTP goes (RFC 8866 section 5.14).
public enum MediaKind: String, Hashable, Sendable, Codable, CaseIterable {
    case audio, video
}

/// Direction of a media section, as the side that holds the value sees it (RFC 8866 section 6.7).
public enum MediaDirection: String, Hashable, Sendable, Codable, CaseIterable {
    case sendrecv, sendonly, recvonly, inactive

    public var sends: Bool { self == .sendrecv || self == .sendonly }
    public var receives: Bool { self == .sendrecv || self == .recvonly }

    /// The same section as the other side sees it.
    public var reversed: MediaDirection {
        switch self {
        case .sendonly: .recvonly
        case .recvonly: .sendonly
        case .sendrecv, .inactive: self
        }
    }

    public init(sends: Bool, receives: Bool) {
        self = sends ? (receives ? .sendrecv : .sendonly) : (receives ? .recvonly : .inactive)
    }
}

/// One codec with its payload type; RTX (RFC 4588) is folded into the codec that it repairs.
public struct CodecParameters: Hashable, Sendable, Codable {
    /// Encoding name as registered: `VP8`, `VP9`, `H264`, `AV1`, `opus`, `PCMU`, `PCMA`. Compare case-insensitively.
    public var name: String
    public var payloadType: UInt8
    /// RTP clock in Hz.
    public var clockRate: UInt32
    /// Audio channels; 1 for video.
    public var channels: UInt8
    /// The `a=fmtp` parameters in their order, e.g. `profile-level-id` → `42e01f`.
    public var formatParameters: [FormatParameter]
    /// `a=rtcp-fb` values: `nack`, `nack pli`, `ccm fir`, `goog-remb`, `transport-cc`, `ack ccfb`.
    public var feedback: [String]
    /// Payload type of the RTX format that repairs this one, if negotiated.
    public var rtxPayloadType: UInt8?

    public init(
        name: String, payloadType: UInt8, clockRate: UInt32, channels: UInt8 = 1,
        formatParameters: [FormatParameter] = [], feedback: [String] = [], rtxPayloadType: UInt8? = nil
    ) {
        self.name = name
        self.payloadType = payloadType
        self.clockRate = clockRate
        self.channels = channels
        self.formatParameters = formatParameters
        self.feedback = feedback
        self.rtxPayloadType = rtxPayloadType
    }
}

/// One `key=value` of an `a=fmtp` line; `value` is empty for a bare key.
public struct FormatParameter: Hashable, Sendable, Codable {
    public var key: String
    public var value: String

    public init(_ key: String, _ value: String) {
        self.key = key
        self.value = value
    }
}

/// A header extension and the id that was negotiated for it (RFC 8285 section 5).
public struct HeaderExtensionParameters: Hashable, Sendable, Codable {
    public var uri: String
    /// 1...14 for one-byte, up to 255 for two-byte headers.
    public var id: UInt8

    public init(uri: String, id: UInt8) {
        self.uri = uri
        self.id = id
    }
}

/// The two ways of `a=rtcp-fb` in which a receiver can say what became of packets.
public enum PacketFeedback {
    /// By numbers across the transport, which a header extension carries
    /// (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    public static let transportWide = "transport-cc"
    /// By SSRC and sequence number (RFC 8888 section 6).
    public static let congestionControl = "ack ccfb"
}

/// URIs of the header extensions that this project understands.
public enum HeaderExtensionURI {
    /// RFC 9143 section 15.1, BUNDLE media identification.
    public static let mid = "urn:ietf:params:rtp-hdrext:sdes:mid"
    /// RFC 8852.
    public static let rid = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
    /// RFC 8852, for RTX streams.
    public static let repairedRid = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
    /// RFC 6464, client-to-mixer audio level.
    public static let audioLevel = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
    /// draft-holmer-rmcat-transport-wide-cc-extensions-01.
    public static let transportWideCC =
        "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
    /// 24-bit send time, 6.18 fixed-point seconds.
    public static let absoluteSendTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
    /// 3GPP TS 26.114 coordination of video orientation.
    public static let videoOrientation = "urn:3gpp:video-orientation"
    public static let playoutDelay = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
    public static let dependencyDescriptor =
        "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
}

/// One RTP stream of a media section: its SSRC, its RTX SSRC and, for simulcast, its rid.
public struct EncodingParameters: Hashable, Sendable, Codable {
    public var ssrc: UInt32?
    public var rtxSSRC: UInt32?
    public var rid: String?

    public init(ssrc: UInt32? = nil, rtxSSRC: UInt32? = nil, rid: String? = nil) {
        self.ssrc = ssrc
        self.rtxSSRC = rtxSSRC
        self.rid = rid
    }
}
