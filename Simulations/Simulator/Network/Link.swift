public import Wire

/// One direction of a link at work: what it does to each packet, and when it lets go of it.
///
/// A plain line knows at a packet's entry when it will arrive. Where a queue discipline, a trace or a hold decides only
/// later, packets wait inside, and the link asks to be called: see ``nextDeparture``.
public struct Link: Sendable {
    /// Why a packet did not arrive.
    public enum Loss: String, Hashable, Sendable, BitwiseCopyable, CaseIterable {
        case down = "link down"
        case queueFull = "queue full"
        /// By CoDel.
        case managed = "queue too slow"
        case lost
    }

    public enum Outcome: Hashable, Sendable {
        /// It arrives then, and a copy where there is a second time.
        case arrives(Instant, copy: Instant?)
        case dropped(Loss)
        /// It waits inside, unless it is one of those that found no room.
        case queued(overflow: [Datagram])
    }

    /// A packet that has waited.
    public struct Departure: Hashable, Sendable {
        public var datagram: Datagram
        public var outcome: Outcome
    }

    public var behavior: LinkBehavior {
        didSet {
            if behavior.trace != oldValue.trace { opportunity = 0 }
            onlyDelay = queue == nil ? behavior.onlyDelay : nil
        }
    }
    /// Of a line that does nothing else, and in which nothing has ever waited.
    private var onlyDelay: Interval?
    private var random: SeededRandom
    /// When the line has sent all that it was given.
    private var busyUntil = Instant.origin
    private var isBad = false
    /// The latest arrival, which others do not overtake unless the link reorders.
    private var latestArrival = Instant.origin
    private var queue: LinkQueue?
    /// The next one of the trace that is not used.
    private var opportunity: UInt64 = 0
    /// A packet that an opportunity was too small for, and the bytes of it that are left.
    private var partial: (datagram: Datagram, bytes: Int)?
    /// When the owner was asked to call.
    private var called: Instant?

    public init(_ behavior: LinkBehavior, random: SeededRandom) {
        self.behavior = behavior
        onlyDelay = behavior.onlyDelay
        self.random = random
    }

    /// What ``send(_:now:)`` does, for a packet that nothing can happen to but the delay: when it arrives. Nil where
    /// more can happen.
    mutating func pass(now: Instant) -> Instant? {
        guard let delay = onlyDelay, busyUntil <= now else { return nil }
        busyUntil = now
        latestArrival = max(latestArrival, now + delay)
        return latestArrival
    }

    /// A packet enters; corruption changes its payload.
    public mutating func send(_ datagram: inout Datagram, now: Instant) -> Outcome {
        guard behavior.isUp else { return .dropped(.down) }
        if behavior.waits || isWaiting { return enqueue(datagram, now: now) }
        let start = max(now, busyUntil)
        guard start == now || hasRoom(for: datagram, start: start, now: now) else { return .dropped(.queueFull) }
        return transmit(&datagram, start: start)
    }

    private func hasRoom(for datagram: Datagram, start: Instant, now: Instant) -> Bool {
        if case .dropTailDelay(let longest) = behavior.discipline, start - now > longest { return false }
        return waitingBytes(now) + datagram.wireBytes <= behavior.queueBytes
    }

    private func waitingBytes(_ now: Instant) -> Int {
        guard let rate = behavior.rate, busyUntil > now else { return 0 }
        return Int(UInt64((busyUntil - now).microseconds) * (rate / 1000) / 8000)
    }

    private func transmissionTime(_ bytes: Int) -> Interval {
        guard behavior.trace == nil, let rate = behavior.rate, rate > 0 else { return .zero }
        return Interval(nanoseconds: Int64(UInt64(bytes) * 8_000_000_000 / rate))
    }

    private mutating func transmit(_ datagram: inout Datagram, start: Instant) -> Outcome {
        let sent = start + transmissionTime(datagram.wireBytes)
        busyUntil = sent
        // What is lost has taken its place on the line.
        guard !isLost() else { return .dropped(.lost) }
        if behavior.corruption.happens(&random), !datagram.payload.isEmpty {
            let bit = random.next() % UInt64(datagram.payload.count * 8)
            datagram.payload[Int(bit / 8)] ^= 1 << UInt8(bit % 8)
        }
        let isDoubled = behavior.duplication.happens(&random)
        return .arrives(arrival(after: sent), copy: isDoubled ? arrival(after: sent) : nil)
    }

    private mutating func isLost() -> Bool {
        switch behavior.loss {
        case .none: return false
        case .independent(let share): return share.happens(&random)
        case .bursts(let becomesBad, let becomesGood):
            isBad = isBad ? !becomesGood.happens(&random) : becomesBad.happens(&random)
            return isBad
        }
    }

    private mutating func arrival(after sent: Instant) -> Instant {
        var arrival = sent + behavior.delay
        if behavior.jitter > .zero {
            arrival = arrival + Interval(nanoseconds: Int64(random.next() % UInt64(behavior.jitter.nanoseconds + 1)))
        }
        if !behavior.reorders { arrival = max(arrival, latestArrival) }
        latestArrival = max(latestArrival, arrival)
        return arrival
    }

    // MARK: Packets that wait inside

    private var isWaiting: Bool { partial != nil || queue.map { !$0.isEmpty } ?? false }

    private mutating func enqueue(_ datagram: Datagram, now: Instant) -> Outcome {
        if !isWaiting {
            if queue?.discipline != behavior.discipline {
                queue = LinkQueue(behavior.discipline, random: &random)
            }
            skipMissedOpportunities(now)
        }
        return .queued(overflow: queue?.append(datagram, limit: behavior.queueBytes, now: now) ?? [])
    }

    /// When ``depart(now:)`` is to be called; nil where nothing waits, or nothing may leave.
    public var nextDeparture: Instant? {
        guard isWaiting, !behavior.isHeld else { return nil }
        return behavior.trace?.time(of: opportunity) ?? busyUntil
    }

    /// The time of ``nextDeparture`` where its owner does not know it yet.
    mutating func takeCall() -> Instant? {
        guard let next = nextDeparture, called.map({ next < $0 }) ?? true else { return nil }
        called = next
        return next
    }

    /// Lets go of what is due.
    public mutating func depart(now: Instant) -> [Departure] {
        if let time = called, time <= now { called = nil }
        var departures: [Departure] = []
        if !behavior.isHeld { skipMissedOpportunities(now) }
        while let time = nextDeparture, time <= now {
            if behavior.trace == nil {
                guard let datagram = nextWaiting(&departures, now: now) else { break }
                leave(datagram, &departures, now: now)
            } else {
                useOpportunity(&departures, now: now)
            }
        }
        return departures
    }

    /// Those that lie before now: nobody was there, or a hold kept them from being used.
    private mutating func skipMissedOpportunities(_ now: Instant) {
        guard let trace = behavior.trace else { return }
        opportunity = max(opportunity, trace.first(notBefore: now))
    }

    private mutating func useOpportunity(_ departures: inout [Departure], now: Instant) {
        opportunity += 1
        var room = LinkTrace.opportunityBytes
        while room > 0, let datagram = partial?.datagram ?? nextWaiting(&departures, now: now) {
            let bytes = partial?.bytes ?? datagram.wireBytes
            guard bytes <= room else {
                partial = (datagram, bytes - room)
                return
            }
            partial = nil
            room -= bytes
            leave(datagram, &departures, now: now)
        }
    }

    private mutating func nextWaiting(_ departures: inout [Departure], now: Instant) -> Datagram? {
        // What a trace that is gone has begun.
        if let begun = partial?.datagram {
            partial = nil
            return begun
        }
        var drops: [Datagram] = []
        let next = queue?.next(&drops, now: now)
        for drop in drops { departures.append(Departure(datagram: drop, outcome: .dropped(.managed))) }
        return next
    }

    private mutating func leave(_ datagram: Datagram, _ departures: inout [Departure], now: Instant) {
        var datagram = datagram
        let outcome = behavior.isUp ? transmit(&datagram, start: now) : .dropped(.down)
        departures.append(Departure(datagram: datagram, outcome: outcome))
    }
}
