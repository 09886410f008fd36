import Simulator
import Wire

/// A scenario's network with its names resolved: what is in front of what, and which addresses everything has.
struct Layout {
    /// One of the devices with a network behind them, parents before children.
    struct Gateway {
        enum Kind: Equatable {
            case nat(Int)
            case firewall(Int)
            case router(Int)
        }

        var name: String
        var kind: Kind
        var behind: String
        var up: LinkSettings
        var down: LinkSettings
        var addresses: [IPAddress] = []
    }

    private(set) var gateways: [Gateway] = []
    /// Of each host, in the order of the scenario.
    private(set) var hostAddresses: [[IPAddress]] = []
    /// Addresses in use, by the NAT behind which they count; empty is the internet.
    private var taken: [String: Set<IPAddress>] = [:]
    private var realmOrder: [String] = [""]

    init(_ scenario: Scenario) throws(ScenarioError) {
        let network = scenario.network
        try Self.checkNames(network)
        gateways = try Self.sorted(Self.all(network), network)
        realmOrder += network.nats.map(\.name)
        try reserve(network)
        for index in gateways.indices {
            guard case .nat(let number) = gateways[index].kind else { continue }
            let given = network.nats[number].addresses
            gateways[index].addresses =
                given.isEmpty ? [try freeAddress(realm(of: gateways[index].behind))] : given
        }
        for host in network.hosts {
            let addresses = host.addresses.isEmpty ? [try freeAddress(realm(of: host.behind))] : host.addresses
            hostAddresses.append(addresses)
        }
    }

    /// The number of the segment behind a device, as ``Network`` counts them; the internet is 0.
    func segment(_ name: String) -> Int { (gateways.firstIndex { $0.name == name } ?? -1) + 1 }

    /// The devices between a place and the internet, from the inside out.
    func chain(_ behind: String) -> [Gateway] {
        var chain: [Gateway] = []
        var name = behind
        while let gateway = gateways.first(where: { $0.name == name }) {
            chain.append(gateway)
            name = gateway.behind
        }
        return chain
    }

    /// Whether an address is used where the outside of a NAT is.
    func isTaken(_ address: IPAddress, outside nat: String) -> Bool {
        let behind = gateways.first { $0.name == nat }?.behind ?? ""
        return taken[realm(of: behind), default: []].contains(address)
    }

    /// The NAT that translates the addresses of a place; empty for the internet.
    private func realm(of behind: String) -> String {
        chain(behind).first { if case .nat = $0.kind { true } else { false } }?.name ?? ""
    }

    private static func checkNames(_ network: Topology) throws(ScenarioError) {
        let names =
            network.nats.enumerated().map { ("network.nats[\($0.offset)]", $0.element.name) }
            + network.firewalls.enumerated().map { ("network.firewalls[\($0.offset)]", $0.element.name) }
            + network.routers.enumerated().map { ("network.routers[\($0.offset)]", $0.element.name) }
            + network.hosts.enumerated().map { ("network.hosts[\($0.offset)]", $0.element.name) }
        var known: Set<String> = ["internet"]
        for (path, name) in names {
            try Scenario.checkName(name, path)
            guard known.insert(name).inserted else {
                throw ScenarioError(
                    "\(path).name", "two parts of the network are called `\(name)`", fix: "Rename one of them")
            }
        }
        let gateways = all(network).map(\.name)
        for (path, behind) in network.paths where !behind.isEmpty {
            try Scenario.require(behind, in: gateways, path, "NAT, firewall or router")
        }
    }

    private static func all(_ network: Topology) -> [Gateway] {
        func gateway(_ device: some Device, _ kind: Gateway.Kind) -> Gateway {
            Gateway(
                name: device.name, kind: kind, behind: device.behind, up: device.up ?? device.link,
                down: device.down ?? device.link)
        }
        return network.nats.enumerated().map { gateway($0.element, .nat($0.offset)) }
            + network.firewalls.enumerated().map { gateway($0.element, .firewall($0.offset)) }
            + network.routers.enumerated().map { gateway($0.element, .router($0.offset)) }
    }

    private static func sorted(_ all: [Gateway], _ network: Topology) throws(ScenarioError) -> [Gateway] {
        var sorted: [Gateway] = []
        var placed: Set<String> = [""]
        var rest = all
        while !rest.isEmpty {
            guard let index = rest.firstIndex(where: { placed.contains($0.behind) }) else {
                throw ScenarioError(
                    "network", "`\(rest[0].name)` is behind itself, by way of others",
                    fix: "Let one of them be behind nothing")
            }
            let next = rest.remove(at: index)
            placed.insert(next.name)
            sorted.append(next)
        }
        return sorted
    }

    private mutating func reserve(_ network: Topology) throws(ScenarioError) {
        let given =
            network.nats.enumerated().map { ("network.nats[\($0.offset)]", $0.element.behind, $0.element.addresses) }
            + network.hosts.enumerated().map {
                ("network.hosts[\($0.offset)]", $0.element.behind, $0.element.addresses)
            }
        for (path, behind, addresses) in given {
            guard addresses.count <= Limits.addressesPerDevice else {
                throw ScenarioError("\(path).addresses", "these are too many", fix: "Use at most 256")
            }
            for (index, address) in addresses.enumerated() {
                guard !address.isUnspecified, !address.isMulticast,
                    taken[realm(of: behind), default: []].insert(address).inserted
                else {
                    throw ScenarioError(
                        "\(path).addresses[\(index)]", "\(address) is not one machine's address, or somebody has it",
                        fix: "Choose another, or leave `addresses` out")
                }
            }
        }
    }

    /// On the internet an address of TEST-NET-2 or the benchmark network (RFC 5737, RFC 2544), behind a NAT one of
    /// 192.168.0.0/16 or, when there are many, 10.0.0.0/8.
    private mutating func freeAddress(_ realm: String) throws(ScenarioError) -> IPAddress {
        let number = UInt32(realmOrder.firstIndex(of: realm) ?? 0)
        let pools: [ClosedRange<UInt32>] =
            number == 0
            ? [0xC633_640A...0xC633_64FA, 0xC612_0001...0xC612_FFFE]
            : [
                0xC0A8_0002 + number << 8...0xC0A8_00FA + number << 8,
                0x0A00_0001 + number << 16...0x0A00_FFFE + number << 16,
            ]
        for pool in pools {
            for value in pool where taken[realm, default: []].insert(IPAddress(ipv4: value)).inserted {
                return IPAddress(ipv4: value)
            }
        }
        throw ScenarioError("network", "there are no addresses left", fix: "Use fewer hosts")
    }
}

extension Topology {
    /// Where each `behind` stands, and what it says.
    fileprivate var paths: [(path: String, behind: String)] {
        nats.enumerated().map { ("network.nats[\($0.offset)].behind", $0.element.behind) }
            + firewalls.enumerated().map { ("network.firewalls[\($0.offset)].behind", $0.element.behind) }
            + routers.enumerated().map { ("network.routers[\($0.offset)].behind", $0.element.behind) }
            + hosts.enumerated().map { ("network.hosts[\($0.offset)].behind", $0.element.behind) }
    }
}
