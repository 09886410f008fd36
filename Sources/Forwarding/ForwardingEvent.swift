public import RTP

/// What the router tells its owner. Events are differences of levels: a state that changed and
/// changed back between two drains is not reported.
public enum ForwardingEvent: Hashable, Sendable {
    /// RTP of this kind started to arrive from the peer, or has not for ``Limits/flowSilence``.
    case mediaFlowingIn(EndpointIndex, MediaKind, isFlowing: Bool)
    /// The format of a section of the peer's: told once when the first packets come, and then as it changes, twice a
    /// second at most.
    case codecInUse(EndpointIndex, MediaKind, CodecParameters)
    /// RTP of this kind started to go to the peer, or has not for ``Limits/flowSilence``.
    case mediaFlowingOut(EndpointIndex, MediaKind, isFlowing: Bool)
    /// RTP or RTCP arrives from the peer, or has not for ``Limits/mediaSilence``.
    case mediaState(EndpointIndex, isConnected: Bool)
    /// The circuit breaker has stopped what is sent to the peer, video first, or lets it flow again (RFC 8083).
    case circuitBroken(EndpointIndex, isBroken: Bool)
    /// Another endpoint of a speaker group leads the talk; see ``Router/joinSpeakers(_:group:)``.
    case dominantSpeaker(EndpointIndex, group: UInt32)
    /// Which simulcast encodings of a section anybody wants, in the order in which they were negotiated: the peer need
    /// not send the others. Told once when the first packets come, and then as it changes: at once what is wanted
    /// again, after ``Limits/switchOffAfter`` what no longer is.
    case encodingsWanted(EndpointIndex, mid: String, [Bool])
}
