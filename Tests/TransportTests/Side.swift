import DTLS
import ICE
import SRTP
import Testing
import Wire

@testable import Transport

func address(_ ip: String, _ port: UInt16) -> SocketAddress { SocketAddress(ip: IPAddress(ip)!, port: port) }

/// Two real certificates; making one costs a millisecond.
enum Certificates {
    static let left = try! Certificate()
    static let right = try! Certificate()
    static let stranger = try! Certificate()
}

/// A transport with its record in memory of its own, and all that became of what was done to it.
final class Side {
    let local: SocketAddress
    private(set) var credentials: Credentials
    let certificate: Certificate
    let record: UnsafeMutablePointer<TransportRecord>
    var transport: PeerTransport
    var events: [PeerTransport.Event] = []
    var drops: [DropReason] = []
    /// Plain packets in the order in which they arrived.
    var rtp: [[UInt8]] = []
    var rtcp: [[UInt8]] = []

    init(_ local: SocketAddress, _ certificate: Certificate, controls: Bool, random: inout SeededRandom, now: Instant) {
        self.local = local
        self.certificate = certificate
        credentials = Credentials(random: &random)
        record = TransportRecord.allocate(localUfrag: credentials.ufrag, localPassword: credentials.password)
        transport = PeerTransport(
            configuration: AgentConfiguration(
                local: credentials, isControlling: controls, localCandidates: [.host(address: local, socket: 0)]),
            certificate: certificate, record: record, random: random.split(), now: now)
    }

    deinit { record.deallocate() }

    func restart(random: inout SeededRandom, now: Instant) {
        credentials = Credentials(random: &random)
        transport.restart(local: credentials, now: now)
    }

    func negotiate(
        with other: Side, isDTLSClient: Bool, fingerprint: Fingerprint? = nil, now: Instant
    ) throws {
        try transport.negotiate(
            PeerTransport.Remote(
                credentials: other.credentials, isLite: false,
                fingerprint: fingerprint ?? other.certificate.fingerprint, isDTLSClient: isDTLSClient), now: now)
    }

    /// Hands over a datagram as the wire would; the reason when it was dropped.
    @discardableResult
    func receive(_ datagram: [UInt8], from remote: SocketAddress, now: Instant) -> DropReason? {
        var buffer = datagram + [UInt8](repeating: 0, count: 64)
        var span = buffer.mutableSpan
        var raw = span.mutableBytes
        do throws(DropReason) {
            let tuple = Tuple(socket: 0, remote: remote)
            switch try transport.receive(&raw, length: datagram.count, from: tuple, now: now) {
            case .handled: break
            case .rtp(let length): rtp.append(Array(buffer[..<length]))
            case .rtcp(let length): rtcp.append(Array(buffer[..<length]))
            }
            return nil
        } catch {
            drops.append(error)
            return error
        }
    }

    /// The protected packet and where it goes.
    func protect(_ packet: [UInt8], isRTCP: Bool = false) throws(DropReason) -> (bytes: [UInt8], tuple: Tuple) {
        var buffer = packet + [UInt8](repeating: 0, count: 64)
        var span = buffer.mutableSpan
        var raw = span.mutableBytes
        let (length, tuple) =
            isRTCP
            ? try transport.protectRTCP(&raw, length: packet.count)
            : try transport.protectRTP(&raw, length: packet.count)
        return (Array(buffer[..<length]), tuple)
    }

    // The transport's own, for `#expect`, which cannot look into what is not copyable.
    var isConnected: Bool { transport.isConnected }
    var iceState: AgentState { transport.iceState }
    var dtlsPhase: PeerTransport.DTLSPhase { transport.dtlsPhase }
    var selectedTuple: Tuple? { transport.selectedTuple }
    var srtpProfile: Profile? { transport.srtpProfile }
    var deadline: Instant { transport.deadline }
    func isValidated(_ tuple: Tuple) -> Bool { transport.isValidated(tuple) }
    func nextTransmit() -> OutgoingDatagram? { transport.nextTransmit() }
    func nextEvent() -> PeerTransport.Event? { transport.nextEvent() }
    func nextHandshakeDatagram() -> [UInt8]? { transport.dtls?.nextTransmit() }

    var phases: [PeerTransport.DTLSPhase] {
        events.compactMap { if case .dtlsStateChanged(let phase) = $0 { phase } else { nil } }
    }

    var iceStates: [AgentState] {
        events.compactMap { if case .iceStateChanged(let state) = $0 { state } else { nil } }
    }
}

/// A plain RTP packet of 12 bytes of header and `payload`.
func rtpPacket(_ sequence: UInt16, ssrc: UInt32 = 0x11, payload: [UInt8] = [1, 2, 3, 4]) -> [UInt8] {
    var writer = ByteWriter()
    writer.write(UInt16(0x8060))
    writer.write(sequence)
    writer.write(UInt32(sequence) * 3000)
    writer.write(ssrc)
    writer.write(payload)
    return writer.bytes
}

/// An empty receiver report (RFC 3550 section 6.4.2).
func receiverReport(ssrc: UInt32 = 0x11) -> [UInt8] {
    var writer = ByteWriter()
    writer.write(UInt32(0x80C9_0001))
    writer.write(ssrc)
    return writer.bytes
}
