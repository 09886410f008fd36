import RTP
import SDP
import Session

/// What a WebRtcEndpoint or an RtpEndpoint knows: its negotiation, and the states that the worker reports.
struct EndpointState {
    enum Stage: String, Codable { case idle, offered, answered, offerAccepted }

    let id: EndpointID
    var specification: EndpointSpecification
    var opened: OpenedEndpoint
    let identity: EndpointIdentity
    /// Nil for a WebRtcEndpoint. An RtpEndpoint has no ICE and no DTLS.
    var plain: PlainState?
    var stage = Stage.idle
    var localDescription: SessionDescription?
    /// What our offer was made with; its answer is read with the same.
    var offerCapabilities: EndpointCapabilities?
    var remoteDescription: String?
    /// `gatherCandidates` came before there was a description to take the mid from.
    var isGatheringDue = false
    var remoteCandidates = 0
    /// Data channels were agreed on.
    var hasData = false

    var ice = ICEState.new
    /// `gatherCandidates` was called and no check has run since.
    var isGathering = false
    var dtls = DTLSState.new
    var isMediaConnected = false
    var isConnected = false
    /// What its peer takes, where anything is sent to it, by preference.
    var sendCodecs = PerKind<[CodecParameters]>([])
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

    mutating func setSendCodecs(_ media: [NegotiatedMedia]) {
        for section in media where section.direction.sends && sendCodecs[section.kind].isEmpty {
            sendCodecs[section.kind] = section.send.codecs
        }
    }

    init(id: EndpointID, plain: PlainState, identity: EndpointIdentity) {
        self.init(
            id: id, specification: EndpointSpecification(localUfrag: "", localPassword: ""),
            opened: OpenedEndpoint(
                candidates: [], fingerprint: CertificateFingerprint(algorithm: "", value: "")), identity: identity)
        self.plain = plain
    }
}

/// What an endpoint calls itself and its streams; drawn once, from the system's entropy.
struct EndpointIdentity {
    let audio: LocalSource
    let video: LocalSource
    let cname: String
    let streamID: String
    let sessionID: UInt64

    /// With the specification of the transport that goes by it.
    static func draw(isLite: Bool, drawIdentifier: () -> String) -> (EndpointIdentity, EndpointSpecification) {
        var random = SystemRandomNumberGenerator()
        let local = LocalIdentity(
            isLite: isLite, audioSources: 1, videoSources: 1, trackID: drawIdentifier, using: &random)
        let identity = EndpointIdentity(
            audio: local.audio[0], video: local.video[0], cname: local.cname, streamID: drawIdentifier(),
            sessionID: local.sessionID)
        return (
            identity,
            EndpointSpecification(localUfrag: local.ice.ufrag, localPassword: local.ice.password, isLite: isLite)
        )
    }
}
