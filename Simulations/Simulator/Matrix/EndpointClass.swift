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
    ///   - index: tells the hosts' addresses apart.
    ///   - link: of each direction between the host and the internet.
    /// - Returns: the host's number and address.
    func place(
        _ name: String, index: UInt32, link: LinkBehavior, in network: inout Network
    ) -> (host: Int, address: IPAddress) {
        // TEST-NET-2 and TEST-NET-3 (RFC 5737) are the internet.
        let publicAddress = IPAddress(ipv4: 0xC633_6400 + 10 + index)
        let gateway: Network.Gateway
        var address = publicAddress
        switch self {
        case .open: gateway = .router
        case .firewall: gateway = .firewall(Firewall())
        case .udpBlocked: gateway = .firewall(Firewall(blocksUDP: true))
        case .nat(let behavior):
            gateway = .nat(
                NAT(behavior, externalAddresses: [publicAddress], random: network.seed.stream("nat:\(name)")))
            // 192.168.index.2
            address = IPAddress(ipv4: 0xC0A8_0002 + index << 8)
        }
        let segment = network.addSegment("\(name)-net", behind: gateway)
        return (network.addHost(name, in: segment, addresses: [address], up: link, down: link), address)
    }
}
