import ICE
import STUN
import Testing
import Wire

/// ICE over TCP (RFC 6544): a client that opens connections and a server that accepts them.
struct StreamTests {
    @Test func candidatesOverTCPAreReadAndWritten() throws {
        let passive = try Candidate(
            sdp: "candidate:2 1 tcp 1518214911 192.0.2.1 443 typ host tcptype passive generation 0 ufrag abcd")
        #expect(passive.transport == .tcpPassive && passive.usernameFragment == "abcd")
        let active = try Candidate(
            sdp: "candidate:2 1 TCP 1518280447 192.0.2.1 9 typ host tcptype active generation 0")
        #expect(active.transport == .tcpActive)
        #expect(try Candidate(sdp: passive.sdp) == passive)
        let host = Candidate.host(address: address("192.0.2.1", 443), socket: 1, transport: .tcpPassive)
        #expect(host.sdp == "candidate:2 1 tcp 1520434943 192.0.2.1 443 typ host tcptype passive")
        let opener = Candidate.host(address: address("192.0.2.1", 5000), socket: 1, transport: .tcpActive)
        #expect(opener.address.port == 9)
    }

    @Test func anyUDPIsPreferredToTCPAndTCPToARelay() {
        let direct = Candidate.priority(of: .serverReflexive, rank: 255)
        let active = Candidate.priority(of: .host, rank: 0, transport: .tcpActive)
        let passive = Candidate.priority(of: .host, rank: 0, transport: .tcpPassive)
        #expect(direct > active && active > passive)
        #expect(passive > Candidate.priority(of: .peerReflexive, rank: 0, transport: .tcpActive))
        #expect(
            Candidate.priority(of: .peerReflexive, rank: 255, transport: .tcpPassive)
                > Candidate.priority(of: .relayed, rank: 0))
    }

    @Test func aClientWithoutUDPConnectsOverTCP() {
        var wires = Wires(seed: 1)
        wires.dropsUDP = true
        wires.exchange()
        wires.run(for: .seconds(2))
        #expect(wires.client.state == .completed && wires.server.state == .completed)
        #expect(wires.client.selectedPair?.remote.transport == .tcpPassive)
        #expect(wires.server.selectedPair?.local.transport == .tcpPassive)
        #expect(wires.server.selectedPair?.remote.kind == .peerReflexive)
        #expect(wires.connections.count == 1)
    }

    @Test func udpIsTakenWhereItWorks() {
        var wires = Wires(seed: 2)
        wires.exchange()
        wires.run(for: .seconds(3))
        #expect(wires.client.selectedPair?.remote.transport == .udp)
    }

    @Test func theServerAsksNobodyThatOnlyOpensConnections() {
        var wires = Wires(seed: 3)
        let result = wires.server.addRemoteCandidate(
            "candidate:1 1 tcp 1518280447 203.0.113.7 9 typ host tcptype active", now: wires.now)
        #expect(result == .ignored(.activeOnly))
        #expect(wires.server.pairCount == 0)
    }

    @Test func checksOverTCPAreSentOnce() {
        var wires = Wires(seed: 4)
        wires.dropsUDP = true
        wires.refusesConnections = .silently
        wires.exchange()
        wires.run(for: .seconds(10))
        #expect(wires.streamPackets == 1)
    }

    @Test func aRefusedConnectionFailsItsPairAtOnce() {
        var wires = Wires(seed: 5)
        wires.dropsUDP = true
        wires.refusesConnections = .withReset
        wires.exchange()
        wires.run(for: .seconds(31))
        #expect(wires.streamPackets == 1)
        #expect(wires.client.state == .failed)
    }

    @Test func aClosedConnectionIsOpenedAnewAndTheCallGoesOn() {
        var wires = Wires(seed: 6)
        wires.dropsUDP = true
        wires.exchange()
        wires.run(for: .seconds(2))
        let before = wires.server.selectedTuple
        wires.closeAll()
        #expect(wires.client.selectedTuple == nil && wires.client.state == .disconnected)
        wires.run(for: .seconds(1))
        #expect(wires.client.selectedPair?.remote.transport == .tcpPassive)
        #expect(wires.server.selectedTuple != nil && wires.server.selectedTuple != before)
        #expect(wires.server.state == .completed || wires.server.state == .connected)
        #expect(wires.server.remoteCandidateCount == 2)
    }

    @Test func aClosedConnectionLeavesForUDPThatAnswered() {
        var wires = Wires(seed: 7)
        wires.dropsUDP = true
        wires.exchange()
        wires.run(for: .seconds(1))
        #expect(wires.client.selectedPair?.remote.transport == .tcpPassive)
        wires.dropsUDP = false
        wires.closeAll()
        wires.refusesConnections = .withReset
        wires.run(for: .seconds(2))
        #expect(wires.client.selectedPair?.remote.transport == .udp)
        #expect(wires.client.state == .connected || wires.client.state == .completed)
    }

    @Test func packetsComeOutOfAStreamAsTheyWentIn() throws {
        var stream = FramedStream()
        let packets: [[UInt8]] = [[1, 2, 3], [], Array(repeating: 7, count: FramedStream.longestPacket)]
        var bytes: [UInt8] = []
        for packet in packets { bytes += try #require(FramedStream.frame(packet)) }
        var read: [[UInt8]] = []
        for byte in bytes {
            stream.receive([byte])
            while let packet = stream.next() { read.append(packet) }
        }
        #expect(read == packets)
        #expect(stream.bufferedBytes == 0)
    }

    @Test func aStreamWithAnOverlongPacketIsBroken() {
        var stream = FramedStream()
        stream.receive([0x08, 0x01] + [UInt8](repeating: 0, count: 100))
        #expect(stream.next() == nil && stream.isBroken && stream.bufferedBytes == 0)
        stream.receive([0, 1, 1])
        #expect(stream.next() == nil)
        #expect(FramedStream.frame([UInt8](repeating: 0, count: 65_536)) == nil)
    }
}

/// A client and a server with a UDP and a TCP socket each, 20 ms apart.
private struct Wires {
    enum Refusal { case silently, withReset }

    struct Parcel {
        var arrival: Instant
        var toServer: Bool
        var tuple: Tuple
        var content: [UInt8]
    }

    var now = Instant(nanoseconds: 1_000_000_000)
    var client: Agent
    var server: Agent
    var dropsUDP = false
    var refusesConnections: Refusal?
    /// The client's ports of open connections.
    var connections: [UInt16] = []
    var streamPackets = 0
    private var nextPort: UInt16 = 30000
    private var parcels: [Parcel] = []
    private var refusals: [Instant] = []

    static let clientUDP = address("203.0.113.7", 50000)
    static let serverUDP = address("192.0.2.1", 40000)
    static let serverTCP = address("192.0.2.1", 443)

    init(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        client = Agent(
            configuration: AgentConfiguration(
                local: Credentials(random: &random), isControlling: true,
                localCandidates: [
                    .host(address: Self.clientUDP, socket: 0),
                    .host(address: Self.clientUDP, socket: 1, transport: .tcpActive),
                ]), random: random.split(), now: now)
        server = Agent(
            configuration: AgentConfiguration(
                local: Credentials(random: &random),
                localCandidates: [
                    .host(address: Self.serverUDP, socket: 0),
                    .host(address: Self.serverTCP, socket: 1, transport: .tcpPassive),
                ]), random: random.split(), now: now)
        server.setRemote(client.local, now: now)
        client.setRemote(server.local, now: now)
    }

    mutating func exchange() {
        for candidate in client.localCandidates { server.addRemoteCandidate(candidate.sdp, now: now) }
        for candidate in server.localCandidates { client.addRemoteCandidate(candidate.sdp, now: now) }
        drain()
    }

    /// Every connection is reset, and both ends see it.
    mutating func closeAll() {
        let ports = connections
        connections = []
        parcels.removeAll { $0.tuple.socket == 1 }
        for port in ports {
            server.streamClosed(
                Tuple(socket: 1, remote: SocketAddress(ip: Self.clientUDP.ip, port: port)), now: now)
        }
        client.streamClosed(Tuple(socket: 1, remote: Self.serverTCP), now: now)
    }

    private mutating func drain() {
        while let sent = client.nextTransmit() { fromClient(sent) }
        while let sent = server.nextTransmit() { fromServer(sent) }
    }

    private mutating func fromClient(_ sent: Transmit) {
        let arrival = now + .milliseconds(20)
        guard sent.tuple.socket == 1 else {
            guard !dropsUDP else { return }
            let tuple = Tuple(socket: 0, remote: Self.clientUDP)
            return parcels.append(Parcel(arrival: arrival, toServer: true, tuple: tuple, content: sent.bytes))
        }
        streamPackets += 1
        if connections.isEmpty {
            guard refusesConnections == nil else {
                if refusesConnections == .withReset { refusals.append(now + .milliseconds(40)) }
                return
            }
            nextPort += 1
            connections.append(nextPort)
        }
        let tuple = Tuple(socket: 1, remote: SocketAddress(ip: Self.clientUDP.ip, port: connections[0]))
        parcels.append(Parcel(arrival: arrival, toServer: true, tuple: tuple, content: sent.bytes))
    }

    private mutating func fromServer(_ sent: Transmit) {
        let arrival = now + .milliseconds(20)
        if sent.tuple.socket == 0 {
            guard !dropsUDP else { return }
            let tuple = Tuple(socket: 0, remote: Self.serverUDP)
            parcels.append(Parcel(arrival: arrival, toServer: false, tuple: tuple, content: sent.bytes))
        } else if connections.contains(sent.tuple.remote.port) {
            let tuple = Tuple(socket: 1, remote: Self.serverTCP)
            parcels.append(Parcel(arrival: arrival, toServer: false, tuple: tuple, content: sent.bytes))
        }
    }

    mutating func run(for length: Interval) {
        let end = now + length
        while true {
            let next = min(
                client.deadline, server.deadline, parcels.map(\.arrival).min() ?? .distantFuture,
                refusals.min() ?? .distantFuture)
            guard next <= end else { break }
            now = max(now, next)
            if client.deadline <= now { client.advance(to: now) }
            if server.deadline <= now { server.advance(to: now) }
            let due = parcels.filter { $0.arrival <= now }
            parcels.removeAll { $0.arrival <= now }
            for parcel in due {
                if parcel.toServer {
                    try? server.receive(parcel.content.span.bytes, from: parcel.tuple, now: now)
                } else {
                    try? client.receive(parcel.content.span.bytes, from: parcel.tuple, now: now)
                }
            }
            for _ in refusals.filter({ $0 <= now }) {
                client.streamClosed(Tuple(socket: 1, remote: Self.serverTCP), now: now)
            }
            refusals.removeAll { $0 <= now }
            drain()
        }
        now = end
    }
}
