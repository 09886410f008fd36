public import DTLS
public import ICE
public import SRTP
public import Wire

extension PeerTransport {
    /// Goes on where another process stopped: on the same path, with the same SRTP keys, past the indices that it used.
    /// No handshake; the association itself is lost, so what the peer says on it later finds nobody (RFC 6347 has no
    /// way to take it over), and the end of consent ends the call.
    ///
    /// - Parameters:
    ///   - record: what the other process left; plain integers, so that any content can be read.
    ///   - remote: what was negotiated with the peer.
    /// - Throws: where there are no keys. Nothing is lost then that a new transport and handshake would not bring.
    public init(
        resuming record: UnsafeMutablePointer<TransportRecord>, remote: Remote, configuration: AgentConfiguration,
        certificate: Certificate, random: SeededRandom, now: Instant
    ) throws(SRTPError) {
        let outbound = try unsafe OutboundContext(resuming: TransportRecord.outbound(of: record))
        let inbound = try unsafe InboundContext(resuming: TransportRecord.inbound(of: record))
        let remains = AgentRemains(
            remote: remote.credentials, remoteIsLite: remote.isLite,
            isControlling: unsafe record.pointee.isControlling == 1, selectedTuple: unsafe record.pointee.path.tuple,
            consented: Instant(nanoseconds: unsafe record.pointee.consented))
        unsafe self.init(
            configuration: configuration, certificate: certificate, record: record, random: random, now: now)
        ice = Agent(configuration: configuration, resuming: remains, random: random, now: now)
        self.remote = remote
        srtpProfile = outbound.profile
        self.outbound = consume outbound
        self.inbound = consume inbound
        hasStartedHandshake = true
        hasPeerKeys = true
        dtlsPhase = .connected
        settle(now: now)
    }
}
