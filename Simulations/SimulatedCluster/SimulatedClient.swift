import DTLS
import ICE
import Session
import Simulator
import Transport
import WHIP
import Wire

/// A publisher or player of WHIP and WHEP with the product's transport: it comes in at one controller or another, and
/// comes in again when its connection is lost, as long as it wants to be there.
final class SimulatedClient: @unchecked Sendable {
    let name: String
    let room: String
    private let isPublisher: Bool
    let address: SocketAddress
    private let world: ClusterWorld
    private let node: Node
    private var random: SeededRandom
    private var controller: Int

    private(set) var isWanted = false
    private var isActive = false
    /// Since when it has been where it wants to be; nil while it is not.
    private(set) var connectedSince: UInt64?
    /// Since when it has not.
    private(set) var missingSince: UInt64 = 0
    private(set) var longestGap: UInt64 = 0
    private(set) var arrivals = 0
    private var connection: ClientConnection?

    init(_ index: Int, room: String, isPublisher: Bool, _ world: ClusterWorld) {
        name = "p\(index + 1)"
        self.room = room
        self.isPublisher = isPublisher
        address = SocketAddress(ip: IPAddress(ipv4: 0x0A00_0301 + UInt32(index)), port: 50_000)
        self.world = world
        node = Node(name, host: name, time: world.time)
        random = world.stream("client:\(index)")
        controller = index % world.plan.controllers
    }

    /// Comes and stays.
    func join() {
        guard !isWanted else { return }
        isWanted = true
        missingSince = world.time.now
        world.note("\(name) comes to \(room)")
        guard !isActive else { return }
        isActive = true
        Task {
            while self.isWanted { await self.attend() }
            self.isActive = false
        }
    }

    func leave() {
        guard isWanted else { return }
        isWanted = false
        world.note("\(name) leaves")
        connection?.end()
    }

    private var role: String { isPublisher ? "whip" : "whep" }

    private func attend() async {
        let host = world.controllers[controller]
        let connection = ClientConnection(name, address, node, world, random: random.split())
        self.connection = connection
        defer {
            connection.close()
            self.connection = nil
        }
        let request = GatewayRequest(
            method: "POST", path: [role, room], contentType: "application/sdp",
            body: connection.offer(isPublisher: isPublisher))
        let response = await host.respond(to: request, from: node.host)
        guard let response, response.status == 201,
            let location = response.headers.first(where: { $0.name == "Location" })?.value
        else {
            world.note("\(name) is refused by \(host.id): \(response.map { String($0.status) } ?? "no answer")")
            world.watch.refused(response?.status)
            controller = (controller + 1) % world.plan.controllers
            return await pause(.milliseconds(500) + random.next() % .milliseconds(1500))
        }
        if isWanted, connection.accept(response.body) { await stay(connection) }
        let path = location.split(separator: "/").map(String.init)
        _ = await host.respond(to: GatewayRequest(method: "DELETE", path: path), from: node.host)
        if isWanted { await pause(.milliseconds(200) + random.next() % .milliseconds(800)) }
    }

    private func stay(_ connection: ClientConnection) async {
        await connection.phase { $0 != .connecting }
        guard connection.state == .connected else { return world.note("\(name) finds no way") }
        let gap = world.time.now - missingSince
        longestGap = max(longestGap, gap)
        connectedSince = world.time.now
        arrivals += 1
        world.note("\(name) is in after \(gap / 1_000_000) ms")
        await connection.phase { $0 != .connected }
        connectedSince = nil
        missingSince = world.time.now
        if isWanted { world.note("\(name) has lost its connection") }
    }

    private func pause(_ duration: UInt64) async { try? await node.sleep(.nanoseconds(Int64(duration))) }
}

/// One peer connection of a client.
@safe final class ClientConnection: @unchecked Sendable {
    enum State { case connecting, connected, ended }

    private let name: String
    private let address: SocketAddress
    private let node: Node
    private let world: ClusterWorld
    private let credentials: Credentials
    private let record: UnsafeMutablePointer<TransportRecord>
    private var transport: PeerTransport
    private var timer: VirtualTime.Timer?
    private var armed = UInt64.max
    private(set) var state = State.connecting
    private var waiter: (until: (State) -> Bool, continuation: UnsafeContinuation<Void, Never>)?
    private var isClosed = false

    /// It gives up when there is no way after so long.
    private static let patience = UInt64.seconds(15)

    init(_ name: String, _ address: SocketAddress, _ node: Node, _ world: ClusterWorld, random: SeededRandom) {
        var random = random
        self.name = name
        self.address = address
        self.node = node
        self.world = world
        credentials = Credentials(random: &random)
        let record = unsafe TransportRecord.allocate(
            localUfrag: credentials.ufrag, localPassword: credentials.password)
        unsafe self.record = record
        transport = unsafe PeerTransport(
            configuration: AgentConfiguration(
                local: credentials, isControlling: true, localCandidates: [.host(address: address, socket: 0)]),
            certificate: world.certificate, record: record, random: random.split(), now: Self.now(node))
        world.datagrams.bind(address, node) { [weak self] bytes, source in self?.receive(bytes, source) }
    }

    deinit { unsafe record.deallocate() }

    private static func now(_ node: Node) -> Instant { Instant(nanoseconds: node.time.now + 1_000_000_000) }

    func offer(isPublisher: Bool) -> String {
        let lines = [
            "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0",
            "m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", "a=ice-ufrag:\(credentials.ufrag)",
            "a=ice-pwd:\(credentials.password)", "a=fingerprint:sha-256 \(world.certificate.fingerprint.value)",
            "a=setup:actpass", "a=mid:0", "a=rtcp-mux", isPublisher ? "a=sendonly" : "a=recvonly",
            "a=rtpmap:111 opus/48000/2", "a=\(Candidate.host(address: address, socket: 0).sdp)",
            "a=end-of-candidates",
        ]
        return lines.map { $0 + "\r\n" }.joined()
    }

    /// False for an answer that is none.
    func accept(_ answer: String) -> Bool {
        var ufrag = ""
        var password = ""
        var fingerprint = ""
        var candidates: [String] = []
        for line in answer.split(whereSeparator: \.isNewline) {
            if line.hasPrefix("a=ice-ufrag:") { ufrag = String(line.dropFirst(12)) }
            if line.hasPrefix("a=ice-pwd:") { password = String(line.dropFirst(10)) }
            if line.hasPrefix("a=fingerprint:sha-256 ") { fingerprint = String(line.dropFirst(22)) }
            if line.hasPrefix("a=candidate:") { candidates.append(String(line.dropFirst(2))) }
        }
        let now = Self.now(node)
        do throws(DTLSError) {
            // The offer's `actpass` is answered by `passive`.
            let remote = PeerTransport.Remote(
                credentials: Credentials(ufrag: ufrag, password: password), isLite: false,
                fingerprint: try Fingerprint(algorithm: "sha-256", value: fingerprint), isDTLSClient: true)
            try transport.negotiate(remote, now: now)
        } catch {
            return false
        }
        for candidate in candidates { transport.addRemoteCandidate(candidate, now: now) }
        drain()
        world.time.after(Self.patience) { [weak self] in
            if self?.state == .connecting { self?.end() }
        }
        return true
    }

    private func receive(_ bytes: [UInt8], _ source: SocketAddress) {
        guard !isClosed else { return }
        var bytes = bytes
        let length = bytes.count
        var span = bytes.mutableSpan
        var packet = unsafe span.mutableBytes
        _ = try? transport.receive(&packet, length: length, from: Tuple(socket: 0, remote: source), now: Self.now(node))
        drain()
    }

    private func drain() {
        let now = Self.now(node)
        if transport.deadline <= now { transport.advance(to: now) }
        while let transmit = transport.nextTransmit() {
            world.datagrams.send(transmit.bytes, from: address, to: transmit.tuple.remote)
        }
        while let event = transport.nextEvent() {
            switch event {
            case .iceStateChanged(.failed), .dtlsStateChanged(.failed), .dtlsStateChanged(.closed): change(.ended)
            default: break
            }
        }
        if transport.isConnected, state == .connecting { change(.connected) }
        schedule()
    }

    private func schedule() {
        guard !isClosed else { return }
        let deadline = transport.deadline
        let next = deadline == .distantFuture ? .max : deadline.nanoseconds - 1_000_000_000
        guard next != armed else { return }
        timer?.cancel()
        armed = next
        guard next < .max else { return }
        timer = node.time.at(next) { [weak self] in
            guard let self, !self.isClosed else { return }
            self.armed = .max
            self.transport.advance(to: Self.now(self.node))
            self.drain()
        }
    }

    private func change(_ next: State) {
        guard state != .ended else { return }
        state = next
        guard let waiter = unsafe waiter, unsafe waiter.until(next) else { return }
        unsafe self.waiter = nil
        unsafe waiter.continuation.resume()
    }

    /// Waits for a state; one that has ended stays so.
    func phase(_ until: @escaping (State) -> Bool) async {
        guard !until(state) else { return }
        await unsafe withUnsafeContinuation { continuation in unsafe waiter = (until, continuation) }
    }

    func end() { change(.ended) }

    /// Says goodbye.
    func close() {
        guard !isClosed else { return }
        transport.close(now: Self.now(node))
        while let transmit = transport.nextTransmit() {
            world.datagrams.send(transmit.bytes, from: address, to: transmit.tuple.remote)
        }
        isClosed = true
        timer?.cancel()
        world.datagrams.unbind(address, node)
    }
}
