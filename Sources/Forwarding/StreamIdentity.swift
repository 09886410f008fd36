/// Which of an endpoint's streams an SSRC belongs to.
public struct StreamIdentity: Hashable, Sendable {
    public var endpoint: EndpointIndex
    public var ssrc: UInt32
    /// The section that sends it.
    public var mid: String
    /// The section's encoding, counted from 0.
    public var encoding: Int
    /// Its retransmissions (RFC 4588).
    public var isRTX: Bool

    public init(endpoint: EndpointIndex, ssrc: UInt32, mid: String, encoding: Int, isRTX: Bool) {
        self.endpoint = endpoint
        self.ssrc = ssrc
        self.mid = mid
        self.encoding = encoding
        self.isRTX = isRTX
    }
}
