/// Offer and answer (RFC 3264, RFC 8829) for an endpoint of a media server with one transport. Pure: equal
/// arguments give equal results.
///
/// Deviation: sections outside the first accepted section's BUNDLE group are rejected unless they name the same
/// ICE credentials, since there is one transport per endpoint.
public enum Negotiator {
    /// Answers `offer`. Every section is in the answer in its place; what we cannot use is rejected with port 0.
    /// Throws when no section can be accepted, since then there is no session.
    public static func answer(
        to offer: SessionDescription, with local: EndpointCapabilities
    ) throws(SDPError) -> Negotiation {
        var answerer = Answerer(offer: offer, local: local)
        return try answerer.negotiation()
    }

    /// The transports of media that DTLS-SRTP can serve (RFC 5764 section 8, RFC 8829 section 5.1.2).
    static let mediaTransports = [
        "UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF", "RTP/SAVP", "TCP/DTLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVP",
    ]
    /// RFC 8841 section 4.1.
    static let sctpTransports = ["UDP/DTLS/SCTP", "TCP/DTLS/SCTP"]
    static let dataChannelFormat = "webrtc-datachannel"
    /// RFC 8841 sections 5.1 and 6.1: what an absent attribute means.
    public static let defaultSCTPPort: UInt16 = 5000
    static let defaultMaxMessageSize: UInt64 = 65_536
}
