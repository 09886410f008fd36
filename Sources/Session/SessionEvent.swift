public import RTP

/// What a worker, or the controller that watches it, tells about a session.
public struct SessionEvent: Hashable, Sendable, Codable {
    public var session: SessionID
    public var body: Body
    /// Where it was read: who takes the session over goes on from there. Nil until it was read.
    public var position: String?

    public init(session: SessionID, body: Body, position: String? = nil) {
        self.session = session
        self.body = body
        self.position = position
    }

    public enum Body: Hashable, Sendable, Codable {
        case iceStateChanged(EndpointID, ICEState)
        /// Local and remote candidate of the pair that ICE nominated, as SDP attribute values.
        case candidatePairSelected(EndpointID, local: String, remote: String)
        case dtlsStateChanged(EndpointID, DTLSState)
        /// RTCP or RTP arrives from the peer, or has not for five seconds.
        case mediaStateChanged(EndpointID, isConnected: Bool)
        /// RTP of this kind started or stopped flowing from the peer into the session.
        case mediaFlowingIn(EndpointID, MediaKind, isFlowing: Bool)
        /// RTP of this kind started or stopped flowing from the session to the peer.
        case mediaFlowingOut(EndpointID, MediaKind, isFlowing: Bool)
        /// In which codec the peer sends this kind of media: told once when media come, as after a media process was
        /// replaced, and then as it changes. Of redundant audio, what is in it.
        case codecInUse(EndpointID, MediaKind, CodecParameters)
        /// A player encodes anew what it sends of this kind, or a recorder what it is sent; or they do so no longer.
        case elementEncodes(EndpointID, MediaKind, Bool)
        /// Another endpoint of the session leads the talk now, by its audio levels (RFC 6464).
        case dominantSpeakerChanged(EndpointID)
        /// Which simulcast encodings of the endpoint's section anybody wants, in the order in which they were
        /// negotiated: its peer need not send the others. Told once when media come, as after a media process was
        /// replaced, and then as it changes.
        case encodingsWanted(EndpointID, mid: String, active: [Bool])
        /// A data channel of the endpoint's peer can be used; who opened it does not matter. By its stream.
        case dataChannelOpened(EndpointID, Int)
        case dataChannelClosed(EndpointID, Int)
        /// A media element does something else than before, told or by itself.
        case elementStateChanged(EndpointID, ElementStatus.State)
        /// A player came to the end of what it plays.
        case elementEnded(EndpointID)
        /// A filter sees a code in its pictures.
        case codeFound(EndpointID, DetectedCode)
        /// A media element cannot go on with what it did, and has stopped.
        case elementFailed(EndpointID, ElementFailure)
        /// It is known where an endpoint of plain RTP sends to, by signalling or by its peer's first packet.
        case plainConnected(EndpointID)
        /// A key under which an endpoint of plain RTP receives this kind of media is good for few more packets.
        case keySoftLimit(EndpointID, MediaKind)
        /// The worker of this one endpoint is gone, and the endpoint with it; others of the session serve on.
        case endpointLost(EndpointID, Refusal)
        /// The endpoint's worker is being drained: whoever has it should open another, which will be elsewhere, and
        /// then close this one.
        case moveAdvised(EndpointID)
        /// The worker that held the session is gone, or refused to hold it any longer.
        case sessionLost(Refusal)
    }
}

/// States of an ICE agent with one component (RFC 8445 section 6.1.3 and RFC 7675 for the way back).
public enum ICEState: String, Hashable, Sendable, Codable {
    case new, checking, connected, completed, disconnected, failed, closed
}

/// States of a DTLS association, as `RTCDtlsTransportState` names them.
public enum DTLSState: String, Hashable, Sendable, Codable {
    case new, connecting, connected, closed, failed
}
