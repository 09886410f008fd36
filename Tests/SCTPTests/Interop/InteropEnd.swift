import Wire

@testable import SCTP

/// An end of an association, whoever wrote it. Told of packets and the time, it is drained after every call.
protocol InteropEnd: AnyObject {
    /// When to call ``advance(to:)`` next.
    var deadline: Instant { get }

    func connect(now: Instant)
    /// False when it cannot be taken now: the buffer is full, or the stream's reset is not through.
    func send(_ message: Message, _ reliability: Reliability, now: Instant) -> Bool
    /// False when it cannot begin now.
    func reset(_ stream: UInt16, now: Instant) -> Bool
    func abort(now: Instant)
    func receive(_ packet: [UInt8], now: Instant)
    func advance(to now: Instant)
    func takePackets(now: Instant) -> [[UInt8]]
    func takeEvents() -> [Association.Event]
}

/// Which implementation.
enum Maker: String, Sendable, CaseIterable {
    case apus
    case usrsctp

    func end(_ random: SeededRandom) -> any InteropEnd {
        switch self {
        case .apus: ApusEnd(random)
        case .usrsctp: USRSCTPEnd()
        }
    }
}

/// Apus's ``Association`` behind the protocol.
final class ApusEnd: InteropEnd {
    static let packetLength = 1160

    private(set) var association: Association
    /// Why packets were dropped.
    private(set) var drops: [DropReason] = []

    init(_ random: SeededRandom) {
        association = Association(
            localPort: 5000, peerPort: 5000, packetLength: Self.packetLength,
            peerMessageLength: Limits.messageLength, random: random)
    }

    var deadline: Instant { association.deadline }

    func connect(now: Instant) { association.connect(now: now) }

    func send(_ message: Message, _ reliability: Reliability, now: Instant) -> Bool {
        (try? association.send(message, reliability, now: now)) != nil
    }

    func reset(_ stream: UInt16, now: Instant) -> Bool {
        guard association.link?.resets.isUnderWay(stream) == false else { return false }
        association.reset(stream, now: now)
        return true
    }

    func abort(now: Instant) { association.abort() }

    func receive(_ packet: [UInt8], now: Instant) {
        do throws(DropReason) { try association.receive(packet.span.bytes, now: now) } catch { drops.append(error) }
    }

    func advance(to now: Instant) { association.advance(to: now) }

    func takePackets(now: Instant) -> [[UInt8]] {
        var packets: [[UInt8]] = []
        while let packet = association.nextTransmit(now: now) { packets.append(packet) }
        return packets
    }

    func takeEvents() -> [Association.Event] {
        var events: [Association.Event] = []
        while let event = association.nextEvent() { events.append(event) }
        return events
    }
}
