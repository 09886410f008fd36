public import Wire

/// A network, what its hosts do, what goes wrong meanwhile, and what is expected of it: one file in
/// `Simulations/Scenarios`. With a seed it is a run, and the same seed is the same run.
public struct Scenario: Hashable, Sendable {
    public var title = ""
    public var description = ""
    /// What the run draws from where nobody gives another one.
    public var seed: UInt64 = 1
    /// Simulated time. Everybody hangs up at its end.
    public var duration = Interval.seconds(30)
    /// One way of signalling between two hosts, which no fault touches.
    public var signallingDelay = Interval.milliseconds(20)
    public var network = Topology()
    public var servers: [Server] = []
    public var calls: [Call] = []
    public var events: [Incident] = []
    public var expectations: [Expectation] = []

    public init() {}
}

extension Scenario: Record {
    static var noun: String { "a scenario" }
    static var fields: [Field<Scenario>] {
        [
            .value("title", \.title).required,
            .value("description", \.description).kept,
            .value("seed", \.seed).kept,
            .value("duration", \.duration).kept,
            .value("signalling_delay", \.signallingDelay),
            .record("network", \.network).required.shrinking(\.network),
            .records("servers", \.servers),
            .records("calls", \.calls),
            .records("events", \.events),
            .records("expect", \.expectations).kept,
        ]
    }
}

/// Where hosts are. Everything that is behind nothing is on the internet.
public struct Topology: Hashable, Sendable {
    public var nats: [NATDevice] = []
    public var firewalls: [FirewallDevice] = []
    public var routers: [RouterDevice] = []
    public var hosts: [HostDevice] = []

    public init() {}
}

extension Topology: Record {
    static var noun: String { "a network" }
    static var fields: [Field<Topology>] {
        [
            .records("nats", \.nats), .records("firewalls", \.firewalls), .records("routers", \.routers),
            .records("hosts", \.hosts),
        ]
    }
}

/// What every part of a network has: a name, a place, and a link there.
public protocol Device: Hashable, Sendable {
    var name: String { get set }
    /// The NAT, firewall or router in front of it; empty is the internet.
    var behind: String { get set }
    /// Both directions of the link to where it is.
    var link: LinkSettings { get set }
    /// Instead of `link`, for what goes towards the internet.
    var up: LinkSettings? { get set }
    /// Instead of `link`, for what comes from there.
    var down: LinkSettings? { get set }
}

/// An address translator (RFC 4787) and the network behind it.
public struct NATDevice: Device {
    public var name = ""
    public var behind = ""
    /// External addresses; empty is one that is chosen.
    public var addresses: [IPAddress] = []
    public var settings = NATSettings()
    public var link = LinkSettings()
    public var up: LinkSettings?
    public var down: LinkSettings?

    public init() {}
}

extension NATDevice: Record {
    static var noun: String { "a NAT" }
    static var fields: [Field<NATDevice>] {
        [.value("name", \.name).required, .value("behind", \.behind), .values("addresses", \.addresses)]
            + NATSettings.fields.map { $0.lifted(\.settings) } + linkFields()
    }
}

/// A stateful filter without translation: only answers come in.
public struct FirewallDevice: Device {
    public var name = ""
    public var behind = ""
    /// No UDP passes at all.
    public var blocksUDP = false
    /// TCP goes out to these ports only; empty is to all.
    public var tcpPorts: [UInt16] = []
    /// TCP goes out only where it is TLS.
    public var demandsTLS = false
    /// How long after the last packet an answer may come.
    public var lifetime = Interval.seconds(120)
    public var link = LinkSettings()
    public var up: LinkSettings?
    public var down: LinkSettings?

    public init() {}
}

extension FirewallDevice: Record {
    static var noun: String { "a firewall" }
    static var fields: [Field<FirewallDevice>] {
        [
            .value("name", \.name).required, .value("behind", \.behind), .value("blocks_udp", \.blocksUDP),
            .values("tcp_ports", \.tcpPorts), .value("demands_tls", \.demandsTLS), .value("lifetime", \.lifetime),
        ] + linkFields()
    }
}

/// Passes everything: a place with a link of its own.
public struct RouterDevice: Device {
    public var name = ""
    public var behind = ""
    public var link = LinkSettings()
    public var up: LinkSettings?
    public var down: LinkSettings?

    public init() {}
}

extension RouterDevice: Record {
    static var noun: String { "a router" }
    static var fields: [Field<RouterDevice>] {
        [.value("name", \.name).required, .value("behind", \.behind)] + linkFields()
    }
}

/// A machine, or the second link of one.
public struct HostDevice: Device {
    public var name = ""
    public var behind = ""
    /// The machine that this is another link of, as a phone has Wi-Fi and LTE; empty is a machine of its own.
    public var linkOf = ""
    /// Empty is one that is chosen.
    public var addresses: [IPAddress] = []
    public var link = LinkSettings()
    public var up: LinkSettings?
    public var down: LinkSettings?

    public init() {}
}

extension HostDevice: Record {
    static var noun: String { "a host" }
    static var fields: [Field<HostDevice>] {
        [
            .value("name", \.name).required, .value("behind", \.behind), .value("link_of", \.linkOf),
            .values("addresses", \.addresses),
        ] + linkFields()
    }
}

extension Record where Self: Device {
    fileprivate static func linkFields() -> [Field<Self>] {
        [.record("link", \.link), .optionalRecord("up", \.up), .optionalRecord("down", \.down)]
    }
}

extension Field {
    /// A field of a part, as a field of the whole.
    fileprivate func lifted<Whole: Record>(_ place: WritableKeyPath<Whole, Root>) -> Field<Whole> {
        let field = self
        return Field<Whole>(
            key: key, isRequired: isRequired,
            read: { (tree, path, whole, lines) throws(ScenarioError) in
                try field.read(tree, path, &whole[keyPath: place], &lines)
            },
            write: { field.write($0[keyPath: place]) },
            isDefault: { field.isDefault($0[keyPath: place]) },
            simpler: { whole in
                field.simpler(whole[keyPath: place]).map { part in
                    var simpler = whole
                    simpler[keyPath: place] = part
                    return simpler
                }
            })
    }

    /// A required part whose own fields may still become simpler.
    fileprivate func shrinking<Part: Record>(_ place: WritableKeyPath<Root, Part>) -> Field {
        var field = self
        field.simpler = { whole in
            whole[keyPath: place].simpler.map { part in
                var simpler = whole
                simpler[keyPath: place] = part
                return simpler
            }
        }
        return field
    }
}
