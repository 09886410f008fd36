public import Simulator
import Wire

/// A link's capacity over time.
public struct CapacityStep: Hashable, Sendable, Codable {
    /// From when on, in seconds.
    public var seconds: Double
    /// Bits per second.
    public var rate: UInt64

    public init(seconds: Double, rate: UInt64) {
        self.seconds = seconds
        self.rate = rate
    }

    /// Bits between two times in seconds.
    static func bits(_ steps: [CapacityStep], from start: Double, to end: Double) -> Double {
        var bits = 0.0
        for (index, step) in steps.enumerated() {
            let next = index + 1 < steps.count ? steps[index + 1].seconds : .infinity
            bits += max(0, min(end, next) - max(start, step.seconds)) * Double(step.rate)
        }
        return bits
    }

    /// Bits per second at a time in seconds.
    static func rate(_ steps: [CapacityStep], at time: Double) -> Double {
        Double(steps.last { $0.seconds <= time }?.rate ?? steps.first?.rate ?? 0)
    }
}

/// Marking of packets that have waited: none below `low`, all above `high`, and in between a share that grows with the
/// wait (the ramp of RFC 8868 section 5; a step where both are equal). Only packets that say they can be marked.
public struct MarkingRamp: Hashable, Sendable {
    /// Milliseconds in the queue.
    public var low, high: Double

    public init(low: Double, high: Double) {
        self.low = low
        self.high = high
    }
}

/// A link as a scenario describes it.
public struct LinkDescription: Sendable {
    public var name: String
    public var capacity: [CapacityStep]
    /// In place of the capacity.
    public var trace: LinkTrace?
    /// Milliseconds at the capacity of the moment; what would wait longer is dropped at the tail.
    public var queueMilliseconds: Double
    public var marking: MarkingRamp?
    /// Share of packets that is lost behind the queue, each by itself.
    public var loss: Double

    public init(
        name: String = "bottleneck", capacity: [CapacityStep], trace: LinkTrace? = nil,
        queueMilliseconds: Double = 300, marking: MarkingRamp? = nil, loss: Double = 0
    ) {
        self.name = name
        self.capacity = capacity
        self.trace = trace
        self.queueMilliseconds = queueMilliseconds
        self.marking = marking
        self.loss = loss
    }

    /// Bits that it can carry between two times in seconds.
    func bits(from start: Double, to end: Double) -> Double {
        if let trace { return Double(trace.meanRate) * (end - start) }
        return CapacityStep.bits(capacity, from: start, to: end)
    }

    /// Bits per second at a time in seconds.
    func rate(at time: Double) -> Double {
        if let trace { return Double(trace.meanRate) }
        return CapacityStep.rate(capacity, at: time)
    }
}

/// A link at work: one packet is being sent, the others wait behind it.
///
/// The simulator's `Link` does the same for whole datagrams; it is not used here because it moves payloads, decides at
/// entry when a packet leaves (so a queue cannot shrink with the capacity), and knows neither marking nor a schedule,
/// and because a suite of two hundred thousand flow-seconds needs about twenty times its speed.
struct Bottleneck: Sendable {
    enum Entry { case dropped, waits, begins(until: UInt64) }

    let description: LinkDescription
    /// Bits per second.
    private var rate: UInt64
    private var step = 0
    private let queueLimit: UInt64
    private var queue = PacketRing<Packet>(filler: .none)
    private var waitingBits: UInt64 = 0
    private var random: SeededRandom
    /// The next opportunity of the trace, and the bytes of the first packet that earlier ones have sent.
    private var opportunity: UInt64 = 0
    private var sentOfFirst: Int32 = 0
    /// Packets that found no room.
    private(set) var overflows: UInt64 = 0

    init(_ description: LinkDescription, random: SeededRandom) {
        self.description = description
        self.random = random
        rate = max(description.trace?.meanRate ?? description.capacity.first?.rate ?? 1, 1000)
        queueLimit = UInt64(description.queueMilliseconds * 1e6)
    }

    /// When the capacity next changes, in nanoseconds.
    var nextChange: UInt64? {
        guard description.trace == nil, step + 1 < description.capacity.count else { return nil }
        return UInt64(description.capacity[step + 1].seconds * 1e9)
    }

    mutating func changeCapacity() {
        step += 1
        rate = max(description.capacity[step].rate, 1000)
    }

    /// A packet comes. Where the queue was empty, the time is when the first departure is due.
    mutating func enter(_ packet: Packet, now: UInt64) -> Entry {
        let bits = UInt64(packet.size) * 8
        let wasEmpty = queue.isEmpty
        guard wasEmpty || (waitingBits + bits) * 1_000_000_000 / rate <= queueLimit else {
            overflows += 1
            return .dropped
        }
        var packet = packet
        packet.entered = now
        queue.append(packet)
        waitingBits += bits
        guard wasEmpty else { return .waits }
        if let trace = description.trace {
            opportunity = max(opportunity, trace.first(notBefore: Instant(nanoseconds: now)))
        }
        return .begins(until: nextDeparture(now))
    }

    private func nextDeparture(_ now: UInt64) -> UInt64 {
        if let trace = description.trace { return trace.time(of: opportunity).nanoseconds }
        return now + UInt64(queue.first.size) * 8_000_000_000 / rate
    }

    /// The first packet has been sent: it, unless it is lost, and when the next departure is due.
    mutating func depart(now: UInt64) -> (packet: Packet?, next: UInt64?) {
        if description.trace != nil { return useOpportunity(now: now) }
        let packet = leave(now: now)
        return (packet, queue.isEmpty ? nil : nextDeparture(now))
    }

    /// One packet at most per call: the rest of an opportunity is due at the same time.
    private mutating func useOpportunity(now: UInt64) -> (packet: Packet?, next: UInt64?) {
        guard !queue.isEmpty else { return (nil, nil) }
        opportunityRoom = opportunityRoom > 0 ? opportunityRoom : Int32(LinkTrace.opportunityBytes)
        let rest = queue.first.size - sentOfFirst
        guard rest <= opportunityRoom else {
            sentOfFirst += opportunityRoom
            return (nil, endOpportunity())
        }
        opportunityRoom -= rest
        sentOfFirst = 0
        let packet = leave(now: now)
        if queue.isEmpty {
            _ = endOpportunity()
            return (packet, nil)
        }
        return (packet, opportunityRoom > 0 ? now : endOpportunity())
    }

    private var opportunityRoom: Int32 = 0

    private mutating func endOpportunity() -> UInt64? {
        opportunityRoom = 0
        opportunity += 1
        return description.trace?.time(of: opportunity).nanoseconds
    }

    private mutating func leave(now: UInt64) -> Packet? {
        guard var packet = queue.popFirst() else { return nil }
        waitingBits -= UInt64(packet.size) * 8
        let wait = now - packet.entered
        packet.queueing = UInt32(clamping: UInt64(packet.queueing) + wait)
        if let marking = description.marking, packet.isMarkable { mark(&packet, marking, wait: Double(wait) / 1e6) }
        if description.loss > 0, random.unit() < description.loss { return nil }
        return packet
    }

    private mutating func mark(_ packet: inout Packet, _ ramp: MarkingRamp, wait: Double) {
        guard wait > ramp.low else { return }
        if wait >= ramp.high || random.unit() * (ramp.high - ramp.low) < wait - ramp.low { packet.isMarked = true }
    }
}
