import Reactor
import Simulator
import Wire

/// A link of the simulator between real sockets: what comes at one address goes on to a server and back, through the
/// same queue, delay and loss that simulated packets see.
///
/// The server sees another port for each client.
actor LinkEmulator {
    enum Direction: String, CaseIterable, Sendable {
        /// From the clients to the server, and from the server to the clients.
        case up, down
    }

    struct Counts: Sendable {
        var passed: UInt64 = 0
        var dropped: UInt64 = 0
    }

    /// Clients at a time; the one that was silent longest makes room.
    static let clients = 8
    /// Datagrams on their way in one direction; more are dropped.
    private static let mostUnderWay = 20_000

    private struct Client {
        var address: SocketAddress
        var heard: Instant
    }

    private struct Delivery {
        var at: Instant
        var payload: [UInt8]
        var socket: Int
        var destination: SocketAddress
    }

    nonisolated let sockets: DatagramSockets
    private let server: SocketAddress
    private var links: [Direction: Link] = [:]
    private var clients: [Client?] = Array(repeating: nil, count: LinkEmulator.clients)
    /// By time; few are ever under way.
    private var deliveries: [Direction: [Delivery]] = [.up: [], .down: []]
    private(set) var counts: [Direction: Counts] = [.up: Counts(), .down: Counts()]

    /// Binds `listen`, and a port of its address for each client.
    init(listen: SocketAddress, server: SocketAddress, behaviors: [Direction: LinkBehavior], seed: UInt64) throws {
        let far = SocketAddress(ip: server.ip.isLoopback ? listen.ip : IPAddress(ipv4: 0), port: 0)
        sockets = try DatagramSockets(binding: [listen] + Array(repeating: far, count: Self.clients))
        self.server = server
        for direction in Direction.allCases {
            links[direction] = Link(
                behaviors[direction] ?? LinkBehavior(), random: RootSeed(seed).stream(direction.rawValue))
        }
    }

    nonisolated var address: SocketAddress { sockets.locals[0] }

    /// The link behaves otherwise from now on.
    func change(_ direction: Direction, _ change: @Sendable (inout LinkBehavior) -> Void) {
        guard var behavior = links[direction]?.behavior else { return }
        change(&behavior)
        links[direction]?.behavior = behavior
    }

    /// Until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { for await arrival in self.sockets.arrivals { await self.take(arrival) } }
            group.addTask {
                // A millisecond is what the kernel's timers keep; what is due then leaves together.
                while !Task.isCancelled {
                    await self.deliver()
                    try? await Task.sleep(for: .milliseconds(1))
                }
            }
        }
        sockets.close()
    }

    // MARK: Steps

    private func take(_ arrival: DatagramSockets.Arrival) {
        let now = HostClock.now
        let isUp = arrival.socket == 0
        let index: Int
        if isUp {
            index = place(of: arrival.source, now: now)
        } else {
            index = arrival.socket - 1
            guard arrival.source == server else { return }
        }
        guard let client = clients[index] else { return }
        let direction = isUp ? Direction.up : .down
        guard deliveries[direction]?.count ?? 0 < Self.mostUnderWay else {
            counts[direction]?.dropped += 1
            return
        }
        // The client names the way of those that wait inside the link.
        var datagram = Datagram(
            source: isUp ? client.address : server, destination: isUp ? server : client.address,
            payload: arrival.bytes)
        let outcome = links[direction]?.send(&datagram, now: now) ?? .dropped(.down)
        take(outcome, datagram, direction)
    }

    private func place(of address: SocketAddress, now: Instant) -> Int {
        if let known = clients.firstIndex(where: { $0?.address == address }) {
            clients[known]?.heard = now
            return known
        }
        let oldest = clients.indices.min { clients[$0]?.heard ?? .origin < clients[$1]?.heard ?? .origin } ?? 0
        clients[oldest] = Client(address: address, heard: now)
        return oldest
    }

    private func take(_ outcome: Link.Outcome, _ datagram: Datagram, _ direction: Direction) {
        switch outcome {
        case .arrives(let instant, let copy):
            schedule(datagram, at: instant, direction)
            if let copy { schedule(datagram, at: copy, direction) }
        case .dropped: counts[direction]?.dropped += 1
        case .queued(let overflow): counts[direction]?.dropped += UInt64(overflow.count)
        }
    }

    private func schedule(_ datagram: Datagram, at instant: Instant, _ direction: Direction) {
        let client = direction == .up ? datagram.source : datagram.destination
        guard let index = clients.firstIndex(where: { $0?.address == client }) else { return }
        let delivery = Delivery(
            at: instant, payload: datagram.payload, socket: direction == .up ? index + 1 : 0,
            destination: datagram.destination)
        let place = deliveries[direction]?.lastIndex { $0.at <= instant }.map { $0 + 1 } ?? 0
        deliveries[direction]?.insert(delivery, at: place)
    }

    private func deliver() {
        let now = HostClock.now
        for direction in Direction.allCases {
            for departure in links[direction]?.depart(now: now) ?? [] {
                take(departure.outcome, departure.datagram, direction)
            }
            let due = deliveries[direction]?.prefix { $0.at <= now } ?? []
            for delivery in due { sockets.send(delivery.payload, from: delivery.socket, to: delivery.destination) }
            counts[direction]?.passed += UInt64(due.count)
            deliveries[direction]?.removeFirst(due.count)
        }
    }
}
