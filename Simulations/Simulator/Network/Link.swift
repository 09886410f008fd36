public import Wire

/// One direction of a link at work: what it does to each packet, and when it lets go of it.
public struct Link: Sendable {
    /// Why a packet did not arrive.
    public enum Loss: String, Hashable, Sendable, CaseIterable {
        case down = "link down"
        case queueFull = "queue full"
        case lost
    }

    public enum Outcome: Hashable, Sendable {
        /// It arrives then, and a copy where there is a second time.
        case arrives(Instant, copy: Instant?)
        case dropped(Loss)
    }

    public var behavior: LinkBehavior
    private var random: SeededRandom
    /// When the line has sent all that it was given.
    private var busyUntil = Instant.origin
    private var isBad = false
    /// The latest arrival, which others do not overtake unless the link reorders.
    private var latestArrival = Instant.origin

    public init(_ behavior: LinkBehavior, random: SeededRandom) {
        self.behavior = behavior
        self.random = random
    }

    /// A packet enters; corruption changes its payload.
    public mutating func send(_ datagram: inout Datagram, now: Instant) -> Outcome {
        guard behavior.isUp else { return .dropped(.down) }
        let start = max(now, busyUntil)
        guard waitingBytes(now) + datagram.wireBytes <= behavior.queueBytes || start == now else {
            return .dropped(.queueFull)
        }
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

    private func waitingBytes(_ now: Instant) -> Int {
        guard let rate = behavior.rate, busyUntil > now else { return 0 }
        return Int(UInt64((busyUntil - now).microseconds) * (rate / 1000) / 8000)
    }

    private func transmissionTime(_ bytes: Int) -> Interval {
        guard let rate = behavior.rate, rate > 0 else { return .zero }
        return Interval(nanoseconds: Int64(UInt64(bytes) * 8_000_000_000 / rate))
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
}
