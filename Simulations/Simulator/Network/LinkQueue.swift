import Wire

/// What waits for a line whose discipline decides when a packet leaves, not when it comes.
struct LinkQueue: Sendable {
    private enum Kind: Sendable {
        case dropTail(PacketQueue, longest: Interval?)
        case codel(PacketQueue, CoDel)
        case fair(FairQueue)
    }

    let discipline: LinkBehavior.Discipline
    private var kind: Kind

    /// - Parameter random: of the link; only fair queueing draws from it.
    init(_ discipline: LinkBehavior.Discipline, random: inout SeededRandom) {
        self.discipline = discipline
        kind =
            switch discipline {
            case .dropTail: .dropTail(PacketQueue(), longest: nil)
            case .dropTailDelay(let longest): .dropTail(PacketQueue(), longest: longest)
            case .codel(let parameters): .codel(PacketQueue(), CoDel(parameters))
            case .fairCoDel(let parameters): .fair(FairQueue(parameters, perturbation: random.next()))
            }
    }

    var isEmpty: Bool {
        switch kind {
        case .dropTail(let queue, _), .codel(let queue, _): queue.isEmpty
        case .fair(let queue): queue.isEmpty
        }
    }

    /// Adds a packet; returns what found no room, which may be another one.
    mutating func append(_ datagram: Datagram, limit: Int, now: Instant) -> [Datagram] {
        // Out of its place while it changes, so that nothing is copied.
        let taken = kind
        kind = .dropTail(PacketQueue(), longest: nil)
        switch consume taken {
        case .dropTail(var queue, let longest):
            defer { kind = .dropTail(queue, longest: longest) }
            let isLate = longest.map { longest in queue.first.map { now - $0.time > longest } ?? false } ?? false
            guard !isLate else { return [datagram] }
            return Self.append(datagram, to: &queue, limit: limit, now: now)
        case .codel(var queue, let codel):
            defer { kind = .codel(queue, codel) }
            return Self.append(datagram, to: &queue, limit: limit, now: now)
        case .fair(var queue):
            defer { kind = .fair(queue) }
            var drops: [Datagram] = []
            queue.append(datagram, limit: limit, &drops, now: now)
            return drops
        }
    }

    private static func append(
        _ datagram: Datagram, to queue: inout PacketQueue, limit: Int, now: Instant
    ) -> [Datagram] {
        guard queue.isEmpty || queue.bytes + datagram.wireBytes <= limit else { return [datagram] }
        queue.append(datagram, now: now)
        return []
    }

    /// Takes the next packet, and those that the discipline drops before it.
    mutating func next(_ drops: inout [Datagram], now: Instant) -> Datagram? {
        let taken = kind
        kind = .dropTail(PacketQueue(), longest: nil)
        switch consume taken {
        case .dropTail(var queue, let longest):
            defer { kind = .dropTail(queue, longest: longest) }
            return queue.removeFirst()?.datagram
        case .codel(var queue, var codel):
            defer { kind = .codel(queue, codel) }
            return codel.dequeue(&queue, &drops, now: now)
        case .fair(var queue):
            defer { kind = .fair(queue) }
            return queue.dequeue(&drops, now: now)
        }
    }
}
