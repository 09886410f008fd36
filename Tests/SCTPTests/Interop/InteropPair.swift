import Wire

@testable import SCTP

/// Two ends, of any make, with a path between them that delays, loses and reorders, in virtual time.
final class InteropPair {
    /// Who drives the ends is asked so often, whether anything happens or not.
    private static let longestStep = Interval.milliseconds(50)

    private struct Packet {
        var arrives: Instant
        var order: UInt64
        var side: Int
        var bytes: [UInt8]
    }

    var path: AssociationPair.Path
    private(set) var ends: [any InteropEnd]
    /// What each end told of.
    private(set) var events: [[Association.Event]] = [[], []]
    private var sentCounts = [0, 0]
    private(set) var now = Instant.origin + .seconds(1)
    private var random: SeededRandom
    private var packets: [Packet] = []
    private var order: UInt64 = 0
    /// Sees each packet before the path does, with the end that it is for; false loses it.
    var filter: (_ side: Int, _ bytes: [UInt8]) -> Bool = { _, _ in true }

    init(_ makers: (Maker, Maker), seed: UInt64 = 1, path: AssociationPair.Path = .init()) {
        random = SeededRandom(seed: seed)
        self.path = path
        ends = []
        USRSCTPEnd.beginTest(at: now)
        ends = [makers.0.end(random.split()), makers.1.end(random.split())]
    }

    /// The end is gone, and another comes in its place that knows nothing. What was on its way stays.
    func replace(_ side: Int, by maker: Maker) {
        ends[side] = maker.end(random.split())
        events[side] = []
    }

    func messages(_ side: Int) -> [Message] {
        events[side].compactMap { if case .message(let message) = $0 { message } else { nil } }
    }

    func connect(_ sides: [Int]) {
        for side in sides { ends[side].connect(now: now) }
        run(for: .seconds(1))
    }

    func send(_ side: Int, _ message: Message, _ reliability: Reliability = .full) -> Bool {
        guard ends[side].send(message, reliability, now: now) else { return false }
        sentCounts[side] += 1
        return true
    }

    /// All messages that the end has sent have arrived.
    func isQuiet(_ side: Int) -> Bool { messages(1 - side).count == sentCounts[side] }

    func reset(_ side: Int, _ stream: UInt16) -> Bool { ends[side].reset(stream, now: now) }

    func forgetEvents() { events = [[], []] }

    /// Lets time pass, but for what is left when `isDone` says so; `step` is called at the beginning and after each
    /// event.
    func run(for interval: Interval, until isDone: () -> Bool = { false }, step: () -> Void = {}) {
        let end = now + interval
        step()
        drain()
        while !isDone() {
            let arrival = packets.first?.arrives ?? .distantFuture
            let next = min(arrival, ends[0].deadline, ends[1].deadline, now + Self.longestStep)
            guard next <= end else {
                now = end
                return
            }
            now = max(now, next)
            if arrival <= now {
                let packet = packets.removeFirst()
                ends[packet.side].receive(packet.bytes, now: now)
            }
            for end in ends where end.deadline <= now { end.advance(to: now) }
            drain()
            step()
            drain()
        }
    }

    private func drain() {
        for side in 0..<2 {
            for packet in ends[side].takePackets(now: now) { send(packet, to: 1 - side) }
            events[side] += ends[side].takeEvents()
        }
    }

    private func send(_ bytes: [UInt8], to side: Int) {
        guard filter(side, bytes), Double.random(in: 0..<1, using: &random) >= path.loss else { return }
        let extra = Int64.random(in: 0...max(path.jitter.nanoseconds, 0), using: &random)
        order += 1
        let packet = Packet(arrives: now + path.delay + .nanoseconds(extra), order: order, side: side, bytes: bytes)
        let place = packets.lastIndex { ($0.arrives, $0.order) < (packet.arrives, packet.order) }
        packets.insert(packet, at: place.map { $0 + 1 } ?? 0)
    }
}
