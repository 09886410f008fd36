/// A session description (RFC 8866) with the attributes that WebRTC uses (RFC 8829).
///
/// Only what is modelled here survives: ``init(parsing:)`` drops what it does not know and ``text`` writes the
/// model, so no text of a peer is ever passed on unread.
public struct SessionDescription: Hashable, Sendable {
    public var origin: Origin
    /// `s=`: the session name; `-` when there is none.
    public var name: String
    /// `t=`: NTP seconds; 0 and 0 for a session without bounds, as WebRTC has it.
    public var startTime: UInt64
    public var stopTime: UInt64
    public var connection: ConnectionData?
    public var bandwidths: [Bandwidth]
    /// `a=group`: which sections belong together (RFC 5888, RFC 9143).
    public var groups: [MediaGroup]
    /// `a=ice-lite` (RFC 8839 section 5.3).
    public var isICELite: Bool
    /// `a=ice-options` (RFC 8839 section 5.6).
    public var iceOptions: [String]
    public var iceUfrag: String?
    public var icePassword: String?
    public var fingerprints: [Fingerprint]
    public var setup: SetupRole?
    /// Words of `a=msid-semantic`, for example `WMS`, `*`; empty when the attribute is absent.
    public var msidSemantic: [String]
    /// `a=extmap-allow-mixed` (RFC 8285 section 6).
    public var allowsMixedExtensions: Bool
    public var extensions: [HeaderExtension]
    public var media: [MediaDescription]

    public init(
        origin: Origin = Origin(), name: String = "-", startTime: UInt64 = 0, stopTime: UInt64 = 0,
        connection: ConnectionData? = nil, bandwidths: [Bandwidth] = [], groups: [MediaGroup] = [],
        isICELite: Bool = false, iceOptions: [String] = [], iceUfrag: String? = nil, icePassword: String? = nil,
        fingerprints: [Fingerprint] = [], setup: SetupRole? = nil, msidSemantic: [String] = [],
        allowsMixedExtensions: Bool = false, extensions: [HeaderExtension] = [], media: [MediaDescription] = []
    ) {
        self.origin = origin
        self.name = name
        self.startTime = startTime
        self.stopTime = stopTime
        self.connection = connection
        self.bandwidths = bandwidths
        self.groups = groups
        self.isICELite = isICELite
        self.iceOptions = iceOptions
        self.iceUfrag = iceUfrag
        self.icePassword = icePassword
        self.fingerprints = fingerprints
        self.setup = setup
        self.msidSemantic = msidSemantic
        self.allowsMixedExtensions = allowsMixedExtensions
        self.extensions = extensions
        self.media = media
    }

    /// The groups whose sections share one transport (RFC 9143 section 7.1).
    public var bundles: [MediaGroup] { groups.filter { $0.semantics == MediaGroup.bundle } }
}

/// `o=` (RFC 8866 section 5.2).
public struct Origin: Hashable, Sendable {
    public var username: String
    public var sessionID: UInt64
    /// Raised with every change of the description.
    public var version: UInt64
    public var connection: ConnectionData

    public init(
        username: String = "-", sessionID: UInt64 = 0, version: UInt64 = 0,
        connection: ConnectionData = .unspecified
    ) {
        self.username = username
        self.sessionID = sessionID
        self.version = version
        self.connection = connection
    }
}

/// `c=` and the end of `o=` (RFC 8866 section 5.7); network type `IN` always.
public struct ConnectionData: Hashable, Sendable {
    public var isIPv6: Bool
    /// An address or a host name; never resolved here, since ICE decides (RFC 8839 section 4.2).
    public var address: String

    public init(isIPv6: Bool = false, address: String) {
        self.isIPv6 = isIPv6
        self.address = address
    }

    /// `IN IP4 0.0.0.0`: the default before candidates are known (RFC 8829 section 5.2.1).
    public static let unspecified = ConnectionData(address: "0.0.0.0")
}

/// `b=` (RFC 8866 section 5.8).
public struct Bandwidth: Hashable, Sendable {
    public enum Modifier: String, Hashable, Sendable {
        /// Application specific maximum in kbit/s.
        case applicationSpecific = "AS"
        /// Transport independent maximum in bit/s (RFC 3890).
        case transportIndependent = "TIAS"
    }

    public var modifier: Modifier
    /// kbit/s for `AS`, bit/s for `TIAS`.
    public var value: UInt64

    public init(_ modifier: Modifier, _ value: UInt64) {
        self.modifier = modifier
        self.value = value
    }

    public var kilobitsPerSecond: UInt64 {
        switch modifier {
        case .applicationSpecific: value
        case .transportIndependent: value / 1000
        }
    }
}

/// `a=group` (RFC 5888 section 5).
public struct MediaGroup: Hashable, Sendable {
    public var semantics: String
    public var mids: [String]

    public init(_ semantics: String, _ mids: [String]) {
        self.semantics = semantics
        self.mids = mids
    }

    /// RFC 9143 section 7.
    public static let bundle = "BUNDLE"
}

/// `a=fingerprint`: the hash of the certificate that a DTLS handshake must show (RFC 8122 section 5).
public struct Fingerprint: Hashable, Sendable {
    /// In lower case: `sha-256`, `sha-384`, `sha-512`; others parse but are not negotiated.
    public var algorithm: String
    /// Upper-case hexadecimal bytes with colons between them.
    public var value: String

    public init(algorithm: String, value: String) {
        self.algorithm = algorithm
        self.value = value
    }
}

/// `a=setup` (RFC 4145 section 4, RFC 5763 section 5): who sends the DTLS ClientHello.
public enum SetupRole: String, Hashable, Sendable {
    case active, passive, actpass, holdconn
}
