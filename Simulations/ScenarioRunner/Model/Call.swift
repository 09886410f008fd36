public import Simulator
public import Wire

/// A server that hosts may use.
public struct Server: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// Answers Binding requests; on a host with two addresses also those of RFC 5780, with `port` + 1.
        case stun
        /// A relay (RFC 8656), over UDP and TCP; calls have an account there.
        case turn
    }

    public var name = ""
    public var kind = Kind.stun
    public var host = ""
    public var port: UInt16 = 3478
    /// Of a relay: it speaks TLS there too.
    public var tlsPort: UInt16?

    public init() {}
}

extension Server.Kind: ScalarValue {}
extension RelayCarrier: ScalarValue {}

extension Server {
    /// Where it listens.
    var ports: [UInt16] { [port] + (tlsPort.map { [$0] } ?? []) }
}

extension Server: Record {
    static var noun: String { "a server" }
    static var fields: [Field<Server>] {
        [
            .value("name", \.name).required, .value("kind", \.kind), .value("host", \.host).required,
            .value("port", \.port), .optional("tls_port", \.tlsPort),
        ]
    }
}

/// Two hosts that connect to each other.
public struct Call: Hashable, Sendable {
    /// One end of a call.
    public struct Side: Hashable, Sendable {
        public var host = ""
        /// STUN servers that it asks for its address as others see it.
        public var stun: [String] = []
        /// TURN servers that it has relayed addresses of.
        public var turn: [String] = []
        /// The ways to them, one after the other until one works; empty is UDP, then TCP.
        public var turnOver: [RelayCarrier] = []
        /// Answers checks and sends none (RFC 8445 section 2.5).
        public var isLite = false
        /// Its role to begin with: two that control, or none, have a conflict to solve. Nil: `from` controls.
        public var controls: Bool?
        /// Its own addresses are not told to the other side.
        public var hidesAddresses = false

        public init() {}
    }

    public var name = ""
    /// The offerer, which controls unless the sides say otherwise.
    public var from = Side()
    public var to = Side()
    /// When both begin.
    public var start = Interval.zero
    /// How long a better path may still turn up once there is one (RFC 8445 section 8.1.1).
    public var nominationPatience = Interval.seconds(2)
    /// So long after the path was lost, one side begins an ICE restart: `from`, or `to` where `from` is lite. Nil is
    /// never.
    public var restartAfterLoss: Interval?

    public init() {}
}

extension Call.Side: Record {
    static var noun: String { "a side of a call" }
    static var fields: [Field<Call.Side>] {
        [
            .value("host", \.host).required, .values("stun", \.stun), .values("turn", \.turn),
            .values("turn_over", \.turnOver), .value("lite", \.isLite), .optional("controls", \.controls),
            .value("hides_addresses", \.hidesAddresses),
        ]
    }
}

extension Call: Record {
    static var noun: String { "a call" }
    static var fields: [Field<Call>] {
        [
            .value("name", \.name).required,
            .record("from", \.from).required, .record("to", \.to).required,
            .value("start", \.start), .value("nomination_patience", \.nominationPatience),
            .optional("restart_after_loss", \.restartAfterLoss),
        ]
    }

    var simpler: [Call] {
        let sides = [\Call.from, \Call.to].flatMap { place in
            self[keyPath: place].simpler.map { side in
                var call = self
                call[keyPath: place] = side
                return call
            }
        }
        return Self.fields.flatMap { $0.simpler(self) } + sides
    }
}

/// What somebody who reads the file may rely on. Each part that is given is checked.
public struct Expectation: Hashable, Sendable {
    public enum Result: String, Hashable, Sendable, CaseIterable {
        /// Both sides have a path; `direct` one without a relay, `relay` one with.
        case connected, direct, relay
        /// Neither has.
        case fail
    }

    /// Empty: the only one.
    public var call = ""
    /// At the end, or where `within` is given, by then.
    public var result: Result?
    /// From the call's start until both sides have a path.
    public var within: Interval?
    /// The candidates of the path as `from` sees them, local then remote: H is a host's own address, S one that a STUN
    /// server saw, P one that only the peer saw, R a relay's. One of the list.
    public var kinds: [String] = []
    /// Both sides may send at the end.
    public var isConnectedAtEnd: Bool?
    /// After this moment…
    public var reconnectsAfter: Interval?
    /// …both sides have an answer again, so soon.
    public var reconnectsWithin: Interval?
    /// The host, or link of one, whose address `from` sends from at the end.
    public var leavesFrom: String?
    /// How `from` reaches its relay at the end.
    public var relayOver: RelayCarrier?
    /// ICE restarts after which both sides had a path again: at least so many.
    public var restarts: Int?

    public init() {}
}

extension Expectation.Result: ScalarValue {}

extension Expectation: Record {
    static var noun: String { "an expectation" }
    static var fields: [Field<Expectation>] {
        [
            .value("call", \.call), .optional("result", \.result), .optional("within", \.within),
            .values("kinds", \.kinds), .optional("connected_at_end", \.isConnectedAtEnd),
            .optional("reconnects_after", \.reconnectsAfter), .optional("reconnects_within", \.reconnectsWithin),
            .optional("leaves_from", \.leavesFrom), .optional("relay_over", \.relayOver),
            .optional("restarts", \.restarts),
        ]
    }
}
