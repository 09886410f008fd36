import DTLS
import Forwarding
import ICE
import RTP
import SCTP
import SRTP
import Session
import Testing
import Transport
import Wire

@testable import Reactor

/// A client of a reactor: the same transport, a real socket on the loopback interface, and everything
/// that it was sent.
final class LoopbackPeer {
    let session: SessionID
    let endpoint: EndpointID
    let credentials: Credentials
    let server: Credentials
    private(set) var socket: UDPSocket
    private let record: UnsafeMutablePointer<TransportRecord>
    var transport: PeerTransport
    private var ingress = ReceiveBatch(capacity: 64)
    private var egress = EgressBatch(capacity: 64)
    /// For a peer that has TCP only.
    let stream: LoopbackStream?

    /// Plain packets in the order in which they came; nothing is kept while `keepsPackets` is false.
    var rtp: [[UInt8]] = []
    var rtcp: [[UInt8]] = []
    var packetCount = 0
    var keepsPackets = true
    var drops: [DropReason] = []
    /// Data channels are negotiated with it, and all that they told.
    let hasData: Bool
    var dataEvents: [DataChannels.Event] = []

    static let certificate = try! Certificate()

    init(
        session: SessionID, endpoint: EndpointID, ip: IPAddress, usesTCP: Bool = false, hasData: Bool = false,
        random: inout SeededRandom
    ) throws {
        self.hasData = hasData
        stream = usesTCP ? LoopbackStream() : nil
        self.session = session
        self.endpoint = endpoint
        credentials = Credentials(random: &random)
        server = Credentials(random: &random)
        socket = try UDPSocket(binding: SocketAddress(ip: ip, port: 0))
        record = TransportRecord.allocate(localUfrag: credentials.ufrag, localPassword: credentials.password)
        transport = PeerTransport(
            configuration: AgentConfiguration(
                local: credentials, isControlling: true, localCandidates: [
                    .host(address: socket.local, socket: 0, transport: usesTCP ? .tcpActive : .udp)
                ]),
            certificate: Self.certificate, record: record, random: random.split(), now: HostClock.now)
    }

    deinit { record.deallocate() }

    var isConnected: Bool { transport.isConnected }
    var iceState: AgentState { transport.iceState }
    var dtlsPhase: PeerTransport.DTLSPhase { transport.dtlsPhase }
    var local: SocketAddress { socket.local }

    // MARK: Signalling

    var specification: EndpointSpecification {
        EndpointSpecification(localUfrag: server.ufrag, localPassword: server.password)
    }

    /// The reactor's view of this client. It answers, so the client sends the hello.
    func negotiated(_ media: [NegotiatedMedia]) -> NegotiatedEndpoint {
        let fingerprint = Self.certificate.fingerprint
        return NegotiatedEndpoint(
            remoteUfrag: credentials.ufrag, remotePassword: credentials.password,
            remoteFingerprint: CertificateFingerprint(algorithm: fingerprint.algorithm, value: fingerprint.value),
            isDTLSClient: false, media: media,
            data: hasData ? NegotiatedData(localPort: 5000, remotePort: 5000, maximumMessageSize: 262_144) : nil)
    }

    /// Takes the reactor's answer.
    func accept(_ opened: OpenedEndpoint) throws {
        let fingerprint = try Fingerprint(algorithm: opened.fingerprint.algorithm, value: opened.fingerprint.value)
        try transport.negotiate(
            PeerTransport.Remote(
                credentials: server, isLite: false, fingerprint: fingerprint, isDTLSClient: true,
                data: hasData
                    ? PeerTransport.DataRemote(localPort: 5000, remotePort: 5000, maximumMessageSize: 262_144) : nil),
            now: HostClock.now)
        for candidate in opened.candidates { transport.addRemoteCandidate(candidate, now: HostClock.now) }
    }

    /// New credentials on both sides; what the reactor is to be told of them.
    func restart(_ random: inout SeededRandom) throws -> ICERestart {
        let (own, far) = (Credentials(random: &random), Credentials(random: &random))
        guard var remote = transport.remote else { throw Refusal(.invalid, "not negotiated") }
        remote.credentials = far
        transport.restart(local: own, now: HostClock.now)
        try transport.negotiate(remote, now: HostClock.now)
        return ICERestart(
            localUfrag: far.ufrag, localPassword: far.password, remoteUfrag: own.ufrag, remotePassword: own.password)
    }

    // MARK: Packets

    /// Takes in what has come and sends what is due.
    func pump() {
        while true {
            let count = ingress.receive(from: socket.descriptor)
            for entry in 0..<count {
                var next: ReceiveBatch.Datagram? = ingress.firstDatagram(entry)
                while let datagram = next {
                    next = ingress.datagram(after: datagram, in: entry)
                    take(datagram, from: ingress.source(entry))
                }
            }
            drain()
            if count < ingress.capacity { break }
        }
        pumpStream()
        if transport.deadline <= HostClock.now { transport.advance(to: HostClock.now) }
        drain()
    }

    private func pumpStream() {
        guard let stream else { return }
        for packet in stream.receive() {
            if let datagram = ingress.place(packet.span.bytes), let remote = stream.remote {
                take(datagram, from: remote)
            }
        }
        if let ended = stream.takeEnd() {
            transport.streamClosed(Tuple(socket: 0, remote: ended), now: HostClock.now)
        }
        drain()
    }

    private func take(_ datagram: ReceiveBatch.Datagram, from source: SocketAddress) {
        var packet = ingress.unguardedMutableBytes(of: datagram)
        let tuple = Tuple(socket: 0, remote: source)
        do throws(DropReason) {
            switch try transport.receive(&packet, length: packet.byteCount, from: tuple, now: HostClock.now) {
            case .handled: break
            case .rtp(let length):
                packetCount += 1
                if keepsPackets { rtp.append(packet.bytes.extracting(0..<length).copied()) }
            case .rtcp(let length):
                if keepsPackets { rtcp.append(packet.bytes.extracting(0..<length).copied()) }
            }
        } catch { drops.append(error) }
    }

    private func drain() {
        while let transmit = transport.nextTransmit() { put(transmit.bytes, to: transmit.tuple) }
        while let event = transport.nextEvent() {
            if case .data(let event) = event { dataEvents.append(event) }
        }
        flush()
    }

    private func put(_ bytes: [UInt8], to tuple: Tuple) {
        if let stream { return stream.send(bytes, to: tuple.remote) }
        if egress.isFull { flush() }
        var slot = egress.unguardedNext()
        slot.store(contentsOf: bytes.span.bytes, at: 0)
        egress.commit(length: bytes.count, to: tuple)
    }

    func flush() { _ = egress.flush(descriptors: [socket.descriptor]) }

    /// Protects a packet and queues it for ``flush()``.
    func send(_ packet: [UInt8], isRTCP: Bool = false) throws {
        if egress.isFull { flush() }
        var slot = egress.unguardedNext()
        slot.store(contentsOf: packet.span.bytes, at: 0)
        let (length, tuple) =
            isRTCP
            ? try transport.protectRTCP(&slot, length: packet.count)
            : try transport.protectRTP(&slot, length: packet.count)
        if let stream { return stream.send(slot.bytes.extracting(0..<length).copied(), to: tuple.remote) }
        egress.commit(length: length, to: tuple)
    }

    /// Sends bytes that are nobody's protocol.
    func sendRaw(_ bytes: [UInt8], to address: SocketAddress) {
        put(bytes, to: Tuple(socket: 0, remote: address))
        flush()
    }

    /// From now on everything leaves from another port, as if a NAT had forgotten us.
    func rebind() throws { socket = try UDPSocket(binding: SocketAddress(ip: local.ip, port: 0)) }

    func close() {
        transport.close(now: HostClock.now)
        drain()
    }
}
