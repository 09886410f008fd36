import ICE
import Simulator
import Testing
import Wire

/// Hosts with many addresses of two families, one of which leads nowhere (RFC 8421).
@Suite struct FairnessTests {
    /// Two hosts with so many IPv6 addresses and one of IPv4, and a network that carries `works` alone: until both are
    /// connected.
    private static func connectTime(_ addresses: Int, works isIPv4: Bool, seed: UInt64) -> Interval? {
        func ips(_ side: Int) -> [IPAddress] {
            (0..<addresses).map { IPAddress("2001:db8:\(side)::\($0 + 1)")! } + [IPAddress("192.0.2.\(side)")!]
        }
        var network = Network(seed: RootSeed(seed))
        let link = LinkBehavior(delay: .milliseconds(10))
        let hosts = [1, 2].map { side in
            network.addHost(
                "host-\(side)", addresses: ips(side).filter { $0.isIPv4 == isIPv4 }, up: link, down: link)
        }
        var simulation = Simulation(network)
        let peers = [1, 2].map { side in
            PeerProcess(
                PeerProcess.Configuration(
                    sockets: ips(side).map { SocketAddress(ip: $0, port: 40_000) }, isControlling: side == 1),
                random: RootSeed(seed).stream("peer:\(side)"))
        }
        let numbers = zip(peers, hosts).map { simulation.add($0, on: $1) }
        peers[0].peer = numbers[1]
        peers[1].peer = numbers[0]
        simulation.run(until: Instant.origin + .seconds(20)) { peers.contains { $0.connected == nil } }
        guard let first = peers[0].connected, let second = peers[1].connected else { return nil }
        return max(first, second) - Instant.origin
    }

    /// Signalling and one round trip are there anyway; the bound is one check of the broken family, so one Ta.
    @Test(arguments: [1, 2, 4, 8]) func aBrokenIPv6DelaysIPv4ByOneCheck(addresses: Int) throws {
        let alone = try #require(Self.connectTime(0, works: true, seed: 1))
        for seed in UInt64(1)...10 {
            let time = try #require(Self.connectTime(addresses, works: true, seed: seed))
            #expect(time - alone <= .milliseconds(50), "seed \(seed): \(time.milliseconds) ms, not \(alone.milliseconds)")
        }
    }

    @Test func aBrokenIPv4DelaysNothing() throws {
        let alone = try #require(Self.connectTime(0, works: true, seed: 1))
        let time = try #require(Self.connectTime(4, works: false, seed: 1))
        #expect(time <= alone)
    }
}
