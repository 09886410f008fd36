import Wire

@testable import SCTP

/// Two associations with a path between them that delays, loses and reorders, in virtual time.
struct AssociationPair {
    struct Path {
        var delay = Interval.milliseconds(20)
        var loss = 0.0
        /// Up to so much is added to the delay of each packet.
        var jitter = Interval.zero
    }

    private struct Packet {
        var arrives: Instant
        var order: UInt64
        var isForRight: Bool
        var bytes: [UInt8]
    }

    var left: Association
    var right: Association
    var path: Path
    private(set) var now = Instant.origin + .seconds(1)
    private var random: SeededRandom
    private var packets: [Packet] = []
    private var order: UInt64 = 0
    private(set) var leftEvents: [Association.Event] = []
    private(set) var rightEvents: [Association.Event] = []
    private(set) var drops: [DropReason] = []
    private(set) var packetCount = 0
    /// Sees each packet before the path does; false loses it.
    var filter: (_ isForRight: Bool, _ bytes: [UInt8]) -> Bool = { _, _ in true }

    init(seed: UInt64 = 1, path: Path = Path()) {
        random = SeededRandom(seed: seed)
        left = Self.association(random.split())
        right = Self.association(random.split())
        self.path = path
    }

    static func association(_ random: SeededRandom) -> Association {
        Association(
            localPort: 5000, peerPort: 5000, packetLength: 1160, peerMessageLength: Limits.messageLength,
            random: random)
    }

    var leftMessages: [Message] { messages(leftEvents) }
    var rightMessages: [Message] { messages(rightEvents) }

    private func messages(_ events: [Association.Event]) -> [Message] {
        events.compactMap { if case .message(let message) = $0 { message } else { nil } }
    }

    mutating func connect() {
        left.connect(now: now)
        run(for: .seconds(1))
    }

    /// Lets time pass; `step` is called at the beginning and after each event.
    mutating func run(for interval: Interval, step: (inout AssociationPair) -> Void = { _ in }) {
        let end = now + interval
        step(&self)
        drain()
        while true {
            let arrival = packets.first?.arrives ?? .distantFuture
            let next = min(arrival, left.deadline, right.deadline)
            guard next <= end else { break }
            now = max(now, next)
            if arrival <= now { deliver() }
            if left.deadline <= now { left.advance(to: now) }
            if right.deadline <= now { right.advance(to: now) }
            drain()
            step(&self)
            drain()
        }
        now = end
    }

    private mutating func deliver() {
        let packet = packets.removeFirst()
        do throws(DropReason) {
            if packet.isForRight {
                try right.receive(packet.bytes.span.bytes, now: now)
            } else {
                try left.receive(packet.bytes.span.bytes, now: now)
            }
        } catch {
            drops.append(error)
        }
    }

    private mutating func drain() {
        while let packet = left.nextTransmit(now: now) { send(packet, isForRight: true) }
        while let packet = right.nextTransmit(now: now) { send(packet, isForRight: false) }
        while let event = left.nextEvent() { leftEvents.append(event) }
        while let event = right.nextEvent() { rightEvents.append(event) }
    }

    private mutating func send(_ bytes: [UInt8], isForRight: Bool) {
        packetCount += 1
        guard filter(isForRight, bytes), Double.random(in: 0..<1, using: &random) >= path.loss else { return }
        let extra = Int64.random(in: 0...max(path.jitter.nanoseconds, 0), using: &random)
        let arrives = now + path.delay + .nanoseconds(extra)
        order += 1
        let packet = Packet(arrives: arrives, order: order, isForRight: isForRight, bytes: bytes)
        let place = packets.lastIndex { ($0.arrives, $0.order) < (arrives, order) }
        packets.insert(packet, at: place.map { $0 + 1 } ?? 0)
    }

    mutating func forgetEvents() {
        leftEvents = []
        rightEvents = []
    }
}

extension Message {
    /// Bytes that tell of each place in it.
    static func pattern(_ stream: UInt16, _ index: Int, count: Int) -> Message {
        // A slice of one long noise, which begins elsewhere for each message.
        let start = (index &* 7919 &+ Int(stream) &* 104_729) % 65_537
        return Message(stream: stream, payloadProtocol: 53, bytes: Array(noise[start..<(start + count)]))
    }

    private static let noise: [UInt8] = {
        var random = SeededRandom(seed: 99)
        return random.bytes(65_537 + 300_000)
    }()
}
