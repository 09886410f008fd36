import STUN
import Wire

/// What the matrix of single NATs does not show: pools of addresses, NATs behind NATs, and two hosts behind the same
/// one. The names are those of the tables' cells.
public enum NATVariations {
    public struct Cell: Hashable, Sendable {
        public var table: Table
        /// Within the table; of ``Table/doubleNAT`` the chain and, behind a bar, the peer.
        public var name: String
        public var outcome: Encounter.Outcome
    }

    public enum Table: String, Hashable, Sendable, CaseIterable {
        case pool = "pool_arbitrary"
        case doubleNAT = "double_nat_vs_single"
        case shared
    }

    /// One cell that is to be run.
    public struct Plan: Sendable {
        public var table: Table
        public var name: String
        let kind: Kind
    }

    enum Kind: Sendable {
        case pool(NATBehavior, EndpointClass, Encounter.Relays)
        case doubleNAT(inner: NATBehavior, outer: NATBehavior, EndpointClass)
        case sameLAN(NATBehavior, isIsolated: Bool, signalsHosts: Bool, Encounter.Relays)
        /// Two homes, or without an inner NAT two handsets, behind one carrier's NAT.
        case sameCarrier(NATBehavior, inner: NATBehavior?, Encounter.Relays)
    }

    /// All cells, table by table.
    public static let plans: [Plan] = poolPlans + doublePlans + lanPlans + carrierPlans

    /// What a NAT with a pool connects hangs on which of its addresses it happens to take. These draws are part of the
    /// cell, as its behaviour is, so that the table is the same for every seed; they are the published table's.
    private static let poolDraw = RootSeed(5)

    public static func run(_ plan: Plan, _ options: Encounter.Options = Encounter.Options()) -> Cell {
        Cell(table: plan.table, name: plan.name, outcome: run(plan.kind, options))
    }

    private static func run(_ kind: Kind, _ given: Encounter.Options) -> Encounter.Outcome {
        var options = given
        switch kind {
        case .pool(var behavior, let peer, let relays):
            options.relays = relays
            behavior.pooling = .arbitrary
            var encounter = Encounter(options)
            let left = EndpointClass.nat(behavior).place(
                0, link: options.link, pool: 4, draw: poolDraw, in: &encounter.network)
            let right = peer.place(1, link: options.link, in: &encounter.network)
            return encounter.run(left, right)
        case .doubleNAT(let inner, let outer, let peer):
            options.relays = .both
            var encounter = Encounter(options)
            let carrier = addCarrier(outer, &encounter.network)
            let left = addHome(0, inner, behind: carrier, link: options.link, &encounter.network)
            let right = peer.place(1, link: options.link, in: &encounter.network)
            return encounter.run(left, right)
        case .sameLAN(let behavior, let isIsolated, let signalsHosts, let relays):
            options.relays = relays
            options.signalsHosts = signalsHosts
            var encounter = Encounter(options)
            let carrier = addCarrier(behavior, &encounter.network)
            if isIsolated { encounter.network.isolateHosts(of: carrier) }
            let sides = [0, 1].map { addHandset($0, behind: carrier, link: options.link, &encounter.network) }
            return encounter.run(sides[0], sides[1])
        case .sameCarrier(let outer, let inner, let relays):
            options.relays = relays
            var encounter = Encounter(options)
            let carrier = addCarrier(outer, &encounter.network)
            // Subscribers of a carrier reach each other by their external addresses only.
            encounter.network.isolateHosts(of: carrier)
            let sides = [0, 1].map { side in
                inner.map { addHome(side, $0, behind: carrier, link: options.link, &encounter.network) }
                    ?? addHandset(side, behind: carrier, link: options.link, &encounter.network)
            }
            return encounter.run(sides[0], sides[1])
        }
    }

    // MARK: Places

    private static func addCarrier(_ behavior: NATBehavior, _ network: inout Network) -> Int {
        let nat = NAT(
            behavior, externalAddresses: [IPAddress(ipv4: 0xC633_640A)], random: network.seed.stream("nat:carrier"))
        return network.addSegment("carrier", behind: .nat(nat))
    }

    /// A home's NAT with an address of RFC 6598 in the carrier's network, and a host behind it.
    private static func addHome(
        _ side: Int, _ behavior: NATBehavior, behind carrier: Int, link: LinkBehavior, _ network: inout Network
    ) -> Encounter.Place {
        let external = IPAddress(ipv4: 0x6440_000A + UInt32(side))
        let nat = NAT(behavior, externalAddresses: [external], random: network.seed.stream("nat:home-\(side)"))
        let home = network.addSegment("home-\(side)", behind: .nat(nat), in: carrier)
        let address = IPAddress(ipv4: 0xC0A8_0002 + UInt32(side) << 8)
        return (network.addHost("\(side)", in: home, addresses: [address], up: link, down: link), address)
    }

    private static func addHandset(
        _ side: Int, behind carrier: Int, link: LinkBehavior, _ network: inout Network
    ) -> Encounter.Place {
        let address = IPAddress(ipv4: 0x6440_0014 + UInt32(side))
        return (network.addHost("\(side)", in: carrier, addresses: [address], up: link, down: link), address)
    }

    // MARK: The cells

    private static var poolPlans: [Plan] {
        let peers = ["OPEN", "EIM/EIF", "EIM/ADF", "EIM/APDF", "ADM/ADF", "APDM/APDF"]
        return NATBehavior.all.filter { $0.mapping != .endpointIndependent }.flatMap { behavior in
            EndpointClass.allCases.filter { peers.contains($0.name) }.flatMap { peer in
                [("stun", Encounter.Relays.none), ("turn", .both)].map { name, relays in
                    Plan(
                        table: .pool, name: "\(behavior.name)+pool4|\(peer.name)|\(name)",
                        kind: .pool(behavior, peer, relays))
                }
            }
        }
    }

    private static let innerBehaviors = [
        NATBehavior(.endpointIndependent, .endpointIndependent),
        NATBehavior(.endpointIndependent, .addressAndPortDependent),
        NATBehavior(.addressAndPortDependent, .addressAndPortDependent),
    ]

    private static var doublePlans: [Plan] {
        NATBehavior.all.flatMap { outer in
            innerBehaviors.flatMap { inner in
                EndpointClass.allCases.map { peer in
                    Plan(
                        table: .doubleNAT, name: "in \(inner.name) out \(outer.name)|\(peer.name)",
                        kind: .doubleNAT(inner: inner, outer: outer, peer))
                }
            }
        }
    }

    private static let relayChoices = [(false, Encounter.Relays.none), (true, .both)]

    private static func hairpin(_ behavior: NATBehavior, _ isOn: Bool) -> NATBehavior {
        var behavior = behavior
        behavior.hairpin = isOn ? .external : .off
        return behavior
    }

    /// `True` and `False`, as the tables write them.
    private static func word(_ value: Bool) -> String { value ? "True" : "False" }

    private static var lanPlans: [Plan] {
        NATBehavior.all.filter { $0.mapping != .addressDependent }.flatMap { behavior in
            [true, false].flatMap { turns in
                [(false, false), (true, false), (false, true), (true, true)].flatMap { isIsolated, isHidden in
                    relayChoices.map { hasRelay, relays in
                        Plan(
                            table: .shared,
                            name: "sameLAN nat=\(behavior.name) hairpin=\(word(turns)) isolated=\(word(isIsolated)) "
                                + "mdnsUnresolvable=\(word(isHidden)) turn=\(word(hasRelay))",
                            kind: .sameLAN(
                                hairpin(behavior, turns), isIsolated: isIsolated, signalsHosts: !isHidden, relays))
                    }
                }
            }
        }
    }

    private static var carrierPlans: [Plan] {
        NATBehavior.all.flatMap { outer in
            [true, false].flatMap { turns in
                relayChoices.flatMap { hasRelay, relays in
                    let inners: [NATBehavior?] = innerBehaviors + [nil]
                    return inners.map { inner in
                        let place = inner.map { "sameCGN outer=\(outer.name) hairpin=\(word(turns)) inner=\($0.name)" }
                        return Plan(
                            table: .shared,
                            name: (place ?? "sameCGNmobile outer=\(outer.name) hairpin=\(word(turns))")
                                + " turn=\(word(hasRelay))",
                            kind: .sameCarrier(hairpin(outer, turns), inner: inner, relays))
                    }
                }
            }
        }
    }
}
