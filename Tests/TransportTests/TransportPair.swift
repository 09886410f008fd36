import DTLS
import ICE
import Testing
import Wire

@testable import Transport

/// Two transports, the wire between them and a clock that only they have. The left one made the offer.
final class TransportPair {
    struct Packet {
        var arrival: Instant
        var order: Int
        var toRight: Bool
        var bytes: [UInt8]
        var from: SocketAddress
        var to: SocketAddress
    }

    var now = Instant(nanoseconds: 1_000_000_000)
    var random: SeededRandom
    let left: Side
    let right: Side
    /// Percent of datagrams lost and duplicated, each way.
    var loss: UInt64 = 0
    var duplication: UInt64 = 0
    var delay = Interval.milliseconds(20)
    /// Extra delay, drawn evenly: reorders.
    var jitter = Interval.zero
    var isCut = false
    /// The left one's address as the right one sees it: what a NAT in front of it makes of it.
    var leftOutside: SocketAddress
    /// Called with every datagram that is to be carried; what it returns arrives before it.
    var intrude: (_ toRight: Bool, _ bytes: [UInt8]) -> [(from: SocketAddress, bytes: [UInt8])] = { _, _ in [] }
    /// Everything that was carried, as it was on the wire.
    private(set) var carried: [Packet] = []
    private var inFlight: [Packet] = []
    private var order = 0

    static let leftAddress = address("203.0.113.7", 50_000)
    static let rightAddress = address("192.0.2.1", 40_000)

    init(seed: UInt64 = 1) {
        random = SeededRandom(seed: seed)
        left = Side(Self.leftAddress, Certificates.left, controls: true, random: &random, now: now)
        right = Side(Self.rightAddress, Certificates.right, controls: false, random: &random, now: now)
        leftOutside = Self.leftAddress
    }

    /// Exchanges offer, answer and candidates.
    func signal(
        leftIsDTLSClient: Bool = false, leftExpects: Fingerprint? = nil, rightExpects: Fingerprint? = nil
    ) throws {
        try left.negotiate(with: right, isDTLSClient: leftIsDTLSClient, fingerprint: leftExpects, now: now)
        try right.negotiate(with: left, isDTLSClient: !leftIsDTLSClient, fingerprint: rightExpects, now: now)
        left.transport.addRemoteCandidate(Candidate.host(address: right.local, socket: 0).sdp, now: now)
        right.transport.addRemoteCandidate(Candidate.host(address: left.local, socket: 0).sdp, now: now)
        drain()
    }

    static func connected(seed: UInt64 = 1, leftIsDTLSClient: Bool = false) throws -> TransportPair {
        let pair = TransportPair(seed: seed)
        try pair.signal(leftIsDTLSClient: leftIsDTLSClient)
        try #require(pair.run(for: .seconds(10)) { $0.areConnected }, "the pair does not connect")
        pair.run(for: .seconds(1))
        return pair
    }

    var areConnected: Bool { left.transport.isConnected && right.transport.isConnected }

    // MARK: The wire

    func drain() {
        while let transmit = left.transport.nextTransmit() {
            put(toRight: true, transmit.bytes, from: leftOutside, to: transmit.tuple.remote)
        }
        while let transmit = right.transport.nextTransmit() {
            put(toRight: false, transmit.bytes, from: right.local, to: transmit.tuple.remote)
        }
        while let event = left.transport.nextEvent() { left.events.append(event) }
        while let event = right.transport.nextEvent() { right.events.append(event) }
    }

    private func put(toRight: Bool, _ bytes: [UInt8], from: SocketAddress, to: SocketAddress) {
        for (source, forged) in intrude(toRight, bytes) {
            enqueue(toRight: toRight, forged, from: source, to: toRight ? right.local : leftOutside)
        }
        guard !isCut, random.next() % 100 >= loss else { return }
        enqueue(toRight: toRight, bytes, from: from, to: to)
        if random.next() % 100 < duplication { enqueue(toRight: toRight, bytes, from: from, to: to) }
    }

    private func enqueue(toRight: Bool, _ bytes: [UInt8], from: SocketAddress, to: SocketAddress) {
        order += 1
        let extra = jitter == .zero ? 0 : Int64(random.next() % UInt64(jitter.nanoseconds))
        let packet = Packet(
            arrival: now + delay + .nanoseconds(extra), order: order, toRight: toRight, bytes: bytes, from: from, to: to)
        inFlight.append(packet)
        carried.append(packet)
    }

    private func deliver(_ packet: Packet) {
        if packet.toRight {
            guard packet.to == right.local else { return }
            right.receive(packet.bytes, from: packet.from, now: now)
        } else {
            // What goes to an address that the NAT has given up goes nowhere.
            guard packet.to == leftOutside else { return }
            left.receive(packet.bytes, from: packet.from, now: now)
        }
        drain()
    }

    /// Runs until `length` is over or `done` came true, and returns whether it did.
    @discardableResult
    func run(for length: Interval, until done: (TransportPair) -> Bool = { _ in false }) -> Bool {
        let end = now + length
        var idle = 0
        drain()
        while true {
            if done(self) { return true }
            let arrival = inFlight.map(\.arrival).min() ?? .distantFuture
            let next = min(arrival, left.transport.deadline, right.transport.deadline)
            guard next <= end else {
                now = end
                return done(self)
            }
            idle = next <= now ? idle + 1 : 0
            precondition(idle < 1000, "a deadline does not move on")
            now = max(now, next)
            if left.transport.deadline <= now { left.transport.advance(to: now) }
            if right.transport.deadline <= now { right.transport.advance(to: now) }
            drain()
            let due = inFlight.filter { $0.arrival <= now }
                .sorted { ($0.arrival, $0.order) < ($1.arrival, $1.order) }
            inFlight.removeAll { $0.arrival <= now }
            for packet in due { deliver(packet) }
        }
    }

    // MARK: Media

    /// Protects and carries a packet; the reason when it could not be sent.
    @discardableResult
    func send(_ packet: [UInt8], toRight: Bool, isRTCP: Bool = false) -> DropReason? {
        let side = toRight ? left : right
        do throws(DropReason) {
            let (bytes, tuple) = try side.protect(packet, isRTCP: isRTCP)
            put(toRight: toRight, bytes, from: toRight ? leftOutside : right.local, to: tuple.remote)
            return nil
        } catch { return error }
    }

    /// Sends one packet of each kind each way and returns whether all four arrived as they were.
    func mediaFlows(_ sequence: UInt16) -> Bool {
        let (count, reports) = (left.rtp.count + right.rtp.count, left.rtcp.count + right.rtcp.count)
        for toRight in [true, false] {
            send(rtpPacket(sequence), toRight: toRight)
            send(receiverReport(), toRight: toRight, isRTCP: true)
        }
        run(for: .seconds(1))
        return left.rtp.count + right.rtp.count == count + 2 && left.rtcp.count + right.rtcp.count == reports + 2
            && left.rtp.last == rtpPacket(sequence) && right.rtp.last == rtpPacket(sequence)
            && left.rtcp.last == receiverReport() && right.rtcp.last == receiverReport()
    }
}
