public import Wire

/// Hosts and what lies between them.
///
/// Addresses live in *segments*: the internet, the network behind a NAT, the one behind a second NAT. Each segment
/// except the internet has a gateway to its parent. A packet goes up until a segment knows its destination, and down
/// from there; every step is a link.
public struct Network: Sendable {
    /// What stands between a segment and its parent.
    public enum Gateway: Sendable {
        case router
        case nat(NAT)
        case firewall(Firewall)
    }

    /// Why a packet ended between its hosts.
    public enum Drop: Error, Hashable, Sendable, BitwiseCopyable {
        case link(Link.Loss)
        case nat(NAT.Refusal)
        case firewall
        /// No segment on its way knows the destination.
        case noRoute
        /// The segment keeps its hosts apart.
        case isolated
        /// Two addresses of different families, or a packet that goes round in circles.
        case malformed
    }

    /// Where a packet is between two links.
    public enum Place: Hashable, Sendable, BitwiseCopyable {
        case host(Int)
        case segment(Int)
        /// On the outside of a segment's gateway.
        case gateway(Int)
    }

    /// Where a packet can end.
    public enum Spot: Hashable, Sendable, BitwiseCopyable {
        case line(Line)
        case gateway(Int)
        case segment(Int)
    }

    /// What became of a packet that entered or left something. The packet itself stays with the caller.
    enum Step: BitwiseCopyable {
        /// It will be there at a time.
        case hop(Place, Instant)
        /// The same with a copy of it.
        case hops(Place, Instant, copy: Instant)
        case delivered(host: Int)
        case dropped(Drop, at: Spot)
        /// A link has taken it, unless it is one of those in ``overflow`` that found no room there.
        case queued(Line)
    }

    /// One direction of a link: up is towards the internet.
    public enum Line: Hashable, Sendable, BitwiseCopyable {
        case hostUp(Int)
        case hostDown(Int)
        case segmentUp(Int)
        case segmentDown(Int)
    }

    /// A line that wants ``depart(_:now:)`` to be called.
    struct Call: Sendable {
        var line: Line
        var time: Instant
    }

    struct Segment: Sendable {
        var name: String
        var parent: Int?
        var gateway: Gateway
        var up: Link
        var down: Link
        var hosts: [IPAddress: Int] = [:]
        var children: [Int] = []
        /// Hosts do not reach each other but through the gateway, as at many a wireless access point.
        var isolatesHosts = false
    }

    struct Host: Sendable {
        var name: String
        var segment: Int
        var addresses: [IPAddress]
        var up: Link
        var down: Link
    }

    var segments: [Segment]
    var hosts: [Host] = []
    let seed: RootSeed
    /// Since they were taken last.
    var calls: [Call] = []
    /// What the last ``Step/queued(_:)`` found no room for.
    var overflow: [Datagram] = []
    /// A link that corrupts has had the packet since this was last looked at.
    var mayHaveChanged = false
    private var directions = Directions()
    /// All that the packet on its way has met did no more than delay it.
    var isPlainWay = false
    private var lastWay: Way?

    /// Where something sends from or goes on from.
    private enum Origin: Hashable, BitwiseCopyable {
        case sender(Int)
        case place(Place)
    }

    /// How a packet went on. What starts there at the same time for the same address goes the same way, as long as
    /// only delays lie on it: packets come in trains.
    private struct Way: BitwiseCopyable {
        var origin: Origin
        var destination: IPAddress
        var start: Instant
        var end: Place
        var arrival: Instant

        func isOf(_ origin: Origin, _ destination: IPAddress, _ start: Instant) -> Bool {
            self.start == start && self.destination == destination && self.origin == origin
        }
    }

    public init(seed: RootSeed) {
        self.seed = seed
        let nowhere = Link(LinkBehavior(), random: seed.stream("internet"))
        segments = [Segment(name: "internet", parent: nil, gateway: .router, up: nowhere, down: nowhere)]
    }

    /// The root of all segments.
    public static let internet = 0

    /// Adds a network behind a gateway; returns its number.
    @discardableResult
    public mutating func addSegment(
        _ name: String, behind gateway: Gateway, in parent: Int = internet, up: LinkBehavior = LinkBehavior(),
        down: LinkBehavior = LinkBehavior()
    ) -> Int {
        segments.append(
            Segment(
                name: name, parent: parent, gateway: gateway, up: Link(up, random: seed.stream("link:\(name):up")),
                down: Link(down, random: seed.stream("link:\(name):down"))))
        segments[parent].children.append(segments.count - 1)
        forgetWays()
        return segments.count - 1
    }

    /// Adds a host with its addresses; returns its number.
    @discardableResult
    public mutating func addHost(
        _ name: String, in segment: Int = internet, addresses: [IPAddress], up: LinkBehavior = LinkBehavior(),
        down: LinkBehavior = LinkBehavior()
    ) -> Int {
        hosts.append(
            Host(
                name: name, segment: segment, addresses: addresses,
                up: Link(up, random: seed.stream("link:\(name):up")),
                down: Link(down, random: seed.stream("link:\(name):down"))))
        for address in addresses { segments[segment].hosts[address] = hosts.count - 1 }
        forgetWays()
        return hosts.count - 1
    }

    /// In the order of their numbers.
    public var hostNames: [String] { hosts.map(\.name) }
    public func name(ofHost host: Int) -> String { hosts[host].name }
    public func addresses(ofHost host: Int) -> [IPAddress] { hosts[host].addresses }

    /// A host sends: as far as the packet comes in no time.
    mutating func send(_ datagram: inout Datagram, from host: Int, now: Instant) -> Step {
        let origin = Origin.sender(host)
        if let way = lastWay, way.isOf(origin, datagram.destination.ip, now) { return .hop(way.end, way.arrival) }
        let destination = datagram.destination.ip
        let segment = hosts[host].segment
        guard !segments[segment].isolatesHosts || segments[segment].hosts[destination] == nil else {
            return .dropped(.isolated, at: .segment(segment))
        }
        isPlainWay = true
        let step = goOn(cross(.hostUp(host), &datagram, now: now), &datagram, now: now)
        rememberWay(from: origin, to: destination, step, now)
        return step
    }

    /// A packet arrives where a link ends, and goes on as far as it comes in no time.
    mutating func arrive(_ datagram: inout Datagram, at place: Place, now: Instant) -> Step {
        let origin = Origin.place(place)
        if let way = lastWay, way.isOf(origin, datagram.destination.ip, now) { return .hop(way.end, way.arrival) }
        let destination = datagram.destination.ip
        isPlainWay = true
        let step = goOn(pass(place, &datagram, now: now), &datagram, now: now)
        rememberWay(from: origin, to: destination, step, now)
        return step
    }

    /// Steps that take no time happen at once, in order.
    mutating func goOn(_ first: Step, _ datagram: inout Datagram, now: Instant) -> Step {
        var step = first
        while case .hop(let place, let time) = step, time <= now { step = pass(place, &datagram, now: now) }
        return step
    }

    private mutating func rememberWay(from origin: Origin, to destination: IPAddress, _ step: Step, _ now: Instant) {
        guard isPlainWay, case .hop(let end, let arrival) = step else { return }
        lastWay = Way(origin: origin, destination: destination, start: now, end: end, arrival: arrival)
    }

    private mutating func pass(_ place: Place, _ datagram: inout Datagram, now: Instant) -> Step {
        switch place {
        case .host(let host): return .delivered(host: host)
        case .segment(let segment): return route(&datagram, in: segment, now: now)
        case .gateway(let segment): return enter(&datagram, segment: segment, now: now)
        }
    }

    /// In a segment: to a host of it, down to a network behind it, or up.
    private mutating func route(_ datagram: inout Datagram, in segment: Int, now: Instant) -> Step {
        switch direction(of: datagram.destination.ip, in: segment) {
        case .host(let host): return cross(.hostDown(host), &datagram, now: now)
        case .child(let child): return cross(.segmentDown(child), &datagram, now: now)
        case .up: return leave(&datagram, segment: segment, now: now)
        }
    }

    private mutating func direction(of destination: IPAddress, in segment: Int) -> Directions.Direction {
        if let known = directions.find(destination, in: segment) { return known }
        let direction: Directions.Direction
        if let host = segments[segment].hosts[destination] {
            direction = .host(host)
        } else {
            direction = segments[segment].children.first { reaches(destination, through: $0) }.map { .child($0) } ?? .up
        }
        directions.remember(direction, of: destination, in: segment)
        return direction
    }

    /// Up through the gateway.
    private mutating func leave(_ datagram: inout Datagram, segment: Int, now: Instant) -> Step {
        guard segments[segment].parent != nil else { return .dropped(.noRoute, at: .segment(segment)) }
        switch cross(gatewayOf: segment, &datagram, isOutward: true, now: now) {
        case .outward: return cross(.segmentUp(segment), &datagram, now: now)
        case .inward: return route(&datagram, in: segment, now: now)
        case .refused(let drop): return .dropped(drop, at: .gateway(segment))
        }
    }

    /// Down through the gateway.
    private mutating func enter(_ datagram: inout Datagram, segment: Int, now: Instant) -> Step {
        switch cross(gatewayOf: segment, &datagram, isOutward: false, now: now) {
        case .inward: return route(&datagram, in: segment, now: now)
        case .outward: return .dropped(.malformed, at: .gateway(segment))
        case .refused(let drop): return .dropped(drop, at: .gateway(segment))
        }
    }

    private enum Passage: BitwiseCopyable {
        case outward
        case inward
        case refused(Drop)
    }

    private mutating func cross(
        gatewayOf segment: Int, _ datagram: inout Datagram, isOutward: Bool, now: Instant
    ) -> Passage {
        if case .router = segments[segment].gateway { return isOutward ? .outward : .inward }
        isPlainWay = false
        return Self.translate(&datagram, gateway: &segments[segment].gateway, isOutward: isOutward, now: now)
    }

    private static func translate(
        _ datagram: inout Datagram, gateway: inout Gateway, isOutward: Bool, now: Instant
    ) -> Passage {
        let plain = isOutward ? Passage.outward : .inward
        // Out of its place while it works, so that its tables are changed where they are instead of being copied.
        let taken = gateway
        gateway = .router
        switch consume taken {
        case .router: return plain
        case .firewall(var firewall):
            let isAdmitted =
                isOutward
                ? firewall.admitsFromInside(datagram, now: now) : firewall.admitsFromOutside(datagram, now: now)
            gateway = .firewall(firewall)
            return isAdmitted ? plain : .refused(.firewall)
        case .nat(var nat):
            let verdict = isOutward ? nat.fromInside(datagram, now: now) : nat.fromOutside(datagram, now: now)
            gateway = .nat(nat)
            switch verdict {
            case .outward(let translated):
                datagram = translated
                return .outward
            case .inward(let translated):
                datagram = translated
                return .inward
            case .refused(let refusal): return .refused(.nat(refusal))
            }
        }
    }

    /// Whether an address is behind a gateway, as the parent sees it.
    private func reaches(_ address: IPAddress, through segment: Int) -> Bool {
        if case .nat(let nat) = segments[segment].gateway { return nat.externalAddresses.contains(address) }
        if segments[segment].hosts[address] != nil { return true }
        return segments[segment].children.contains { reaches(address, through: $0) }
    }

    /// Something that packets go through has changed.
    mutating func forgetWays() {
        directions.forget()
        lastWay = nil
    }

    /// Keeps a segment's hosts apart from now on.
    public mutating func isolateHosts(of segment: Int) {
        segments[segment].isolatesHosts = true
        forgetWays()
    }
}
