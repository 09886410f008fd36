import STUN
import Simulator
import Testing
import Wire

/// What happens to a network while it is used.
@Suite struct FaultTests {
    /// Sends a numbered datagram at a fixed pace, and notes what comes.
    private final class Talker: Process {
        let address: SocketAddress
        var peer: SocketAddress?
        let pace: Interval
        private var next = Instant.origin
        private var number: UInt8 = 0
        private(set) var heard: [(time: Instant, from: SocketAddress, number: UInt8)] = []

        init(_ address: SocketAddress, to peer: SocketAddress?, pace: Interval = .milliseconds(10)) {
            self.address = address
            self.peer = peer
            self.pace = pace
        }

        var deadline: Instant { peer == nil ? .distantFuture : next }

        func receive(_ datagram: Datagram, now: Instant, _ output: inout Output) {
            heard.append((now, datagram.source, datagram.payload.first ?? 0))
        }

        func advance(to now: Instant, _ output: inout Output) {
            guard let peer, now >= next else { return }
            output.send([number], from: address, to: peer)
            number &+= 1
            next = now + pace
        }
    }

    private static let inside = SocketAddress(ip: IPAddress("192.168.1.2")!, port: 5000)
    private static let outside = SocketAddress(ip: IPAddress("203.0.113.1")!, port: 9)

    private struct World {
        var simulation: Simulation
        let client: Talker
        let server: Talker
        let home: Int
    }

    private func world(
        _ gateway: Network.Gateway = .router, _ link: LinkBehavior = LinkBehavior(delay: .milliseconds(5)),
        inside: SocketAddress = FaultTests.inside, outside: SocketAddress = FaultTests.outside, answers: Bool = true
    ) -> World {
        var network = Network(seed: RootSeed(1))
        let home = network.addSegment("home", behind: gateway)
        let client = network.addHost("client", in: home, addresses: [inside.ip], up: link, down: link)
        let server = network.addHost("server", addresses: [outside.ip])
        var simulation = Simulation(network)
        let talkers = (Talker(inside, to: outside), Talker(outside, to: answers ? inside : nil))
        simulation.add(talkers.0, on: client)
        simulation.add(talkers.1, on: server)
        return World(simulation: simulation, client: talkers.0, server: talkers.1, home: home)
    }

    private func at(_ milliseconds: Int64) -> Instant { .origin + .milliseconds(milliseconds) }

    private func count(_ talker: Talker, _ from: Int64, _ to: Int64) -> Int {
        talker.heard.count { $0.time >= at(from) && $0.time < at(to) }
    }

    @Test func oneDirectionMayBeCut() {
        var world = world()
        world.simulation.at(at(1000)) { network in network.change(.hostUp(0)) { $0.isUp = false } }
        world.simulation.at(at(2000)) { network in network.change(.hostUp(0)) { $0.isUp = true } }
        world.simulation.run(until: at(3000))
        #expect(count(world.server, 1010, 2000) == 0 && count(world.client, 1010, 2000) == 99)
        #expect(count(world.server, 2010, 3000) == 99)
    }

    @Test func whatIsHeldArrivesLaterAndInOrder() {
        var world = world()
        world.simulation.at(at(1000)) { network in network.change(.hostUp(0)) { $0.isHeld = true } }
        world.simulation.at(at(2000)) { network in network.change(.hostUp(0)) { $0.isHeld = false } }
        world.simulation.run(until: at(3000))
        #expect(count(world.server, 1006, 2004) == 0 && count(world.client, 1010, 2000) == 99)
        #expect(count(world.server, 2005, 2006) == 101, "all at once")
        let numbers = world.server.heard.map(\.number)
        #expect(numbers == numbers.indices.map { UInt8(truncatingIfNeeded: $0) })
    }

    @Test func aHoldIsBoundedByTheQueue() {
        var link = LinkBehavior(delay: .milliseconds(5))
        // Ten packets of one byte and its headers.
        link.queueBytes = 290
        var world = world(.router, link)
        world.simulation.at(at(1000)) { network in network.change(.hostUp(0)) { $0.isHeld = true } }
        world.simulation.at(at(2000)) { network in network.change(.hostUp(0)) { $0.isHeld = false } }
        world.simulation.run(until: at(3000))
        #expect(count(world.server, 2005, 2006) == 10)
    }

    @Test func aTracedOrManagedLinkWorksInASimulationAndTheSameTwice() throws {
        func run(_ seed: UInt64) throws -> (UInt64, Int) {
            var link = LinkBehavior(delay: .milliseconds(5))
            link.discipline = .fairCoDel(FairQueue.Parameters())
            link.trace = try LinkTrace("7\n13\n20\n")
            link.loss = .independent(Probability(0.1))
            var network = Network(seed: RootSeed(seed))
            let client = network.addHost("client", addresses: [Self.inside.ip], up: link, down: link)
            let server = network.addHost("server", addresses: [Self.outside.ip])
            var simulation = Simulation(network)
            let talker = Talker(Self.outside, to: nil)
            simulation.add(Talker(Self.inside, to: Self.outside, pace: .milliseconds(1)), on: client)
            simulation.add(talker, on: server)
            simulation.run(until: at(2000))
            return (simulation.log.replayHash, talker.heard.count)
        }
        let (first, again, other) = (try run(1), try run(1), try run(2))
        #expect(first == again && first.0 != other.0)
        // Small packets share opportunities: all but the lost ones come.
        #expect((1700...1900).contains(first.1))
    }

    // MARK: NATs

    private func nat(
        _ name: String, pool: Int = 1, _ change: (inout NATBehavior) -> Void = { _ in }
    ) -> NAT {
        var behavior = NATBehavior(name: name)!
        change(&behavior)
        let addresses = (0..<UInt32(pool)).map { IPAddress(ipv4: 0xC633_6401 + $0) }
        return NAT(behavior, externalAddresses: addresses, random: SeededRandom(seed: 4))
    }

    private func sources(_ talker: Talker) -> [SocketAddress] {
        talker.heard.map(\.from).reduce(into: []) { if $0.last != $1 { $0.append($1) } }
    }

    @Test func aRebindingMovesAClientAndARebootMayNot() {
        var moved = world(.nat(nat("EIM/APDF")), answers: false)
        let home = moved.home
        moved.simulation.at(at(1000)) { $0.rebind(home) }
        moved.simulation.run(until: at(2000))
        #expect(sources(moved.server).map(\.port) == [5000, 5001])

        // Ports that are preserved come back after a reboot; ports in sequence do not.
        for (ports, count) in [(NATBehavior.PortAssignment.preserving, 1), (.sequential(step: 1), 2)] {
            var rebooted = world(.nat(nat("EIM/APDF") { $0.ports = ports }), answers: false)
            let home = rebooted.home
            rebooted.simulation.at(at(1000)) { $0.reboot(home) }
            rebooted.simulation.run(until: at(2000))
            #expect(sources(rebooted.server).count == count)
        }
    }

    private func packet(_ from: SocketAddress, _ to: SocketAddress) -> Datagram {
        Datagram(source: from, destination: to, payload: [1])
    }

    private func host(_ number: UInt32, port: UInt16 = 5000) -> SocketAddress {
        SocketAddress(ip: IPAddress(ipv4: 0xC0A8_0100 + number), port: port)
    }

    private func out(_ nat: inout NAT, _ from: SocketAddress, _ to: SocketAddress = FaultTests.outside)
        -> SocketAddress?
    {
        guard case .outward(let datagram) = nat.fromInside(packet(from, to), now: .origin) else { return nil }
        return datagram.source
    }

    @Test func aFilterOfTheEndpointAdmitsWhatAnyOfItsMappingsWroteTo() {
        for (scope, expected) in [(NATBehavior.FilterScope.mapping, "--"), (.endpoint, "PP")] {
            var behavior = NATBehavior(name: "ADM/ADF")!
            behavior.filterScope = scope
            #expect(NATMatrix.run(.nat(behavior), .nat(behavior)).text == expected, "\(scope)")
        }
    }

    @Test func arbitraryPoolingChangesAddressesAndPairedPoolingDoesNot() {
        for (pooling, isOne) in [(NATBehavior.Pooling.paired, true), (.arbitrary, false)] {
            var nat = nat("APDM/EIF", pool: 4) { $0.pooling = pooling }
            let addresses = (UInt16(1)...40).compactMap {
                out(&nat, host(1), SocketAddress(ip: Self.outside.ip, port: $0))?.ip
            }
            #expect(addresses.count == 40 && (Set(addresses).count == 1) == isOne)
            if !isOne { #expect(Set(addresses).count == 4) }
        }
    }

    @Test func aBlockOfPortsEndsAndOneSubscriberDoesNotTakeAnothers() {
        var nat = nat("EIM/EIF") { $0.ports = .blocks(size: 64) }
        let first = (UInt16(0)..<80).compactMap { out(&nat, host(1, port: 5000 + $0))?.port }
        let second = (UInt16(0)..<80).compactMap { out(&nat, host(2, port: 5000 + $0))?.port }
        #expect(first == Array(1024..<1088) && second == Array(1088..<1152))
        let verdict = nat.fromInside(packet(host(1, port: 6000), Self.outside), now: .origin)
        #expect(verdict == .refused(.noPort))
        // When the mappings are over the block is free again.
        let later = nat.fromInside(packet(host(1, port: 6000), Self.outside), now: .origin + .seconds(121))
        #expect(later == .outward(packet(SocketAddress(ip: nat.externalAddresses[0], port: 1024), Self.outside)))
    }

    @Test func preservedParityHoldsWhateverThePortsAre() {
        let assignments: [NATBehavior.PortAssignment] = [.preserving, .sequential(step: 2), .random]
        for assignment in assignments {
            var nat = nat("APDM/EIF") {
                $0.ports = assignment
                $0.preservesParity = true
            }
            for number in UInt16(0)..<50 {
                let source = host(UInt32(number % 5), port: 5000 + number % 7)
                let external = out(&nat, source, SocketAddress(ip: Self.outside.ip, port: 100 + number))
                #expect(external.map { $0.port & 1 } == source.port & 1)
            }
        }
    }

    @Test func aNATThatChangesIsOneKindForTheFirstAndAnotherForTheSecond() {
        var nat = nat("EIM/EIF") { $0.changesWhenPortIsTaken = true }
        let other = SocketAddress(ip: Self.outside.ip, port: 10)
        let first = (out(&nat, host(1)), out(&nat, host(1), other))
        #expect(first.0 == first.1 && first.0?.port == 5000)
        let second = (out(&nat, host(2)), out(&nat, host(2), other))
        #expect(second.0 != nil && second.0 != second.1 && second.0 != first.0)
        let again = out(&nat, host(2), other)
        #expect(again == second.1)
    }

    // MARK: IPv6

    @Test func iPv6PassesARouterAndAFirewallThatOpensFromInside() {
        let inside = SocketAddress(ip: IPAddress("2001:db8:1::2")!, port: 5000)
        let outside = SocketAddress(ip: IPAddress("2001:db8:2::1")!, port: 9)
        var routed = world(.router, inside: inside, outside: outside)
        routed.simulation.run(until: at(1000))
        #expect(count(routed.client, 0, 1000) == 100 && count(routed.server, 0, 1000) == 100)
        #expect(sources(routed.server) == [inside])

        var filtered = world(.firewall(Firewall()), inside: inside, outside: outside)
        let (client, home) = (filtered.client, filtered.home)
        client.peer = nil
        filtered.simulation.run(until: at(1000))
        #expect(client.heard.isEmpty)
        filtered = world(.firewall(Firewall()), inside: inside, outside: outside)
        // A reboot costs what was on its way until inside speaks again.
        filtered.simulation.at(at(501)) { $0.reboot(home) }
        filtered.simulation.run(until: at(1000))
        let arrived = count(filtered.client, 0, 1000)
        #expect(arrived >= 97 && arrived < 100)
    }
}
