import RTP
import SDP
import Session

/// What a WebRtcEndpoint knows: its negotiation, and the states that the worker reports.
struct EndpointState {
    enum Stage { case idle, offered, answered, offerAccepted }

    let id: EndpointID
    var specification: EndpointSpecification
    var opened: OpenedEndpoint
    let identity: EndpointIdentity
    var stage = Stage.idle
    var localDescription: SessionDescription?
    /// What our offer was made with; its answer is read with the same.
    var offerCapabilities: EndpointCapabilities?
    var remoteDescription: String?
    /// `gatherCandidates` came before there was a description to take the mid from.
    var isGatheringDue = false
    var remoteCandidates = 0

    var ice = ICEState.new
    /// `gatherCandidates` was called and no check has run since.
    var isGathering = false
    var dtls = DTLSState.new
    var isMediaConnected = false
    var isConnected = false
    /// Media from the peer, and to the peer.
    var flowsFromPeer: Set<MediaKind> = []
    var flowsToPeer: Set<MediaKind> = []
    var selectedPair: (local: String, remote: String)?

    init(
        id: EndpointID, specification: EndpointSpecification, opened: OpenedEndpoint, identity: EndpointIdentity
    ) {
        self.id = id
        self.specification = specification
        self.opened = opened
        self.identity = identity
    }
}

/// What an endpoint calls itself and its streams; drawn once, from the system's entropy.
struct EndpointIdentity {
    let audio: LocalSource
    let video: LocalSource
    let cname: String
    let streamID: String
    /// `o=` session id, below 2^63 (RFC 8829 section 5.2.1).
    let sessionID: UInt64

    init(drawIdentifier: () -> String) {
        var random = SystemRandomNumberGenerator()
        var ssrcs: [UInt32] = []
        while ssrcs.count < 3 {
            let ssrc = UInt32.random(in: 1...UInt32.max, using: &random)
            if !ssrcs.contains(ssrc) { ssrcs.append(ssrc) }
        }
        audio = LocalSource(ssrc: ssrcs[0], trackID: drawIdentifier())
        video = LocalSource(ssrc: ssrcs[1], rtxSSRC: ssrcs[2], trackID: drawIdentifier())
        cname = Self.iceCharacters(16, &random)
        streamID = drawIdentifier()
        sessionID = UInt64.random(in: 1..<(1 << 62), using: &random)
    }

    /// Fresh ICE credentials: 96 and 192 random bits, above the 24 and 128 that RFC 8445 section 5.3 asks for.
    static func drawSpecification(isLite: Bool) -> EndpointSpecification {
        var random = SystemRandomNumberGenerator()
        return EndpointSpecification(
            localUfrag: iceCharacters(16, &random), localPassword: iceCharacters(32, &random), isLite: isLite)
    }

    /// Characters of RFC 8839 section 5.4, six random bits each.
    private static func iceCharacters(_ count: Int, _ random: inout SystemRandomNumberGenerator) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        let characters = (0..<count).map { _ in alphabet[Int(UInt64.random(in: 0...UInt64.max, using: &random) >> 58)] }
        return String(decoding: characters, as: UTF8.self)
    }
}
