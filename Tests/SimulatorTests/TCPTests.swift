import STUN
import Simulator
import Testing
import Wire

/// TCP through what networks do to it.
@Suite struct TCPTests {
    static let server = SocketAddress(ip: IPAddress("203.0.113.1")!, port: 443)
    static let client = SocketAddress(ip: IPAddress("192.168.1.2")!, port: 5000)
    static let outside = IPAddress("198.51.100.1")!

    private func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
        var random = SeededRandom(seed: seed)
        return random.bytes(count)
    }

    /// A client behind a gateway and a server on the internet.
    private func simulation(
        _ client: StreamProcess, _ server: StreamProcess, behind gateway: Network.Gateway = .router,
        _ link: LinkBehavior = LinkBehavior(delay: .milliseconds(10)), seed: UInt64 = 1, keepsEntries: Bool = false
    ) -> Simulation {
        var network = Network(seed: RootSeed(seed))
        let segment = network.addSegment("home", behind: gateway)
        let inside = network.addHost("client", in: segment, addresses: [Self.client.ip], up: link, down: link)
        let outside = network.addHost("server", addresses: [Self.server.ip])
        var simulation = Simulation(network, keepsEntries: keepsEntries)
        simulation.add(server, on: outside)
        simulation.add(client, on: inside, start: .origin + .milliseconds(1))
        return simulation
    }

    private static func seconds(_ count: Int64) -> Instant { .origin + .seconds(count) }

    @Test func aConnectionOpensInARoundTripAndEndsOnBothSides() {
        let client = StreamProcess(Self.client, to: Self.server, greeting: bytes(10, seed: 1))
        let server = StreamProcess(Self.server, greeting: bytes(20, seed: 2))
        var simulation = simulation(client, server)
        simulation.run(until: .origin + .milliseconds(22)) { !client.isConnected }
        #expect(simulation.now == .origin + .milliseconds(21))
        simulation.run(until: Self.seconds(1))
        #expect(server.received == bytes(10, seed: 1) && client.received == bytes(20, seed: 2))
        #expect(client.closed != nil && server.closed != nil)
        #expect(server.remote == Self.client)
        // Two round trips and no timer but TIME-WAIT's.
        #expect(simulation.log.count < 24)
        simulation.run(until: Self.seconds(70))
        #expect(client.stack.connectionCount == 0 && server.stack.connectionCount == 0)
    }

    @Test(arguments: UInt64(1)...12) func aStreamArrivesWholeAndInOrderThroughABadNetwork(_ seed: UInt64) {
        var link = LinkBehavior(delay: .milliseconds(10))
        link.loss = .independent(Probability(0.1))
        link.jitter = .milliseconds(10)
        link.reorders = true
        link.duplication = Probability(0.05)
        link.corruption = Probability(0.08)
        let up = bytes(100_000, seed: seed)
        let down = bytes(50_000, seed: seed + 100)
        let client = StreamProcess(Self.client, to: Self.server, greeting: up, seed: seed)
        let server = StreamProcess(Self.server, greeting: down, seed: seed)
        var simulation = simulation(client, server, link, seed: seed)
        let isDone = simulation.run(until: Self.seconds(600)) { client.closed == nil || server.closed == nil }
        #expect(isDone)
        #expect(server.received == up && client.received == down)
        #expect(client.stack.statistics.retransmissions + server.stack.statistics.retransmissions > 5)
        #expect(client.stack.statistics.damaged + server.stack.statistics.damaged > 0)
        #expect(client.stack.statistics.timeouts + client.stack.statistics.resets == 0)
    }

    @Test func theSameSeedGivesTheSameSegments() {
        let hashes = [UInt64(1), 1, 2].map { seed in
            let client = StreamProcess(Self.client, to: Self.server, greeting: bytes(1, seed: 1), seed: seed)
            var simulation = simulation(client, StreamProcess(Self.server, seed: 1), seed: 1)
            simulation.run(until: Self.seconds(1))
            return simulation.log.replayHash
        }
        // Only the sequence numbers differ.
        #expect(hashes[0] == hashes[1] && hashes[0] != hashes[2])
    }

    @Test func aLineIsFilledAndALossIsMadeGoodWithoutATimer() throws {
        var link = LinkBehavior(delay: .milliseconds(10))
        link.rate = 10_000_000
        link.queueBytes = 30_000
        let client = StreamProcess(Self.client, to: Self.server, greeting: bytes(400_000, seed: 1))
        let server = StreamProcess(Self.server)
        var simulation = simulation(client, server, link)
        simulation.run(until: Self.seconds(20)) { server.closed == nil }
        #expect(server.received.count == 400_000)
        let retransmissions = client.stack.statistics.retransmissions
        #expect(retransmissions > 0 && retransmissions < 100)
        // So many bytes and their headers take 0.33 s at 10 Mbit/s.
        let seconds = try #require(server.closed).nanoseconds
        #expect(seconds > 330_000_000 && seconds < 700_000_000)
    }

    @Test(arguments: ["EIM/EIF", "EIM/APDF", "APDM/APDF"]) func aStreamGoesThroughNATs(_ name: String) throws {
        let behavior = try #require(NATBehavior(name: name))
        let nat = NAT(behavior, externalAddresses: [Self.outside], random: SeededRandom(seed: 1))
        let client = StreamProcess(Self.client, to: Self.server, greeting: bytes(5000, seed: 1))
        let server = StreamProcess(Self.server, greeting: bytes(5000, seed: 2))
        var simulation = simulation(client, server, behind: .nat(nat))
        simulation.run(until: Self.seconds(2))
        #expect(server.received.count == 5000 && client.received.count == 5000)
        #expect(server.remote == SocketAddress(ip: Self.outside, port: Self.client.port))
    }

    @Test func aFirewallThatBlocksUDPLetsPassWhatInsideOpens() {
        let client = StreamProcess(Self.client, to: Self.server, greeting: bytes(5000, seed: 1))
        let server = StreamProcess(Self.server, greeting: bytes(5000, seed: 2))
        var inward = simulation(client, server, behind: .firewall(Firewall(blocksUDP: true)))
        inward.run(until: Self.seconds(2))
        #expect(server.received.count == 5000 && client.received.count == 5000)

        // A server behind it is not reached.
        let inside = StreamProcess(Self.client)
        let caller = StreamProcess(Self.server, to: Self.client)
        var outward = simulation(inside, caller, behind: .firewall(Firewall(blocksUDP: true)))
        outward.run(until: Self.seconds(300))
        #expect(!caller.isConnected && caller.stack.statistics.timeouts == 1)
    }

    @Test func nobodyThereIsARefusalAndADeadPeerTimesOut() throws {
        let client = StreamProcess(Self.client, to: Self.server)
        var refused = simulation(client, StreamProcess(SocketAddress(ip: Self.server.ip, port: 80)))
        refused.run(until: Self.seconds(1))
        #expect(!client.isConnected && client.stack.statistics.resets == 1)
        #expect(client.closed == .origin + .milliseconds(21))

        let sender = StreamProcess(Self.client, to: Self.server, greeting: bytes(1_000_000, seed: 1))
        let server = StreamProcess(Self.server)
        server.closesAfterGreeting = false
        var cut = simulation(sender, server)
        cut.at(.origin + .milliseconds(100)) { network in network.change(linksOf: 0) { $0.isUp = false } }
        cut.run(until: Self.seconds(600))
        #expect(server.received.count > 10_000 && server.received.count < 1_000_000)
        #expect(sender.stack.statistics.timeouts == 1 && sender.stack.connectionCount == 0)
        let seconds = try #require(sender.closed).nanoseconds / 1_000_000_000
        #expect((100...200).contains(seconds))
        #expect(sender.stack.statistics.retransmissions < 15, "each wait is longer than the one before")
    }

    @Test func processesOfUDPSeeNoSegments() {
        final class Listener: Process {
            var count = 0
            var deadline: Instant { .distantFuture }
            func receive(_ datagram: Datagram, now: Instant, _ output: inout Output) { count += 1 }
            func advance(to now: Instant, _ output: inout Output) {}
        }
        let listener = Listener()
        let server = StreamProcess(Self.server)
        var simulation = simulation(StreamProcess(Self.client, to: Self.server), server)
        simulation.add(listener, on: 1)
        simulation.run(until: Self.seconds(1))
        #expect(server.remote != nil && listener.count == 0)
    }

    // MARK: Stacks without a network

    /// Carries what two stacks say to each other until both are silent.
    private func exchange(_ a: inout TCPStack, _ b: inout TCPStack, now: Instant) {
        while true {
            var isSilent = true
            while let datagram = a.nextDatagram() {
                isSilent = false
                b.receive(datagram, now: now)
            }
            while let datagram = b.nextDatagram() {
                isSilent = false
                a.receive(datagram, now: now)
            }
            if isSilent { return }
        }
    }

    private func stacks() -> (TCPStack, TCPStack) {
        (TCPStack(random: SeededRandom(seed: 1)), TCPStack(random: SeededRandom(seed: 2)))
    }

    @Test func bothSidesMayOpenAtOnce() {
        var (a, b) = stacks()
        let first = a.connect(from: Self.client, to: Self.server, now: .origin)
        let second = b.connect(from: Self.server, to: Self.client, now: .origin)
        // The SYNs cross.
        let (left, right) = (a.nextDatagram(), b.nextDatagram())
        if let right { a.receive(right, now: .origin) }
        if let left { b.receive(left, now: .origin) }
        exchange(&a, &b, now: .origin)
        let events = (a.nextEvent(), b.nextEvent())
        #expect(events.0 == .connected(first) && events.1 == .connected(second))
        a.send([1, 2, 3], on: first, now: .origin)
        exchange(&a, &b, now: .origin)
        let event = b.nextEvent()
        #expect(event == .received(second, [1, 2, 3]))
    }

    @Test func onlyAResetThatIsInPlaceIsBelieved() throws {
        var (a, b) = stacks()
        b.listen(on: Self.server)
        let number = a.connect(from: Self.client, to: Self.server, now: .origin)
        let first = a.nextDatagram()
        var syn = try #require(first)
        b.receive(syn, now: .origin)
        let second = b.nextDatagram()?.segment
        let answer = try #require(second)
        var reply = Datagram(source: Self.server, destination: Self.client, payload: [], segment: answer)
        a.receive(reply, now: .origin)
        exchange(&a, &b, now: .origin)
        for (offset, remaining) in [(UInt32(100), 1), (0, 0)] {
            var reset = TCPSegment(flags: .rst, sequence: answer.sequence &+ 1 &+ offset)
            reset.seal([])
            reply.segment = reset
            a.receive(reply, now: .origin)
            #expect(a.connectionCount == remaining)
        }
        var events: [TCPStack.Event] = []
        while let event = a.nextEvent() { events.append(event) }
        #expect(events == [.connected(number), .closed(number)])
        // What it has forgotten it refuses.
        syn.segment?.flags = .ack
        syn.segment?.seal([])
        while a.nextDatagram() != nil {}
        a.receive(
            Datagram(source: syn.destination, destination: syn.source, payload: [], segment: syn.segment), now: .origin)
        let refusal = a.nextDatagram()?.segment?.flags
        #expect(refusal == .rst)
    }

    @Test func oneHalfMayCloseBeforeTheOther() {
        var (a, b) = stacks()
        b.listen(on: Self.server)
        let number = a.connect(from: Self.client, to: Self.server, now: .origin)
        exchange(&a, &b, now: .origin)
        a.close(number, now: .origin)
        exchange(&a, &b, now: .origin)
        let accepted = b.nextEvent()
        let ended = b.nextEvent()
        #expect(accepted == .accepted(1, local: Self.server, remote: Self.client) && ended == .closed(1))
        let isTaken = a.send([1], on: number, now: .origin)
        #expect(!isTaken)
        b.send([7, 8], on: 1, now: .origin)
        exchange(&a, &b, now: .origin)
        _ = a.nextEvent()
        let event = a.nextEvent()
        #expect(event == .received(number, [7, 8]))
        b.close(1, now: .origin)
        exchange(&a, &b, now: .origin)
        #expect(b.connectionCount == 0 && a.connectionCount == 1, "TIME-WAIT")
        a.advance(to: .origin + .seconds(60))
        #expect(a.connectionCount == 0)
    }

    @Test func aStackIsBounded() {
        var (a, b) = stacks()
        b.listen(on: Self.server)
        for port in UInt16(1)...1100 {
            _ = a.connect(from: SocketAddress(ip: Self.client.ip, port: port), to: Self.server, now: .origin)
            exchange(&a, &b, now: .origin)
        }
        #expect(a.connectionCount == TCPStack.maximumConnections && b.connectionCount == TCPStack.maximumConnections)
        let isTaken = a.send(bytes(TCPStack.maximumUnsent + 1, seed: 1), on: 1, now: .origin)
        #expect(!isTaken)
    }

    // MARK: Middleboxes

    private func packet(
        _ flags: TCPSegment.Flags?, from source: SocketAddress = Self.client,
        to destination: SocketAddress = Self.server
    ) -> Datagram {
        Datagram(
            source: source, destination: destination, payload: [],
            segment: flags.map { TCPSegment(flags: $0, sequence: 1) })
    }

    /// A SYN and its answers through a NAT; returns the external endpoint.
    private func open(_ nat: inout NAT, _ rest: [(TCPSegment.Flags, isOutward: Bool)]) -> SocketAddress? {
        guard case .outward(let out) = nat.fromInside(packet(.syn), now: .origin) else { return nil }
        for (flags, isOutward) in rest {
            if isOutward {
                _ = nat.fromInside(packet(flags), now: .origin)
            } else {
                _ = nat.fromOutside(packet(flags, from: Self.server, to: out.source), now: .origin)
            }
        }
        return out.source
    }

    @Test func aNATForgetsHalfOpenAndClosedConnectionsSoonerThanOpenOnes() throws {
        let opening: [(TCPSegment.Flags, isOutward: Bool)] = [([.syn, .ack], false), (.ack, true)]
        let cases: [([(TCPSegment.Flags, isOutward: Bool)], Int64)] = [
            ([], 240), (Array(opening.prefix(1)), 240), (opening, 7440),
            (opening + [([.fin, .ack], true)], 7440),
            (opening + [([.fin, .ack], true), ([.fin, .ack], false)], 240),
            (opening + [(.rst, false)], 240),
        ]
        for (rest, lifetime) in cases {
            for (time, isOpen) in [(lifetime, true), (lifetime + 1, false)] {
                var nat = NAT(
                    NATBehavior(.endpointIndependent, .addressAndPortDependent), externalAddresses: [Self.outside],
                    random: SeededRandom(seed: 1))
                let opened = open(&nat, rest)
                let external = try #require(opened)
                let verdict = nat.fromOutside(packet(.ack, from: Self.server, to: external), now: Self.seconds(time))
                #expect(
                    verdict
                        == (isOpen ? .inward(packet(.ack, from: Self.server, to: Self.client)) : .refused(.noMapping)))
            }
        }
    }

    @Test func anUnsolicitedSYNIsDroppedWithoutAnAnswerAndPortsOfUDPAreOthers() throws {
        var nat = NAT(
            NATBehavior(.endpointIndependent, .addressDependent), externalAddresses: [Self.outside],
            random: SeededRandom(seed: 1))
        let opened = open(&nat, [])
        let external = try #require(opened)
        let stranger = SocketAddress(ip: IPAddress("203.0.113.9")!, port: 443)
        var verdict = nat.fromOutside(packet(.syn, from: stranger, to: external), now: .origin)
        #expect(verdict == .refused(.filtered))
        verdict = nat.fromOutside(packet(nil, from: Self.server, to: external), now: .origin)
        #expect(verdict == .refused(.noMapping))
        // An address that was written to may open a connection from any port: simultaneous open.
        var sibling = Self.server
        sibling.port = 9
        verdict = nat.fromOutside(packet(.syn, from: sibling, to: external), now: .origin)
        #expect(verdict == .inward(packet(.syn, from: sibling, to: Self.client)))
        // UDP from the same internal endpoint gets the same port: there it is free.
        guard case .outward(let datagram) = nat.fromInside(packet(nil), now: .origin) else {
            Issue.record("no mapping")
            return
        }
        #expect(datagram.source == external && nat.mappingCount == 2)
    }

    @Test func aFirewallKeepsAnOpenConnectionLongerThanAHalfOpenOne() {
        for (flags, lifetime) in [([], Int64(240)), ([TCPSegment.Flags([.syn, .ack]), .ack], 7440)] {
            for (time, isOpen) in [(lifetime, true), (lifetime + 1, false)] {
                var firewall = Firewall(blocksUDP: true)
                _ = firewall.admitsFromInside(packet(.syn), now: .origin)
                if !flags.isEmpty {
                    _ = firewall.admitsFromOutside(packet(flags[0], from: Self.server, to: Self.client), now: .origin)
                    _ = firewall.admitsFromInside(packet(flags[1]), now: .origin)
                }
                let isAdmitted = firewall.admitsFromOutside(
                    packet(.ack, from: Self.server, to: Self.client), now: Self.seconds(time))
                #expect(isAdmitted == isOpen)
                let passes = firewall.admitsFromInside(packet(nil), now: .origin)
                #expect(!passes)
            }
        }
    }
}
