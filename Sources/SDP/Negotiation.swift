public import RTP

/// What an offer and its answer agree on, from our side.
public struct Negotiation: Hashable, Sendable {
    /// Our answer, or the offer that was answered.
    public var localDescription: SessionDescription
    public var remoteICE: ICEParameters
    /// The first of the peer's fingerprints whose hash function we accept.
    public var remoteFingerprint: Fingerprint
    /// We send the ClientHello: `a=setup:active` on our side (RFC 5763 section 5).
    public var isDTLSClient: Bool
    /// The accepted audio and video sections in their order.
    public var media: [MediaNegotiation]
    /// The accepted SCTP section.
    public var dataChannels: DataChannelNegotiation?
    /// Candidates within the peer's description, for the one transport.
    public var remoteCandidates: [RemoteCandidate]
    /// The peer said that there are no more candidates than these.
    public var hasEndOfCandidates: Bool
    /// The accepted sections share one transport by BUNDLE (RFC 9143), and not for want of others.
    public var isBundled: Bool
    /// Why the first of the sections that we rejected was; nil when none was.
    public var firstRefusal: SDPError?

    public var remoteIsLite: Bool { remoteICE.isLite }
}

/// One accepted audio or video section.
public struct MediaNegotiation: Hashable, Sendable, Codable {
    /// As negotiated, or the index in decimal when the peer uses no mids.
    public var mid: String
    /// Of the `m=` line, from 0: `sdpMLineIndex`.
    public var index: Int
    public var kind: MediaKind
    /// As we see it: `recvonly` when only the peer sends.
    public var direction: MediaDirection
    /// What the peer sends to us.
    public var receive: RTPParameters
    /// What we send to the peer.
    public var send: RTPParameters
    /// The peer's ceiling for what we send, in kbit/s (`b=TIAS` or else `b=AS`).
    public var maxSendKbps: UInt64?
    /// `a=rtcp-rsize` on both sides (RFC 5506).
    public var hasReducedSizeRTCP: Bool
}

/// One accepted SCTP section.
public struct DataChannelNegotiation: Hashable, Sendable {
    public var mid: String
    public var index: Int
    public var remotePort: UInt16
    /// Largest message that the peer takes, in bytes; 0 for no limit.
    public var maxMessageSize: UInt64

    public init(mid: String, index: Int, remotePort: UInt16, maxMessageSize: UInt64) {
        self.mid = mid
        self.index = index
        self.remotePort = remotePort
        self.maxMessageSize = maxMessageSize
    }
}

/// A candidate that came within a description.
public struct RemoteCandidate: Hashable, Sendable {
    /// `candidate:…`
    public var candidate: String
    public var mid: String
    public var index: Int

    public init(candidate: String, mid: String, index: Int) {
        self.candidate = candidate
        self.mid = mid
        self.index = index
    }
}
