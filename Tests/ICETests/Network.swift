import ICE
import STUN
import Wire

func address(_ ip: String, _ port: UInt16) -> SocketAddress { SocketAddress(ip: IPAddress(ip)!, port: port) }

/// Two agents and the wire between them, in virtual time. Everything comes from one seed.
struct Network {
    struct Packet {
        var arrival: Instant
        var order: Int
        var toServer: Bool
        var bytes: [UInt8]
        var from: SocketAddress
        var to: SocketAddress
    }

    var now = Instant(nanoseconds: 1_000_000_000)
    var random: SeededRandom
    var client: Agent
    var server: Agent
    /// Percent of packets lost, each way.
    var loss: UInt64 = 0
    var delay = Interval.milliseconds(20)
    /// Extra delay, drawn evenly: reorders.
    var jitter = Interval.zero
    /// The client's addresses as the server sees them; nil drops (a NAT in front of that socket).
    var clientAddresses: [SocketAddress?]
    var isCut = false
    /// Packets whose `from` is swapped for this one on the way to the server, and answers swapped back.
    var mapping: [SocketAddress: SocketAddress] = [:]

    var packets: [Packet] = []
    var sentPackets = 0
    var clientEvents: [Event] = []
    var serverEvents: [Event] = []
    var serverDrops: [DropReason] = []
    var clientDrops: [DropReason] = []

    static let serverAddress = address("192.0.2.1", 40000)
    static let clientAddress = address("203.0.113.7", 50000)

    struct Setup {
        var serverIsLite = false
        var serverControls = false
        var clientControls = true
        var serverSockets = [Network.serverAddress]
        var clientSockets = [Network.clientAddress]
        var tellsClient = true
        var tellsServer = true
        var exchangesCredentials = true
    }

    init(seed: UInt64, _ setup: Setup = Setup()) {
        random = SeededRandom(seed: seed)
        let serverCredentials = Credentials(random: &random)
        let clientCredentials = Credentials(random: &random)
        server = Agent(
            configuration: AgentConfiguration(
                local: serverCredentials, isLite: setup.serverIsLite, isControlling: setup.serverControls,
                localCandidates: Candidate.hosts(setup.serverSockets)), random: random.split(), now: now)
        client = Agent(
            configuration: AgentConfiguration(
                local: clientCredentials, isControlling: setup.clientControls,
                localCandidates: Candidate.hosts(setup.clientSockets)), random: random.split(), now: now)
        clientAddresses = setup.clientSockets
        if setup.exchangesCredentials {
            server.setRemote(clientCredentials, now: now)
            client.setRemote(serverCredentials, isLite: setup.serverIsLite, now: now)
        }
        if setup.tellsServer { tellServer() }
        if setup.tellsClient { tellClient() }
        drain()
    }

    mutating func tellServer() {
        for candidate in client.localCandidates { server.addRemoteCandidate(candidate.sdp, now: now) }
        drain()
    }

    mutating func tellClient() {
        for candidate in server.localCandidates { client.addRemoteCandidate(candidate.sdp, now: now) }
        drain()
    }

    mutating func drain() {
        while let transmit = server.nextTransmit() {
            let local = server.localCandidates[Int(transmit.tuple.socket)].address
            put(toServer: false, transmit.bytes, from: local, to: transmit.tuple.remote)
        }
        while let transmit = client.nextTransmit() {
            let local = client.localCandidates[Int(transmit.tuple.socket)].address
            put(toServer: true, transmit.bytes, from: mapping[local] ?? local, to: transmit.tuple.remote)
        }
        while let event = server.nextEvent() { serverEvents.append(event) }
        while let event = client.nextEvent() { clientEvents.append(event) }
    }

    private mutating func put(toServer: Bool, _ bytes: [UInt8], from: SocketAddress, to: SocketAddress) {
        sentPackets += 1
        guard !isCut, random.next() % 100 >= loss else { return }
        let extra = jitter == .zero ? 0 : Int64(random.next() % UInt64(jitter.nanoseconds))
        packets.append(
            Packet(
                arrival: now + delay + .nanoseconds(extra), order: sentPackets, toServer: toServer, bytes: bytes,
                from: from, to: to))
    }

    private mutating func deliver(_ packet: Packet) {
        if packet.toServer {
            guard let socket = server.localCandidates.firstIndex(where: { $0.address == packet.to }) else { return }
            do throws(DropReason) {
                try server.receive(
                    packet.bytes.span.bytes, from: Tuple(socket: UInt8(socket), remote: packet.from), now: now)
            } catch { serverDrops.append(error) }
        } else {
            let inner = client.localCandidates.firstIndex { (mapping[$0.address] ?? $0.address) == packet.to }
            guard let inner else { return }
            do throws(DropReason) {
                try client.receive(
                    packet.bytes.span.bytes, from: Tuple(socket: UInt8(inner), remote: packet.from), now: now)
            } catch { clientDrops.append(error) }
        }
    }

    /// Runs until `end` or until `done`. Returns whether `done` came true.
    @discardableResult
    mutating func run(for length: Interval, until done: (Network) -> Bool = { _ in false }) -> Bool {
        let end = now + length
        var idle = 0
        while true {
            if done(self) { return true }
            let arrival = packets.map(\.arrival).min() ?? .distantFuture
            let next = min(arrival, client.deadline, server.deadline)
            guard next <= end else {
                now = end
                return done(self)
            }
            // A core whose deadline never moves on would spin here for ever.
            idle = next <= now ? idle + 1 : 0
            precondition(idle < 1000, "a deadline does not move on")
            now = max(now, next)
            if client.deadline <= now { client.advance(to: now) }
            if server.deadline <= now { server.advance(to: now) }
            drain()
            let due = packets.filter { $0.arrival <= now }.sorted { ($0.arrival, $0.order) < ($1.arrival, $1.order) }
            packets.removeAll { $0.arrival <= now }
            for packet in due {
                deliver(packet)
                drain()
            }
        }
    }

    var isConnected: Bool { client.state.isUsable && server.state.isUsable }
    var isCompleted: Bool { client.state == .completed && server.state == .completed }
}

/// A request under `key`, as a peer (or an attacker) writes it.
func makeCheck(
    username: String, key: String, nominates: Bool = false, controlling: Bool = true, tieBreaker: UInt64 = 1,
    priority: UInt32 = 1_845_501_695, id: UInt64 = 1, change: (inout MessageBuilder) -> Void = { _ in }
) -> [UInt8] {
    var builder = MessageBuilder(MessageType(.request), transactionID: TransactionID(high: 9, low: id))
    builder.addUsername(username)
    builder.add(controlling ? .iceControlling : .iceControlled, tieBreaker)
    if nominates { builder.add(.useCandidate) }
    builder.add(.priority, priority)
    change(&builder)
    return builder.finish(key: Array(key.utf8))
}

/// What an answer says, copied out.
struct Answer: Equatable {
    var messageClass: MessageClass
    var error: ErrorCode?
    var mapped: SocketAddress?
    var refused: [UInt16]
    var isVerified: Bool
    var isRequest: Bool { messageClass == .request }
    var useCandidate: Bool
}

func read(_ bytes: [UInt8], key: String) -> Answer? {
    guard let message = try? Message(parsing: bytes.span.bytes) else { return nil }
    return Answer(
        messageClass: message.type.messageClass, error: message.errorCode, mapped: message.xorMappedAddress,
        refused: message.refusedAttributes,
        isVerified: message.verifyFingerprint() && message.verifyIntegrity(key: Array(key.utf8)),
        useCandidate: message.useCandidate)
}

extension Agent {
    /// Everything that waits to be sent.
    mutating func allTransmits() -> [Transmit] {
        var all: [Transmit] = []
        while let next = nextTransmit() { all.append(next) }
        return all
    }

    mutating func take(_ bytes: [UInt8], from tuple: Tuple, now: Instant) throws(DropReason) {
        try receive(bytes.span.bytes, from: tuple, now: now)
    }
}
