public import RTP

/// One negotiated media section of an endpoint, as the router needs to know it.
public struct MediaSection: Hashable, Sendable {
    /// Media identification (RFC 9143), unique in the endpoint.
    public var mid: String
    public var kind: MediaKind
    /// What the peer sends to us; nil when it sends nothing.
    public var receives: RTPParameters?
    /// What we send to the peer; nil when we send nothing. The first encoding holds our SSRC and RTX
    /// SSRC; without one the router draws them.
    public var sends: RTPParameters?
    /// What we send goes to another router: it gets what its own subscribers may have use for. Kept from the first
    /// negotiation of the section.
    public var isRelay: Bool

    public init(
        mid: String, kind: MediaKind, receives: RTPParameters? = nil, sends: RTPParameters? = nil, isRelay: Bool = false
    ) {
        self.mid = mid
        self.kind = kind
        self.receives = receives
        self.sends = sends
        self.isRelay = isRelay
    }
}
