import STUN
import Simulator
import TURN
import Testing
import Wire

@Suite struct SimulatedTLSTests {
    /// Passes bytes to and fro, in pieces, until both are silent; returns how many turns that took.
    private static func exchange(_ client: inout SimulatedTLS, _ server: inout SimulatedTLS, piece: Int = 1000) -> Int {
        var turns = 0
        while true {
            let up = client.takeOutgoing()
            for start in stride(from: 0, to: up.count, by: piece) {
                server.receive(Array(up[start..<min(start + piece, up.count)]))
            }
            let down = server.takeOutgoing()
            for start in stride(from: 0, to: down.count, by: piece) {
                client.receive(Array(down[start..<min(start + piece, down.count)]))
            }
            guard !up.isEmpty || !down.isEmpty else { return turns }
            turns += 1
        }
    }

    @Test(arguments: [1, 7, 1000, 100_000]) func whatIsSentArrives(_ piece: Int) {
        var client = SimulatedTLS(.client)
        var server = SimulatedTLS(.server)
        let early = [UInt8](repeating: 5, count: 300)
        client.send(early)
        let turns = Self.exchange(&client, &server, piece: piece)
        #expect(turns == 2, "a round trip, and the client's end of it")
        #expect(client.phase == .open && server.phase == .open)
        let arrived = server.takePlaintext()
        #expect(arrived == early)
        let long = (0..<40_000).map { UInt8(truncatingIfNeeded: $0) }
        server.send(long)
        _ = Self.exchange(&client, &server, piece: piece)
        let arrivedThere = client.takePlaintext()
        #expect(arrivedThere == long)
        client.close()
        _ = Self.exchange(&client, &server, piece: piece)
        #expect(server.phase == .closed)
    }

    @Test func damageAndOtherProtocolsEndIt() {
        var server = SimulatedTLS(.server)
        server.receive([0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42])
        #expect(server.phase == .broken)
        var client = SimulatedTLS(.client)
        server = SimulatedTLS(.server)
        _ = Self.exchange(&client, &server)
        client.send([1, 2, 3])
        var record = client.takeOutgoing()
        record[6] ^= 4
        server.receive(record)
        let arrived = server.takePlaintext()
        #expect(server.phase == .broken && arrived == [])
    }

    @Test func aFirewallLetsOnlyTLSToItsPortOut() {
        var firewall = Firewall(blocksUDP: true)
        firewall.tcpPorts = [443]
        firewall.demandsTLS = true
        func segment(_ payload: [UInt8], to port: UInt16, from source: UInt16) -> Datagram {
            Datagram(
                source: SocketAddress(ip: IPAddress(ipv4: 0xC0A8_0002), port: source),
                destination: SocketAddress(ip: IPAddress(ipv4: 0xC633_6401), port: port), payload: payload,
                segment: TCPSegment(flags: payload.isEmpty ? .syn : .ack, sequence: 1))
        }
        func passes(_ datagram: Datagram) -> Bool { firewall.admitsFromInside(datagram, now: .origin) }
        #expect(!passes(segment([], to: 3478, from: 1)))
        #expect(passes(segment([], to: 443, from: 2)))
        #expect(!passes(segment([0, 3], to: 443, from: 2)), "TURN without TLS")
        #expect(passes(segment([], to: 443, from: 3)))
        var client = SimulatedTLS(.client)
        let hello = client.takeOutgoing()
        #expect(passes(segment(hello, to: 443, from: 3)))
        #expect(passes(segment([1, 2, 3], to: 443, from: 3)), "what follows it")
    }
}

@Suite struct TwoLinkTests {
    private final class Talker: Process {
        let sources: [SocketAddress]
        let destination: SocketAddress
        var received: [Datagram] = []
        var deadline: Instant { .distantFuture }

        init(_ sources: [SocketAddress], to destination: SocketAddress) {
            self.sources = sources
            self.destination = destination
        }

        func start(now: Instant, _ output: inout Output) {
            for (index, source) in sources.enumerated() { output.send([UInt8(index)], from: source, to: destination) }
        }

        func receive(_ datagram: Datagram, now: Instant, _ output: inout Output) {
            received.append(datagram)
            if sources.isEmpty { output.send(datagram.payload, from: datagram.destination, to: datagram.source) }
        }

        func advance(to now: Instant, _ output: inout Output) {}
    }

    @Test func whatAProcessSendsLeavesFromTheLinkThatHasItsAddress() {
        var network = Network(seed: RootSeed(1))
        let addresses = (1...3).map { IPAddress(ipv4: 0xC633_6400 + $0) }
        let wifi = network.addHost("wifi", addresses: [addresses[0]])
        let lte = network.addHost("lte", addresses: [addresses[1]])
        let far = network.addHost("far", addresses: [addresses[2]])
        var simulation = Simulation(network, keepsEntries: true)
        let echo = SocketAddress(ip: addresses[2], port: 7)
        let talker = Talker(addresses.prefix(2).map { SocketAddress(ip: $0, port: 9) }, to: echo)
        let number = simulation.add(talker, on: wifi)
        simulation.attach(number, to: lte)
        simulation.add(Talker([], to: echo), on: far)
        simulation.run(until: .origin + .seconds(1))
        #expect(talker.received.map(\.destination.ip) == [addresses[0], addresses[1]])
        let sent = simulation.log.entries.filter { $0.kind == .sent && $0.datagram?.destination == echo }
        #expect(sent.map(\.host) == [wifi, lte])
    }
}
