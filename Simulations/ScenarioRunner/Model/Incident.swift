public import Wire

/// Something that happens to the network at a time.
public struct Incident: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case linkDown = "link down"
        case linkUp = "link up"
        /// New values for the ones that are given; the others stay.
        case linkChange = "link change"
        /// Packets wait, and go on when it ends.
        case linkHold = "link hold"
        /// Forgets all mappings; whoever keeps ports gets the same ones again.
        case natReboot = "nat reboot"
        /// Forgets all mappings and gives out other ports.
        case natRebinding = "nat rebinding"
        /// Another external address, as after a new connection to the provider.
        case natAddress = "nat address"
        /// No UDP passes a firewall any more.
        case blockUDP = "block udp"
        case allowUDP = "allow udp"
        /// A firewall forgets what was sent through it.
        case firewallFlush = "firewall flush"
        /// A host's programs stand still; what arrives waits.
        case hostPause = "host pause"
        /// A side of a call begins an ICE restart (RFC 8445 section 9).
        case iceRestart = "ice restart"
        /// Everything is again as the scenario's `network` says, except that every link is up.
        case heal
    }

    public enum Ways: String, Hashable, Sendable, CaseIterable {
        case both, up, down
    }

    public var at = Interval.zero
    public var what = Kind.heal
    /// The host or device; empty with `heal`.
    public var place = ""
    public var direction = Ways.both
    /// Undone after so long; nil is never.
    public var duration: Interval?
    public var rate: DataRate?
    public var delay: Interval?
    public var jitter: Interval?
    public var loss: Share?
    public var burst: Int?
    /// With `nat address`.
    public var address: IPAddress?
    /// With `ice restart`, where the host has several; empty is the only one.
    public var call = ""

    public init() {}

    public init(_ what: Kind, at time: Interval, place: String = "", for duration: Interval? = nil) {
        self.what = what
        at = time
        self.place = place
        self.duration = duration
    }

    /// In words: `link down at alice, up, for 3 s`.
    public var text: String {
        var text = what.rawValue
        if !place.isEmpty { text += " at \(place)" }
        if !call.isEmpty { text += " in \(call)" }
        if direction != .both { text += ", \(direction.rawValue)" }
        let values: [(String, String?)] = [
            ("rate", rate?.text), ("delay", delay?.text), ("jitter", jitter?.text), ("loss", loss?.text),
            ("bursts of", burst?.text), ("to", address?.text), ("for", duration?.text),
        ]
        for (name, value) in values { if let value { text += ", \(name) \(value)" } }
        return text
    }
}

extension Incident.Kind: ScalarValue {}
extension Incident.Ways: ScalarValue {}

extension Incident: Record {
    static var noun: String { "an event" }
    static var fields: [Field<Incident>] {
        [
            .value("at", \.at).required, .value("what", \.what).required, .value("where", \.place).kept,
            .value("direction", \.direction), .optional("for", \.duration), .optional("rate", \.rate),
            .optional("delay", \.delay), .optional("jitter", \.jitter), .optional("loss", \.loss),
            .optional("burst", \.burst), .optional("address", \.address).kept, .value("call", \.call).kept,
        ]
    }
}
