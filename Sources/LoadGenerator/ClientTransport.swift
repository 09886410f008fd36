import DTLS
import ICE
import Transport
import Wire

/// A client's production transport with the record that it needs.
@safe struct ClientTransport: ~Copyable {
    var peer: PeerTransport
    private let record: UnsafeMutablePointer<TransportRecord>

    private init(peer: consuming PeerTransport, record: UnsafeMutablePointer<TransportRecord>) {
        self.peer = peer
        unsafe self.record = record
    }

    /// A transport that has both sides' descriptions and begins to connect.
    static func make(
        _ path: NegotiatedPath, local: SocketAddress, certificate: Certificate, random: SeededRandom, now: Instant
    ) throws(DTLSError) -> ClientTransport {
        let record = unsafe TransportRecord.allocate(localUfrag: path.local.ufrag, localPassword: path.local.password)
        var peer = unsafe PeerTransport(
            configuration: AgentConfiguration(
                local: path.local, isControlling: path.isControlling,
                localCandidates: [.host(address: local, socket: 0)]),
            certificate: certificate, record: record, random: random, now: now)
        let remote = PeerTransport.Remote(
            credentials: path.remote, isLite: path.remoteIsLite, fingerprint: path.remoteFingerprint,
            isDTLSClient: path.isDTLSClient)
        do {
            try peer.negotiate(remote, now: now)
        } catch {
            unsafe record.deallocate()
            throw error
        }
        for candidate in path.candidates { peer.addRemoteCandidate(candidate, now: now) }
        return unsafe ClientTransport(peer: peer, record: record)
    }

    deinit { unsafe record.deallocate() }

    /// How far it has come, for a person.
    var progress: String { "ICE \(peer.iceState), DTLS \(peer.dtlsPhase)" }

    var hasFailed: Bool {
        peer.iceState == .failed || peer.dtlsPhase == .failed || peer.dtlsPhase == .closed
    }

    /// The next STUN or DTLS datagram; nil when there is none. What the transport tells is read from its state.
    mutating func nextTransmit() -> OutgoingDatagram? {
        while peer.nextEvent() != nil {}
        return peer.nextTransmit()
    }
}
