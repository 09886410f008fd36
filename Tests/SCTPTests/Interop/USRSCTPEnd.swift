import CUSRSCTP
import Testing
import Wire

@testable import SCTP

/// usrsctp behind the protocol, on virtual time. Its state is the process's: one test at a time may have such ends.
final class USRSCTPEnd: InteropEnd {
    /// usrsctp counts in ticks; its own thread gives it one every 10 ms.
    private static let tick = Interval.milliseconds(10)
    /// Virtual time that earlier tests have used, so that usrsctp's never runs backwards.
    private nonisolated(unsafe) static var clock = Clock()

    private struct Clock {
        var ended = Instant.origin + .seconds(1_000_000)
        /// When the test under way began, in its own time and in usrsctp's; nil before its first call.
        var begin: (test: Instant, peer: Instant)?
        var ticked = Instant.origin

        func peerTime(_ now: Instant) -> Instant { begin.map { $0.peer + (now - $0.test) } ?? ended }
    }

    private var handle: OpaquePointer?
    private var packets: [[UInt8]] = []
    private var events: [Association.Event] = []
    private(set) var failedResets: [UInt16] = []
    /// Streams whose reset is not through; usrsctp would take a second one for the same.
    private var resetting: Set<UInt16> = []

    init() {
        let calls = apus_usrsctp_calls(
            packet: { context, bytes, length in
                USRSCTPEnd.from(context).packets.append(Array(UnsafeRawBufferPointer(start: bytes, count: length)))
            },
            message: { context, stream, payloadProtocol, bytes, length in
                let bytes = Array(UnsafeRawBufferPointer(start: bytes, count: length))
                USRSCTPEnd.from(context).events.append(
                    .message(Message(stream: stream, payloadProtocol: payloadProtocol, bytes: bytes)))
            },
            event: { context, event, stream in USRSCTPEnd.from(context).note(Int(event), stream) })
        handle = Self.withClock(.origin) {
            apus_usrsctp_create(
                5000, ApusEnd.packetLength, Limits.streams, calls, Unmanaged.passUnretained(self).toOpaque())
        }
        #expect(handle != nil, "usrsctp does not begin")
    }

    deinit { if let handle { Self.withClock(.origin) { apus_usrsctp_destroy(handle) } } }

    /// A test begins, at its own time `now`.
    static func beginTest(at now: Instant) {
        clock.begin = (test: now, peer: clock.ended)
        clock.ticked = now
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> USRSCTPEnd {
        Unmanaged<USRSCTPEnd>.fromOpaque(context!).takeUnretainedValue()
    }

    private func note(_ event: Int, _ stream: UInt16) {
        switch event {
        case APUS_USRSCTP_CONNECTED: events.append(.connected)
        case APUS_USRSCTP_RESTARTED: events.append(.restarted)
        case APUS_USRSCTP_LOST: events.append(.ended(.lost))
        case APUS_USRSCTP_FINISHED: events.append(.ended(.closedByPeer))
        case APUS_USRSCTP_INBOUND_RESET: events.append(.inboundReset([stream]))
        case APUS_USRSCTP_OUTBOUND_RESET:
            resetting.remove(stream)
            events.append(.outboundReset([stream]))
        default: failedResets.append(stream)
        }
    }

    /// Within `body`, usrsctp takes `now` for the time of day, or when it last had the time if that is later.
    private static func withClock<Result>(_ now: Instant, _ body: () -> Result) -> Result {
        clock.ended = max(clock.ended, clock.peerTime(now))
        apus_usrsctp_set_clock(clock.ended.nanoseconds / 1000)
        defer { apus_usrsctp_set_clock(0) }
        return body()
    }

    // MARK: The protocol

    var deadline: Instant { Self.clock.ticked + Self.tick }

    /// The first end to be asked gives all of them their ticks.
    func advance(to now: Instant) {
        let steps = (now - Self.clock.ticked).milliseconds / Self.tick.milliseconds
        guard steps > 0 else { return }
        Self.clock.ticked = Self.clock.ticked + Self.tick * steps
        Self.withClock(now) { apus_usrsctp_advance(UInt32(steps * Self.tick.milliseconds)) }
    }

    func connect(now: Instant) { Self.withClock(now) { apus_usrsctp_connect(handle!) } }

    func send(_ message: Message, _ reliability: Reliability, now: Instant) -> Bool {
        var delivery = apus_usrsctp_delivery()
        delivery.stream = message.stream
        delivery.protocol = message.payloadProtocol
        delivery.is_unordered = reliability.isOrdered ? 0 : 1
        switch reliability.limit {
        case .none: delivery.policy = UInt16(APUS_USRSCTP_RELIABLE)
        case .retransmissions(let count):
            delivery.policy = UInt16(APUS_USRSCTP_RETRANSMITTED)
            delivery.value = count
        case .lifetime(let interval):
            delivery.policy = UInt16(APUS_USRSCTP_TIMED)
            delivery.value = UInt32(interval.milliseconds)
        }
        return Self.withClock(now) {
            apus_usrsctp_send(handle!, delivery, message.bytes, message.bytes.count) == 0
        }
    }

    func reset(_ stream: UInt16, now: Instant) -> Bool {
        guard !resetting.contains(stream) else { return false }
        // Its event may come at once.
        resetting.insert(stream)
        let isBegun = Self.withClock(now) { apus_usrsctp_reset(handle!, stream) == 0 }
        if !isBegun { resetting.remove(stream) }
        return isBegun
    }

    func shutdown(now: Instant) { Self.withClock(now) { apus_usrsctp_shutdown(handle!) } }
    func abort(now: Instant) { Self.withClock(now) { apus_usrsctp_abort(handle!) } }

    func receive(_ packet: [UInt8], now: Instant) {
        Self.withClock(now) { apus_usrsctp_receive(handle!, packet, packet.count) }
    }

    func takePackets(now: Instant) -> [[UInt8]] {
        defer { packets = [] }
        return packets
    }

    func takeEvents() -> [Association.Event] {
        defer { events = [] }
        return events
    }
}
