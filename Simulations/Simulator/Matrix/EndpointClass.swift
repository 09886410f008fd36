import Wire

/// What a host may sit behind, as the rows and columns of the NAT matrix.
public enum EndpointClass: Hashable, Sendable, CaseIterable {
    /// A public address, without a filter.
    case open
    /// A public address behind a stateful firewall.
    case firewall
    case nat(NATBehavior)
    /// No UDP at all.
    case udpBlocked

    public static let allCases: [EndpointClass] = [.open, .firewall] + NATBehavior.all.map { .nat($0) } + [.udpBlocked]

    public var name: String {
        switch self {
        case .open: "OPEN"
        case .firewall: "FW"
        case .nat(let behavior): behavior.name
        case .udpBlocked: "UDPBLOCK"
        }
    }

    /// Puts a host behind it.
    /// - Parameters:
    ///   - side: 0 or 1; tells the hosts' addresses apart.
    ///   - pool: external addresses that a NAT has.
    ///   - draw: what a NAT's choices come from; nil for the network's seed.
    func place(
        _ side: Int, link: LinkBehavior, pool: UInt32 = 1, draw: RootSeed? = nil, in network: inout Network
    ) -> Encounter.Place {
        let index = UInt32(side)
        // TEST-NET-2 (RFC 5737), and 192.168.index.2 behind a NAT.
        let first: UInt32 = 0xC633_640A + index << 6
        let gateway: Network.Gateway
        var address = IPAddress(ipv4: first)
        switch self {
        case .open: gateway = .router
        case .firewall: gateway = .firewall(Firewall())
        case .udpBlocked: gateway = .firewall(Firewall(blocksUDP: true))
        case .nat(let behavior):
            gateway = .nat(
                NAT(
                    behavior, externalAddresses: (0..<pool).map { IPAddress(ipv4: first + $0) },
                    random: (draw ?? network.seed).stream("nat:\(side)")))
            address = IPAddress(ipv4: 0xC0A8_0002 + index << 8)
        }
        let segment = network.addSegment("\(side)-net", behind: gateway)
        return (network.addHost("\(side)", in: segment, addresses: [address], up: link, down: link), address)
    }
}
