import Simulator

/// The links and delay lines of a run, with the clock: packets go in with ``send(_:)`` and come out of ``next()``.
struct Network: Sendable {
    /// One way through the network.
    struct Route: Sendable {
        var links: [Int]
        var line: Int
    }

    enum Happening {
        case packet(Packet)
        case event(EventHeap.Event)
        case nothing
        case end
    }

    var events = EventHeap()
    private(set) var links: [Bottleneck]
    private var lines: [DelayLine] = []
    private var routes: [Route] = []
    /// Packets that were lost on links, counted for each owner by the simulation where it matters.
    private(set) var lost: UInt64 = 0

    init(links descriptions: [LinkDescription], seed: RootSeed) {
        links = descriptions.enumerated().map { index, link in
            Bottleneck(link, random: seed.stream("link \(index)"))
        }
        for index in links.indices {
            if let change = links[index].nextChange { events.schedule(.capacity, index, at: change) }
        }
    }

    /// Adds a way over links, in their order, and then propagation.
    mutating func addRoute(links: [Int], line: DelayLine) -> Int16 {
        lines.append(line)
        routes.append(Route(links: links, line: lines.count - 1))
        return Int16(routes.count - 1)
    }

    var now: UInt64 { events.now }

    mutating func send(_ packet: Packet) {
        let route = Int(packet.route)
        let hop = Int(packet.hop)
        guard hop < routes[route].links.count else {
            let line = routes[route].line
            if let time = lines[line].enter(packet, now: now) { events.schedule(.arrival, line, at: time) }
            return
        }
        let link = routes[route].links[hop]
        switch links[link].enter(packet, now: now) {
        case .begins(let time): events.schedule(.departure, link, at: time)
        case .waits: break
        case .dropped: lost += 1
        }
    }

    /// What happens next as far as it is not the network's own.
    mutating func next() -> Happening {
        guard let event = events.next() else { return .end }
        let index = Int(event.index)
        switch event.kind {
        case .arrival:
            let (packet, time) = lines[index].arrive()
            if let time { events.schedule(.arrival, index, at: time) }
            return packet.map { .packet($0) } ?? .nothing
        case .departure:
            let (packet, time) = links[index].depart(now: event.time)
            if let time { events.schedule(.departure, index, at: time) }
            guard var packet else { return .nothing }
            packet.hop += 1
            send(packet)
            return .nothing
        case .capacity:
            links[index].changeCapacity()
            if let change = links[index].nextChange { events.schedule(.capacity, index, at: change) }
            return .nothing
        default:
            return .event(event)
        }
    }
}
