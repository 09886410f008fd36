internal import CLinux
public import ForwardingBenchmark
import Glibc
internal import SCTP
internal import Wire

/// One end of Apus's SCTP over UDP, which the benchmark runs in a process of its own; `peer.c` is it with usrsctp.
///
/// One thread; each packet is one `send` and one `recv`. The sender sends whole messages as fast as they are taken,
/// each in an array of its own; the receiver looks at the number that each begins with.
public struct SCTPEnd: ~Copyable {
    /// What the process is started with.
    public struct Settings: Sendable {
        public var isSender: Bool
        /// Both on loopback.
        public var localPort: UInt16
        public var peerPort: UInt16
        /// Bytes of an SCTP packet at most.
        public var packetLength: Int
        /// Bytes of each message, from 8.
        public var messageLength: Int
        /// Milliseconds after the association stands that do not count, and those that do.
        public var warmUp: Int64
        public var window: Int64

        public init(
            isSender: Bool, localPort: UInt16, peerPort: UInt16, packetLength: Int, messageLength: Int, warmUp: Int64,
            window: Int64
        ) {
            self.isSender = isSender
            self.localPort = localPort
            self.peerPort = peerPort
            self.packetLength = packetLength
            self.messageLength = messageLength
            self.warmUp = warmUp
            self.window = window
        }
    }

    // As in peer.c.
    private static let socketBuffer: Int32 = 8 << 20
    private static let packetsAtOnce = 32
    private static let tick: Int32 = 10
    private static let longestPacket = 16_384
    private static let patience = Interval.seconds(10)

    private let settings: Settings
    private let descriptor: Int32
    private var association: Association
    private var template: [UInt8]
    private var number: UInt64 = 0
    private var figures = EndFigures()
    private var begin: Instant?
    private var isCounting = false
    private var isOver = false
    private var processorTime: UInt64 = 0

    public init(_ settings: Settings) throws(BenchmarkError) {
        self.settings = settings
        descriptor = try Self.openSocket(settings)
        template = [UInt8](repeating: 0, count: max(settings.messageLength, 8))
        association = Association(
            localPort: 5000, peerPort: 5000, packetLength: settings.packetLength,
            peerMessageLength: settings.messageLength, random: SeededRandom(seed: UInt64.random(in: .min ... .max)))
    }

    deinit { close(descriptor) }

    /// Runs to the end of the window; throws when there was no association, or a message was not the one that was next.
    public mutating func run() throws(BenchmarkError) -> EndFigures {
        var packet = [UInt8](repeating: 0, count: Self.longestPacket)
        var now = Self.now()
        let limit = now + .milliseconds(settings.warmUp + settings.window) + Self.patience
        if settings.isSender { association.connect(now: now) }
        try settle(now: now)
        while !isOver, now < limit {
            let count = try receive(into: &packet, now: now)
            if settings.isSender, begin != nil, !isOver { try fill(now: now) }
            now = Self.now()
            if association.deadline <= now {
                association.advance(to: now)
                try settle(now: now)
            }
            if let begin, !isCounting, now >= begin { beginWindow(now: now) }
            // The one that receives ends it; the sender hears of it.
            if isCounting, !settings.isSender, let begin, now >= begin + .milliseconds(settings.window) { break }
            if count == 0 {
                var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                _ = unsafe poll(&wait, 1, Self.tick)
            }
        }
        guard isCounting, let begin else { throw BenchmarkError("there was no connection") }
        figures.seconds = (now - begin).seconds
        figures.processorSeconds = Double(apus_process_cpu_ns() - processorTime) / 1e9
        association.abort()
        try settle(now: now)
        return figures
    }

    private mutating func receive(into packet: inout [UInt8], now: Instant) throws(BenchmarkError) -> Int {
        var count = 0
        while count < Self.packetsAtOnce {
            let length = unsafe recv(descriptor, &packet, packet.count, Int32(MSG_DONTWAIT))
            guard length > 0 else { break }
            // A packet that is dropped is the sender's to repeat.
            try? unsafe association.receive(packet.span.bytes.extracting(0..<length), now: now)
            try settle(now: now)
            count += 1
        }
        figures.packetsReceived += UInt64(count)
        return count
    }

    private mutating func fill(now: Instant) throws(BenchmarkError) {
        while true {
            unsafe template.withUnsafeMutableBytes { unsafe $0.storeBytes(of: number, as: UInt64.self) }
            let message = Message(stream: 1, payloadProtocol: 53, bytes: Array(template[...]))
            do { try association.send(message, .full, now: now) } catch { return }
            number += 1
            figures.bytes += UInt64(settings.messageLength)
            try settle(now: now)
        }
    }

    /// Sends what the association has to say, and takes what it tells.
    private mutating func settle(now: Instant) throws(BenchmarkError) {
        while let packet = association.nextTransmit(now: now) {
            figures.packetsSent += 1
            // What the kernel has no room for is lost, as on any path.
            _ = unsafe Glibc.send(descriptor, packet, packet.count, Int32(MSG_DONTWAIT))
        }
        while let event = association.nextEvent() {
            switch event {
            case .connected: begin = now + .milliseconds(settings.warmUp)
            case .message(let message):
                let received = unsafe message.bytes.span.bytes.unsafeLoadUnaligned(as: UInt64.self)
                guard message.bytes.count == settings.messageLength, received == number else {
                    throw BenchmarkError("a message is not the one that is next")
                }
                number += 1
                figures.bytes += UInt64(message.bytes.count)
            case .inboundReset, .outboundReset: break
            case .restarted, .ended: isOver = true
            }
        }
    }

    /// What was done before it does not count.
    private mutating func beginWindow(now: Instant) {
        isCounting = true
        begin = now
        figures = EndFigures()
        processorTime = apus_process_cpu_ns()
    }

    private static func now() -> Instant { Instant(nanoseconds: apus_monotonic_ns()) }

    private static func openSocket(_ settings: Settings) throws(BenchmarkError) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        guard descriptor >= 0 else { throw BenchmarkError("no socket: errno \(errno)") }
        guard unsafe use(settings.localPort, { unsafe bind(descriptor, $0, $1) == 0 }),
            unsafe use(settings.peerPort, { unsafe connect(descriptor, $0, $1) == 0 })
        else { throw BenchmarkError("a port cannot be used: errno \(errno)") }
        var size = socketBuffer
        for option in [SO_RCVBUF, SO_SNDBUF] {
            _ = unsafe setsockopt(descriptor, SOL_SOCKET, option, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        return descriptor
    }

    /// Calls `body` with the port's address on loopback.
    private static func use(_ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Bool) -> Bool {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}

/// What one end did within its window.
public struct EndFigures: Sendable, Codable, Hashable {
    /// Of whole messages: handed over by the receiver, taken by the sender.
    public var bytes: UInt64 = 0
    public var seconds = 0.0
    /// User and system time.
    public var processorSeconds = 0.0
    public var packetsSent: UInt64 = 0
    public var packetsReceived: UInt64 = 0

    public init() {}
}
