public import Wire

/// What runs on a host: a core of the product and what little stands around it. The simulation calls it; it never
/// waits, and knows no time but the one that it is told.
public protocol Process: AnyObject {
    /// When ``advance(to:_:)`` wants to be called next.
    var deadline: Instant { get }
    /// Whether TCP segments come to ``receive(_:now:_:)`` too. By default not: what takes only UDP never sees them.
    var takesTCP: Bool { get }
    /// Whether datagrams that arrive at one instant, one behind the other, come in one piece to
    /// ``receive(batch:now:_:)``, as a socket hands them over. By default they come one by one.
    var takesBatches: Bool { get }
    /// Once, at the beginning.
    func start(now: Instant, _ output: inout Output)
    /// A datagram for one of the host's addresses.
    func receive(_ datagram: Datagram, now: Instant, _ output: inout Output)
    /// At least one datagram; the process may write into them.
    func receive(batch: inout [Datagram], now: Instant, _ output: inout Output)
    /// A message that another process sent outside of the network: signalling.
    func receive(_ message: [UInt8], from sender: Int, now: Instant, _ output: inout Output)
    func advance(to now: Instant, _ output: inout Output)
}

extension Process {
    public var takesTCP: Bool { false }
    public var takesBatches: Bool { false }
    public func receive(batch: inout [Datagram], now: Instant, _ output: inout Output) {
        for datagram in batch { receive(datagram, now: now, &output) }
    }
    public func start(now: Instant, _ output: inout Output) {}
    public func receive(_ message: [UInt8], from sender: Int, now: Instant, _ output: inout Output) {}
}

/// What a process wants done.
public struct Output: Sendable {
    public struct Message: Hashable, Sendable {
        public var receiver: Int
        public var bytes: [UInt8]
    }

    public private(set) var datagrams: [Datagram] = []
    public private(set) var messages: [Message] = []
    public private(set) var notes: [String] = []

    /// Memory of packets that have arrived.
    private var spares: [[UInt8]] = []
    private static let spareLimit = 256

    public init() {}

    /// Sends a copy of some bytes.
    public mutating func send(copying bytes: RawSpan, from source: SocketAddress, to destination: SocketAddress) {
        var payload = spares.popLast() ?? []
        unsafe bytes.withUnsafeBytes { bytes in
            payload.removeAll(keepingCapacity: true)
            unsafe payload.append(contentsOf: bytes)
        }
        send(payload, from: source, to: destination)
    }

    public mutating func send(_ payload: consuming [UInt8], from source: SocketAddress, to destination: SocketAddress) {
        datagrams.append(Datagram(source: source, destination: destination, payload: payload))
    }

    /// A packet that is ready, for example a TCP segment.
    public mutating func send(_ datagram: Datagram) { datagrams.append(datagram) }

    /// Signalling to another process: in order and without loss, as over a WebSocket.
    public mutating func signal(_ bytes: [UInt8], to receiver: Int) {
        messages.append(Message(receiver: receiver, bytes: bytes))
    }

    /// Packets are taken one by one, each once.
    mutating func takeDatagram(_ index: Int, into packets: inout PacketTable, number: UInt64) -> Int32 {
        packets.insert(moving: &datagrams[index], number: number)
    }

    /// A payload that nobody needs any more; its memory is used for one that is sent.
    mutating func recycle(_ payload: consuming [UInt8]) {
        guard payload.capacity > 0, spares.count < Self.spareLimit else { return }
        spares.append(payload)
    }

    /// Forgets all, and keeps the room for it.
    mutating func reset() {
        if !datagrams.isEmpty { datagrams.removeAll(keepingCapacity: true) }
        if !messages.isEmpty { messages.removeAll(keepingCapacity: true) }
        if !notes.isEmpty { notes.removeAll(keepingCapacity: true) }
    }

    /// A line for the event log: a state that changed, a pair that was selected.
    public mutating func note(_ text: String) { notes.append(text) }
}
