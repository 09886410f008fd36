import Testing
import Wire

@testable import DTLS

/// An endpoint and all it has said.
final class Side {
    var endpoint: Endpoint
    var events: [Event] = []
    var transmitted = 0
    var largest = 0

    init(_ certificate: Certificate, _ role: Role, expecting fingerprint: Fingerprint) throws {
        endpoint = try Endpoint(
            certificate: certificate, role: role, remoteFingerprint: fingerprint, now: Instant(nanoseconds: 1))
    }

    var keys: KeyingMaterial? {
        for case .connected(let keys) in events { return keys }
        return nil
    }

    @discardableResult func receive(_ datagram: [UInt8], now: Instant) -> DropReason? {
        do {
            try endpoint.receive(datagram.span.bytes, now: now)
            return nil
        } catch {
            return error
        }
    }

    func drain() -> [[UInt8]] {
        while let event = endpoint.nextEvent() { events.append(event) }
        var datagrams: [[UInt8]] = []
        while let datagram = endpoint.nextTransmit() {
            transmitted += 1
            largest = max(largest, datagram.count)
            datagrams.append(datagram)
        }
        return datagrams
    }
}

/// Two endpoints, a wire without delay between them and a clock that only they have.
final class Pair {
    let client: Side
    let server: Side
    var now = Instant(nanoseconds: 1_000_000_000)
    /// What becomes of a datagram: by default itself, once. Called with its number, counted over both ways.
    var route: (_ number: Int, _ fromClient: Bool, _ datagram: [UInt8]) -> [[UInt8]] = { _, _, datagram in [datagram] }
    private(set) var carried = 0

    init(
        client: Certificate? = nil, server: Certificate? = nil, clientExpects: Fingerprint? = nil,
        serverExpects: Fingerprint? = nil
    ) throws {
        let clientCertificate = try client ?? Certificate()
        let serverCertificate = try server ?? Certificate()
        self.client = try Side(clientCertificate, .client, expecting: clientExpects ?? serverCertificate.fingerprint)
        self.server = try Side(serverCertificate, .server, expecting: serverExpects ?? clientCertificate.fingerprint)
    }

    func start() {
        server.endpoint.start(now: now)
        client.endpoint.start(now: now)
    }

    /// Carries what there is to carry until both are silent.
    func exchange() {
        for _ in 0..<1000 {
            let fromClient = client.drain()
            let fromServer = server.drain()
            if fromClient.isEmpty, fromServer.isEmpty { return }
            deliver(fromClient, to: server, fromClient: true)
            deliver(fromServer, to: client, fromClient: false)
        }
        Issue.record("the endpoints never fall silent")
    }

    private func deliver(_ datagrams: [[UInt8]], to side: Side, fromClient: Bool) {
        for datagram in datagrams {
            carried += 1
            for copy in route(carried, fromClient, datagram) { side.receive(copy, now: now) }
        }
    }

    var areConnected: Bool { client.endpoint.state == .connected && server.endpoint.state == .connected }
    var areOver: Bool {
        [client.endpoint.state, server.endpoint.state].allSatisfy { $0 != .new && $0 != .handshaking }
    }

    /// Exchanges, and moves the clock from deadline to deadline, until both are through or have failed.
    func run() {
        exchange()
        for _ in 0..<200 where !areOver {
            let next = min(client.endpoint.deadline, server.endpoint.deadline)
            guard next != .distantFuture else { return }
            now = max(now, next)
            client.endpoint.advance(to: now)
            server.endpoint.advance(to: now)
            exchange()
        }
    }

    /// What happened to the keys: both sides have them, mirrored.
    func expectMirroredKeys(profile: UInt16 = 7, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let ours = try #require(client.keys, sourceLocation: sourceLocation)
        let theirs = try #require(server.keys, sourceLocation: sourceLocation)
        #expect(ours.profile == profile && theirs.profile == profile, sourceLocation: sourceLocation)
        #expect(ours.localKey == theirs.remoteKey && ours.remoteKey == theirs.localKey, sourceLocation: sourceLocation)
        #expect(ours.localSalt == theirs.remoteSalt && ours.remoteSalt == theirs.localSalt)
        #expect(ours.localKey != ours.remoteKey, sourceLocation: sourceLocation)
    }
}
