public import Wire

/// Finds out from inside what a NAT does, with the tests of RFC 5780 section 4 against a ``BindingServer`` that has a
/// second address and port.
///
/// A core: its owner opens sockets as they are asked for, hands in what they receive and the time, and drains
/// ``nextTransmit()``. Sockets are numbers from 0; each stands for a local port of its own that stays open.
public struct NATDiscovery: Sendable {
    /// A datagram to send from a socket.
    public struct Transmit: Hashable, Sendable {
        public var socket: Int
        public var destination: SocketAddress
        public var bytes: [UInt8]
    }

    public struct Configuration: Sendable {
        /// The server's first endpoint.
        public var server: SocketAddress
        /// Finds the lifetime of mappings too, up to so long; it takes several times as long as what it finds.
        public var longestLifetime: Interval?
        /// How exactly the lifetime is wanted.
        public var lifetimeResolution = Interval.seconds(5)
        /// The first silence after which a request is sent again; doubled each time.
        public var retransmission = Interval.milliseconds(250)
        /// Sends of one request before it counts as unanswered.
        public var sends = 4

        public init(server: SocketAddress) { self.server = server }
    }

    /// Sockets that the tests use: one for the mapping tests, one for the filtering tests, two for hairpinning, two for
    /// lifetimes.
    public static let sockets = 6

    /// Grows as the tests end; final once ``isFinished``.
    public internal(set) var report = NATReport()
    public internal(set) var isFinished = false

    let configuration: Configuration
    /// The local address of each socket, as far as the owner knows it.
    let locals: [SocketAddress]
    var random: SeededRandom
    var steps: [Step]
    var probes: [Probe] = []
    var transmits: [Transmit] = []
    /// A test waits, without a request out.
    var waitsUntil = Instant.distantFuture
    /// The server's other address and port.
    var alternate: SocketAddress?
    /// What the mapping socket is seen as from the other address.
    var secondMapped: SocketAddress?
    var answersFromOtherPort = false
    /// External endpoints of the two sockets for hairpinning.
    var hairpinAddresses: [SocketAddress?] = [nil, nil]
    var lifetime = LifetimeSearch()

    enum Step: Sendable {
        case mappingFirst, mappingOtherAddress, mappingOtherPort
        case filteringOpen, filtering
        case hairpinLearn, hairpin
        case lifetimeOpen, lifetimeWait, lifetimeAsk
    }

    /// What a request is for.
    enum Purpose: Hashable, Sendable {
        case first, otherAddress, otherPort
        case open, changeBoth, changePort
        case learn(Int), hairpin
        case fresh, ask
    }

    /// A request that is out.
    struct Probe: Sendable {
        var purpose: Purpose
        var id: TransactionID
        var transmit: Transmit
        /// The socket that its answer comes to.
        var listener: Int
        var sends = 1
        var nextSend: Instant
        var timeout: Interval
    }

    /// Between a silence that a mapping survived and one that it did not.
    struct LifetimeSearch: Sendable {
        var alive = Interval.zero
        var dead: Interval?
        var tried = Interval.seconds(15)
        var mapped: SocketAddress?
    }

    enum Socket {
        static let mapping = 0
        static let filtering = 1
        static let hairpin = 2
        static let hairpinOther = 3
        static let lifetime = 4
        static let lifetimeAsking = 5
    }

    /// - Parameter locals: the local address and port of each of the ``sockets``.
    public init(_ configuration: Configuration, locals: [SocketAddress], random: SeededRandom) {
        precondition(locals.count == Self.sockets)
        self.configuration = configuration
        self.locals = locals
        self.random = random
        steps = [.mappingFirst]
    }

    /// When ``advance(to:)`` has something to do.
    public var deadline: Instant {
        probes.reduce(waitsUntil) { min($0, $1.nextSend) }
    }

    public mutating func start(now: Instant) { beginStep(now) }

    public mutating func nextTransmit() -> Transmit? { transmits.isEmpty ? nil : transmits.removeFirst() }

    public mutating func advance(to now: Instant) {
        if now >= waitsUntil {
            waitsUntil = .distantFuture
            nextStep(now)
        }
        var unanswered: [Purpose] = []
        for index in probes.indices.reversed() where now >= probes[index].nextSend {
            if probes[index].sends >= configuration.sends {
                unanswered.append(probes.remove(at: index).purpose)
            } else {
                probes[index].sends += 1
                probes[index].timeout = probes[index].timeout * 2
                probes[index].nextSend = now + probes[index].timeout
                transmits.append(probes[index].transmit)
            }
        }
        for purpose in unanswered.reversed() { noteSilence(purpose, now) }
    }

    /// A datagram that a socket received. What neither answers a request of ours nor is one that came back is nothing.
    public mutating func receive(_ datagram: RawSpan, at socket: Int, from source: SocketAddress, now: Instant) {
        guard let message = try? Message(parsing: datagram), message.type.method == .binding else { return }
        let id = message.transactionID
        guard let index = probes.firstIndex(where: { $0.id == id && $0.listener == socket }) else { return }
        let probe = probes[index]
        switch message.type.messageClass {
        case .request:
            guard probe.purpose == .hairpin else { return }
            noteHairpin(from: source, sender: probe.transmit.socket, now)
        case .success:
            // Only the server answers; a request that comes back is answered by nobody.
            guard probe.purpose != .hairpin, let mapped = message.xorMappedAddress else { return }
            probes.remove(at: index)
            note(probe.purpose, mapped: mapped, other: message.otherAddress, now)
        case .error, .indication: return
        }
    }
}
