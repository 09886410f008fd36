import STUN
import Simulator
import Testing
import Wire

/// The simulator measured from inside, by the tests of RFC 5780 that people use on real NATs: what they report must be
/// what was configured.
@Suite struct SelfTests {
    static let server = (IPAddress("203.0.113.1")!, IPAddress("203.0.113.2")!)
    static let ports: (UInt16, UInt16) = (3478, 3479)

    /// A host behind the gateways, innermost last, and a server on the internet.
    private func discover(
        behind gateways: [Network.Gateway], seed: UInt64 = 1, lifetime: Interval? = nil, loss: LinkBehavior.Loss = .none
    ) -> NATReport {
        var link = LinkBehavior(delay: .milliseconds(10))
        link.loss = loss
        var network = Network(seed: RootSeed(seed))
        let server = network.addHost(
            "stun", addresses: [Self.server.0, Self.server.1], up: LinkBehavior(delay: .milliseconds(5)),
            down: LinkBehavior(delay: .milliseconds(5)))
        var segment = Network.internet
        for (index, gateway) in gateways.enumerated() {
            segment = network.addSegment("net\(index)", behind: gateway, in: segment)
        }
        let address = gateways.isEmpty ? IPAddress("198.51.100.77")! : IPAddress("192.168.1.2")!
        let host = network.addHost("client", in: segment, addresses: [address], up: link, down: link)
        var simulation = Simulation(network)
        simulation.add(BindingServerProcess(BindingServer(addresses: Self.server, ports: Self.ports)), on: server)
        var configuration = NATDiscovery.Configuration(
            server: SocketAddress(ip: Self.server.0, port: Self.ports.0))
        configuration.longestLifetime = lifetime
        if case .none = loss {} else { configuration.sends = 8 }
        let client = NATDiscoveryProcess(
            configuration, address: address, firstPort: 5000, random: RootSeed(seed).stream("client"))
        simulation.add(client, on: host)
        let isDone = simulation.run(until: Instant(nanoseconds: 0) + .seconds(36_000)) { !client.isFinished }
        #expect(isDone, "the tests end")
        return client.report
    }

    private func nat(_ behavior: NATBehavior, pool: Int = 1, seed: UInt64 = 1) -> Network.Gateway {
        let addresses = (0..<UInt32(pool)).map { IPAddress(ipv4: 0xC633_6401 + $0) }
        return .nat(NAT(behavior, externalAddresses: addresses, random: RootSeed(seed).stream("nat")))
    }

    @Test(arguments: NATBehavior.all) func everyTypeIsReportedAsConfigured(_ behavior: NATBehavior) {
        for hairpin in HairpinBehavior.allCases {
            for (pool, pooling) in [(1, NATBehavior.Pooling.paired), (4, .paired)] {
                var configured = behavior
                configured.hairpin = hairpin
                configured.pooling = pooling
                let report = discover(behind: [nat(configured, pool: pool)])
                #expect(report.isTranslated && !report.isUDPBlocked && report.serverHasAlternates)
                #expect(report.mapping == behavior.mapping)
                #expect(report.filtering == behavior.filtering)
                #expect(report.hairpin == observable(hairpin, behavior), "\(hairpin) at \(behavior.name)")
            }
        }
    }

    /// Where mappings depend on the destination, and filters on the sender, a request cannot open the way for the one
    /// that comes back.
    private func observable(_ hairpin: HairpinBehavior, _ behavior: NATBehavior) -> HairpinBehavior {
        behavior.mapping == .endpointIndependent || behavior.filtering == .endpointIndependent ? hairpin : .off
    }

    @Test(arguments: NATBehavior.all) func everyTypeIsReportedAsConfiguredThroughLoss(_ behavior: NATBehavior) {
        for seed in UInt64(1)...5 {
            let report = discover(behind: [nat(behavior)], seed: seed, loss: .independent(Probability(0.1)))
            #expect(report.mapping == behavior.mapping && report.filtering == behavior.filtering, "seed \(seed)")
        }
    }

    @Test func aHostWithoutNATOrWithAFirewallOnlyIsTold() {
        let open = discover(behind: [])
        #expect(!open.isTranslated && open.mapping == .endpointIndependent && open.filtering == .endpointIndependent)
        let guarded = discover(behind: [.firewall(Firewall())])
        #expect(!guarded.isTranslated && guarded.mapping == .endpointIndependent)
        #expect(guarded.filtering == .addressAndPortDependent)
        #expect(discover(behind: [.firewall(Firewall(blocksUDP: true))]).isUDPBlocked)
    }

    @Test(arguments: NATBehavior.all) func twoInARowLookLikeTheStricterOfBoth(_ outer: NATBehavior) {
        for inner in NATBehavior.all {
            let report = discover(behind: [nat(outer), .nat(
                NAT(inner, externalAddresses: [IPAddress("10.0.0.2")!], random: RootSeed(2).stream("inner")))])
            let mappings = MappingBehavior.allCases
            let strictest = max(
                mappings.firstIndex(of: outer.mapping)!, mappings.firstIndex(of: inner.mapping)!)
            #expect(report.mapping == mappings[strictest], "\(outer.name) in front of \(inner.name)")
            let filters = FilteringBehavior.allCases
            let strictestFilter = max(
                filters.firstIndex(of: outer.filtering)!, filters.firstIndex(of: inner.filtering)!)
            #expect(report.filtering == filters[strictestFilter], "\(outer.name) in front of \(inner.name)")
        }
    }

    @Test(arguments: [30, 120, 300]) func theLifetimeOfAMappingIsFound(_ seconds: Int) throws {
        var behavior = NATBehavior(.endpointIndependent, .addressAndPortDependent)
        behavior.lifetime = .seconds(Int64(seconds))
        let lifetime = try #require(discover(behind: [nat(behavior)], lifetime: .seconds(600)).lifetime)
        #expect(lifetime.survives <= behavior.lifetime)
        let end = try #require(lifetime.ends)
        #expect(end >= behavior.lifetime && end - lifetime.survives <= .seconds(5))
    }

    @Test func aLifetimeBeyondWhatWasAskedForHasNoEnd() throws {
        var behavior = NATBehavior(.endpointIndependent, .endpointIndependent)
        behavior.lifetime = .seconds(7200)
        let lifetime = try #require(discover(behind: [nat(behavior)], lifetime: .seconds(60)).lifetime)
        #expect(lifetime.ends == nil && lifetime.survives == .seconds(60))
    }
}
