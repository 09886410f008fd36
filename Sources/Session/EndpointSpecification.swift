public import RTP

/// What a worker needs to open a peer transport. Chosen by the controller and kept in the store, so
/// that any worker can be given the same endpoint again.
public struct EndpointSpecification: Hashable, Sendable, Codable {
    /// Our ICE user fragment, unique in the cluster, and password (RFC 8445 section 5.3).
    public var localUfrag: String
    public var localPassword: String
    /// Answer checks only, never send any (RFC 8445 section 2.5).
    public var isLite: Bool
    /// We made the offer, so we are the controlling agent (RFC 8445 section 6.1.1).
    public var isOfferer: Bool

    public init(localUfrag: String, localPassword: String, isLite: Bool = false, isOfferer: Bool = false) {
        self.localUfrag = localUfrag
        self.localPassword = localPassword
        self.isLite = isLite
        self.isOfferer = isOfferer
    }
}

/// What offer and answer agreed on for one endpoint.
public struct NegotiatedEndpoint: Hashable, Sendable, Codable {
    public var remoteUfrag: String
    public var remotePassword: String
    public var remoteIsLite: Bool
    /// Hash function and value as in `a=fingerprint`: `sha-256`, `AB:CD:…` (RFC 8122 section 5).
    public var remoteFingerprint: CertificateFingerprint
    /// We send the ClientHello (`a=setup:active` on our side; RFC 5763 section 5).
    public var isDTLSClient: Bool
    public var media: [NegotiatedMedia]
    /// Nil without data channels.
    public var data: NegotiatedData?

    public init(
        remoteUfrag: String, remotePassword: String, remoteIsLite: Bool = false,
        remoteFingerprint: CertificateFingerprint, isDTLSClient: Bool, media: [NegotiatedMedia],
        data: NegotiatedData? = nil
    ) {
        self.data = data
        self.remoteUfrag = remoteUfrag
        self.remotePassword = remotePassword
        self.remoteIsLite = remoteIsLite
        self.remoteFingerprint = remoteFingerprint
        self.isDTLSClient = isDTLSClient
        self.media = media
    }
}

/// What was agreed on for data channels (RFC 8841 sections 5 and 6).
public struct NegotiatedData: Hashable, Sendable, Codable {
    /// SCTP ports.
    public var localPort: UInt16
    public var remotePort: UInt16
    /// Bytes of a message that the peer takes; 0 for any.
    public var maximumMessageSize: Int

    public init(localPort: UInt16, remotePort: UInt16, maximumMessageSize: Int) {
        self.localPort = localPort
        self.remotePort = remotePort
        self.maximumMessageSize = maximumMessageSize
    }
}

/// The hash of a DTLS certificate as `a=fingerprint` gives it (RFC 8122 section 5).
public struct CertificateFingerprint: Hashable, Sendable, Codable {
    public var algorithm: String
    public var value: String

    public init(algorithm: String, value: String) {
        self.algorithm = algorithm
        self.value = value
    }
}

/// One negotiated media section as the server sees it.
public struct NegotiatedMedia: Hashable, Sendable, Codable {
    public var mid: String
    public var kind: MediaKind
    /// The server's own direction: `recvonly` when only the peer sends.
    public var direction: MediaDirection
    /// What the peer sends to us: payload types and extension ids as it will use them.
    public var receive: RTPParameters
    /// What we send to the peer: payload types that it accepts, and our SSRCs.
    public var send: RTPParameters

    public init(mid: String, kind: MediaKind, direction: MediaDirection, receive: RTPParameters, send: RTPParameters) {
        self.mid = mid
        self.kind = kind
        self.direction = direction
        self.receive = receive
        self.send = send
    }
}
