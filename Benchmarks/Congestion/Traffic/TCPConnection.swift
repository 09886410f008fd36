import Wire

/// TCP cross traffic as a scenario describes it.
public struct TCPDescription: Sendable {
    public enum Use: Sendable {
        /// Sends without end.
        case long
        /// RFC 8867 section 5.7: transfers of 30 to 50 kB with exponential pauses of a mean of 10 s.
        case short(startsOn: Bool)
    }

    public var algorithm: TCPAlgorithm
    public var use: Use
    /// Seconds.
    public var start, end: Double
    public var links: [Int]
    /// One-way propagation in milliseconds.
    public var delay: Double

    public init(
        algorithm: TCPAlgorithm = .newReno, use: Use, start: Double = 0, end: Double, links: [Int] = [0],
        delay: Double = 50
    ) {
        self.algorithm = algorithm
        self.use = use
        self.start = start
        self.end = end
        self.links = links
        self.delay = delay
    }
}

/// A TCP connection, both ends: slow start, congestion avoidance, fast retransmit and NewReno recovery (RFC 5681,
/// 6582), retransmission timer (RFC 6298). Without SACK, as RFC 8867 asks for RFC 5681; a segment is 1460 bytes.
struct TCPConnection: Sendable {
    let description: TCPDescription
    private let index: Int
    private let forward: Int16
    private let backward: Int16
    private var window: TCPWindow
    private var random: SeededRandom
    /// Segments: first not acknowledged, next to send, end of what there is to send.
    private var acknowledged: Int64 = 0
    private var next: Int64 = 0
    private var end: Int64 = 0
    private var highest: Int64 = 0
    private var duplicates = 0
    private var recovery: Int64?
    private var isAfterTimeout = false
    private var smoothed: Double?
    private var variation = 0.0
    private var timeout = 1.0
    private var backoff = 1.0
    /// Nanoseconds; the timer in the heap may be an older one.
    private var deadline: UInt64 = .max
    private var timerInHeap: UInt64 = .max
    private var isRunning = false
    /// Receiver: first missing segment, and what has come behind it.
    private var expected: Int64 = 0
    private var received = [Bool](repeating: false, count: Self.reorderSegments)

    private static let segmentBytes: Int32 = 1500
    private static let acknowledgementBytes: Int32 = 40
    private static let reorderSegments = 4096
    private static let minimumTimeout = 1.0
    private static let maximumTimeout = 60.0

    init(_ description: TCPDescription, index: Int, forward: Int16, backward: Int16, random: SeededRandom) {
        self.description = description
        self.index = index
        self.forward = forward
        self.backward = backward
        self.random = random
        window = TCPWindow(description.algorithm)
    }

    private var inFlight: Int64 { next - acknowledged }

    // MARK: The application

    /// The first transfer begins, or a pause ends.
    mutating func start(_ network: inout Network, isFirst: Bool) {
        switch description.use {
        case .long:
            end = .max
        case .short(let startsOn):
            if isFirst, !startsOn { return schedulePause(&network) }
            // A connection of its own: nothing is known of the path.
            window = TCPWindow(description.algorithm)
            smoothed = nil
            timeout = Self.minimumTimeout
            let bytes = 30_000 + random.unit() * 20_000
            end = next + Int64((bytes / 1460).rounded(.up))
        }
        isRunning = true
        transmit(&network)
    }

    mutating func stop() {
        isRunning = false
        end = next
        deadline = .max
    }

    private func canPause(at time: UInt64) -> Bool { Double(time) / 1e9 < description.end }

    private mutating func schedulePause(_ network: inout Network) {
        isRunning = false
        deadline = .max
        let pause = UInt64(random.exponential(mean: 10) * 1e9)
        if canPause(at: network.now + pause) { network.events.schedule(.tcpStart, index, at: network.now + pause) }
    }

    // MARK: The sender

    private mutating func transmit(_ network: inout Network) {
        while isRunning, next < end, Double(inFlight) < window.window.rounded(.down) {
            send(next, &network)
            next += 1
        }
        if deadline == .max, inFlight > 0 { restartTimer(&network) }
    }

    private mutating func send(_ segment: Int64, _ network: inout Network) {
        highest = max(highest, segment + 1)
        network.send(
            Packet(
                kind: .tcpData, route: forward, owner: Int16(index), size: Self.segmentBytes, sequence: segment,
                sent: network.now))
    }

    private mutating func restartTimer(_ network: inout Network) {
        guard inFlight > 0 else {
            deadline = .max
            return
        }
        deadline = network.now + UInt64(min(timeout * backoff, Self.maximumTimeout) * 1e9)
        if timerInHeap > deadline || timerInHeap <= network.now { scheduleTimer(&network) }
    }

    private mutating func scheduleTimer(_ network: inout Network) {
        timerInHeap = deadline
        network.events.schedule(.tcpTimer, index, at: deadline)
    }

    mutating func fireTimer(_ network: inout Network) {
        guard timerInHeap <= network.now else { return }
        timerInHeap = .max
        guard deadline != .max else { return }
        guard deadline <= network.now else { return scheduleTimer(&network) }
        window.collapse(inFlight: Double(inFlight))
        recovery = nil
        duplicates = 0
        isAfterTimeout = true
        backoff = min(backoff * 2, 64)
        next = acknowledged
        deadline = .max
        transmit(&network)
    }

    /// - Returns: whether the transfer is over.
    mutating func receiveAcknowledgement(_ packet: Packet, _ network: inout Network) {
        let number = packet.sequence
        guard number <= highest else { return }
        if number > acknowledged {
            advance(to: number, echo: packet.sent, &network)
        } else if number == acknowledged, inFlight > 0 {
            duplicate(&network)
        }
        transmit(&network)
        if case .short = description.use, isRunning, acknowledged == end { schedulePause(&network) }
    }

    private mutating func advance(to number: Int64, echo: UInt64, _ network: inout Network) {
        let count = number - acknowledged
        acknowledged = number
        next = max(next, number)
        duplicates = 0
        backoff = 1
        measure(Double(network.now - echo) / 1e9)
        if let recover = recovery {
            if number >= recover {
                recovery = nil
                window.endRecovery(inFlight: Double(inFlight))
            } else {
                send(number, &network)
                window.deflate(acknowledged: Double(count))
            }
        } else {
            let now = Double(network.now) / 1e9
            for _ in 0..<count { window.grow(now: now, roundTrip: smoothed ?? 0.1) }
        }
        restartTimer(&network)
    }

    private mutating func duplicate(_ network: inout Network) {
        duplicates += 1
        if recovery != nil {
            window.inflate(by: 1)
        } else if duplicates == 3, !isAfterTimeout || acknowledged > 0 {
            isAfterTimeout = false
            recovery = next
            window.reduce(inFlight: Double(inFlight))
            window.inflate(by: 3)
            send(acknowledged, &network)
            restartTimer(&network)
        }
    }

    /// RFC 6298 section 2; the time is an echo, so that retransmissions do not blur it.
    private mutating func measure(_ sample: Double) {
        if let mean = smoothed {
            variation = 0.75 * variation + 0.25 * abs(mean - sample)
            smoothed = 0.875 * mean + 0.125 * sample
        } else {
            smoothed = sample
            variation = sample / 2
        }
        timeout = max((smoothed ?? sample) + 4 * variation, Self.minimumTimeout)
    }

    // MARK: The receiver

    /// Each segment is acknowledged, as RFC 5681 allows.
    mutating func receiveData(_ packet: Packet, _ network: inout Network) {
        let mask = Int64(Self.reorderSegments - 1)
        if packet.sequence >= expected, packet.sequence < expected + Int64(Self.reorderSegments) {
            received[Int(packet.sequence & mask)] = true
            while received[Int(expected & mask)] {
                received[Int(expected & mask)] = false
                expected += 1
            }
        }
        network.send(
            Packet(
                kind: .tcpAcknowledgement, route: backward, owner: Int16(index), size: Self.acknowledgementBytes,
                sequence: expected, sent: packet.sent))
    }
}
