public import STUN
public import Simulator
public import Wire

/// How a NAT behaves, as a file describes it: ``NATBehavior`` in words.
public struct NATSettings: Hashable, Sendable {
    /// How external ports are chosen.
    public enum Ports: String, Hashable, Sendable, CaseIterable {
        case preserving, sequential, random, blocks, overloading
    }

    /// When an internal endpoint keeps its external one: EIM always, ADM for each remote address, APDM for each remote
    /// address and port.
    public var mapping = MappingBehavior.endpointIndependent
    /// Who may send in: EIF everybody, ADF addresses that were sent to, APDF addresses and ports that were sent to.
    public var filtering = FilteringBehavior.endpointIndependent
    public var filterScope = NATBehavior.FilterScope.mapping
    public var pooling = NATBehavior.Pooling.paired
    public var ports = Ports.preserving
    /// With `ports: sequential`.
    public var portStep = 1
    /// With `ports: blocks`.
    public var blockSize = 256
    public var preservesParity = false
    public var hairpin = HairpinBehavior.off
    public var lifetime = Interval.seconds(120)
    public var refreshesInbound = false
    public var changesWhenPortIsTaken = false
    public var mappingsPerSubscriber = 65_536
    public var portRest = Interval.zero

    public init() {}

    /// For the simulator.
    public var behavior: NATBehavior {
        var behavior = NATBehavior(mapping, filtering)
        behavior.filterScope = filterScope
        behavior.pooling = pooling
        behavior.ports =
            switch ports {
            case .preserving: .preserving
            case .sequential: .sequential(step: UInt16(clamping: max(portStep, 1)))
            case .random: .random
            case .blocks: .blocks(size: UInt16(clamping: max(blockSize, 1)))
            case .overloading: .overloading
            }
        behavior.preservesParity = preservesParity
        behavior.hairpin = hairpin
        behavior.lifetime = lifetime
        behavior.refreshesInbound = refreshesInbound
        behavior.changesWhenPortIsTaken = changesWhenPortIsTaken
        behavior.mappingsPerSubscriber = mappingsPerSubscriber
        behavior.portRest = portRest
        return behavior
    }

    /// `EIM/ADF` and the like.
    public var name: String { "\(mapping.rawValue)/\(filtering.rawValue)" }
}

extension MappingBehavior: ScalarValue {}
extension FilteringBehavior: ScalarValue {}
extension HairpinBehavior: ScalarValue {}
extension NATSettings.Ports: ScalarValue {}

extension NATBehavior.FilterScope: ScalarValue {
    init?(text: String) { self.init(rawValue: text) }
    var text: String { rawValue }
    static var form: String { "one of: mapping, endpoint" }
    static var example: String { "mapping" }
}

extension NATBehavior.Pooling: ScalarValue {
    init?(text: String) { self.init(rawValue: text) }
    var text: String { rawValue }
    static var form: String { "one of: paired, arbitrary" }
    static var example: String { "paired" }
}

extension NATSettings: Record {
    static var noun: String { "a NAT" }
    static var fields: [Field<NATSettings>] {
        [
            .value("mapping", \.mapping), .value("filtering", \.filtering), .value("filter_scope", \.filterScope),
            .value("pooling", \.pooling), .value("ports", \.ports), .value("port_step", \.portStep),
            .value("block_size", \.blockSize), .value("preserves_parity", \.preservesParity),
            .value("hairpin", \.hairpin), .value("lifetime", \.lifetime),
            .value("refreshes_inbound", \.refreshesInbound),
            .value("changes_when_port_is_taken", \.changesWhenPortIsTaken),
            .value("mappings_per_subscriber", \.mappingsPerSubscriber), .value("port_rest", \.portRest),
        ]
    }
}
