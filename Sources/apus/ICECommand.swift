import ArgumentParser
import Foundation
import ICE
import NIOCore
import Simulator
import Wire

/// `apus ice`: one end of a call as far as connecting goes, with real sockets.
struct ICECommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ice", abstract: "Find out which path ICE finds to another `apus ice`.",
        discussion: """
            Example, on two hosts, with what one prints typed into the other:
              apus ice --stun stun.example.org --controlling
              apus ice --stun stun.example.org
            It is the same code that `apus sim` runs, on the sockets of this host. Each line on standard output is for
            the other end's standard input; the path is told on standard error as JSON. It ends with its standard
            input, with --seconds, or by Ctrl-C.
            """)

    @Option(help: "A STUN server, host or host:port; may be repeated.") var stun: [String] = []
    @Option(help: "A TURN server over UDP, host or host:port.") var turn: String?
    @Option(help: "name:password at the TURN server.") var user: String?
    @Option(help: "The local address. Without: the one that leads to the servers.") var address: String?
    @Flag(help: "This end nominates the path; the other must not.") var controlling = false
    @Option(help: "How long to go on at most.") var seconds = 60

    func validate() throws {
        guard address.map({ IPAddress($0) != nil }) ?? true else { throw ValidationError("--address takes an address") }
        guard address != nil || !stun.isEmpty || turn != nil else {
            throw ValidationError("give --address, --stun or --turn: else no local address is known")
        }
        guard turn == nil || user?.contains(":") == true else {
            throw ValidationError("--turn needs --user name:password")
        }
        guard (1...3600).contains(seconds) else { throw ValidationError("--seconds takes 1 to 3600") }
    }

    func run() async throws {
        let servers = try stun.map { try DatagramSockets.resolve($0, defaultPort: 3478) }
        let relay = try turn.map { try DatagramSockets.resolve($0, defaultPort: 3478) }
        var local = address.flatMap { IPAddress($0) }
        if local == nil, let server = servers.first ?? relay {
            local = try await DatagramSockets.localAddress(towards: server)
        }
        guard let local else { throw CommandFailure("no network leads to the servers") }
        let sockets = try DatagramSockets(binding: [SocketAddress(ip: local, port: 0)])
        var configuration = PeerProcess.Configuration(sockets: sockets.locals, isControlling: controlling)
        configuration.stunServers = servers
        if let relay, let user, let colon = user.lastIndex(of: ":") {
            configuration.relayServers = [
                PeerProcess.RelayServer(
                    address: relay, username: String(user[..<colon]),
                    password: String(user[user.index(after: colon)...]))
            ]
            // TCP is the simulator's; here are datagrams.
            configuration.streamFallback = .seconds(86_400)
        }
        let runner = PeerRunner(configuration, sockets)
        let limit = Duration.seconds(seconds)
        try await runUntilSignal { try await runner.run(for: limit) }
        sockets.close()
    }
}

/// Drives the simulator's peer with real datagrams, the host's clock, and lines for signalling.
private actor PeerRunner {
    private let sockets: DatagramSockets
    private let peer: PeerProcess
    private let origin = ContinuousClock.now
    private var hasTold = false
    private var isOver = false
    private var wakeUp: Task<Void, Never>?

    init(_ configuration: PeerProcess.Configuration, _ sockets: DatagramSockets) {
        self.sockets = sockets
        var system = SystemRandomNumberGenerator()
        peer = PeerProcess(configuration, random: SeededRandom(seed: system.next()))
        // The other end has no number here; any will do.
        peer.peer = 0
    }

    private var now: Instant { Instant.origin + .nanoseconds(Int64((ContinuousClock.now - origin) / .nanoseconds(1))) }

    func run(for limit: Duration) async throws {
        step { $0.start(now: $1, &$2) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await arrival in self.sockets.arrivals { await self.take(arrival) } }
            group.addTask { for await line in Self.lines { await self.take(line) } }
            group.addTask { try await Task.sleep(for: limit) }
            // Whatever ends first ends the rest.
            _ = try await group.next()
            group.cancelAll()
        }
        wakeUp?.cancel()
    }

    /// Of standard input; read on a thread of its own, which nobody waits for.
    private static var lines: AsyncStream<String> {
        AsyncStream { continuation in
            Thread.detachNewThread {
                while let line = readLine() { continuation.yield(line) }
                continuation.finish()
            }
        }
    }

    private func take(_ arrival: DatagramSockets.Arrival) {
        let datagram = Datagram(
            source: arrival.source, destination: sockets.locals[arrival.socket], payload: arrival.bytes)
        step { $0.receive(datagram, now: $1, &$2) }
    }

    private func take(_ line: String) {
        step { $0.receive(Array(line.utf8), from: 0, now: $1, &$2) }
    }

    private func step(_ body: (PeerProcess, Instant, inout Output) -> Void) {
        var output = Output()
        body(peer, now, &output)
        for datagram in output.datagrams where datagram.segment == nil {
            guard let socket = sockets.locals.firstIndex(of: datagram.source) else { continue }
            sockets.send(datagram.payload, from: socket, to: datagram.destination)
        }
        for message in output.messages { Terminal.line(String(decoding: message.bytes, as: UTF8.self)) }
        tell()
        arm()
    }

    private func arm() {
        wakeUp?.cancel()
        let deadline = peer.deadline
        guard deadline != .distantFuture else { return }
        let wait = Duration.nanoseconds(max((deadline - now).nanoseconds, 0))
        wakeUp = Task {
            do { try await Task.sleep(for: wait) } catch { return }
            self.step { $0.advance(to: $1, &$2) }
        }
    }

    /// The path, once it is settled, or that there is none.
    private func tell() {
        guard !hasTold, peer.agent.state == .completed || peer.agent.state == .failed else { return }
        hasTold = true
        let path = peer.agent.selectedPair.map { pair in
            "\"path\": \"\(PairKinds(local: pair.local.kind, remote: pair.remote.kind))\", "
                + "\"local\": \"\(pair.local.address)\", \"remote\": \"\(pair.remote.address)\", "
        }
        let time = peer.connected.map { Double(($0 - Instant.origin).microseconds) / 1000 }
        Terminal.error("{\(path ?? "\"path\": \"--\", ")\"milliseconds\": \(time.map { "\($0)" } ?? "null")}")
    }
}
