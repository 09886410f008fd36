/// What is to happen, in the order in which it happens: by time, then by the order of scheduling. Nothing else decides,
/// so that equal seeds give equal runs.
///
/// Not the simulator's `EventQueue`, whose generic code may stay unspecialised in another module; what that would cost
/// was not measured.
///
/// Links and delay lines keep their order, so each has one event here at a time: the heap stays at a few dozen.
struct EventHeap: Sendable {
    enum Kind: UInt8, Sendable {
        /// A link has sent a packet, or a trace gives it an opportunity.
        case departure
        case capacity
        /// The oldest packet of a delay line arrives.
        case arrival
        case flowStart, flowStop, flowPause, flowResume
        case frame, audio, pacer, controller, feedback, repair
        case tcpStart, tcpStop, tcpTimer
        case datagram
    }

    struct Event: BitwiseCopyable {
        /// Nanoseconds.
        var time: UInt64
        var order: UInt64
        var kind: Kind
        /// Which link, line, flow or connection.
        var index: Int32

        func isBefore(_ other: Event) -> Bool {
            time != other.time ? time < other.time : order < other.order
        }
    }

    private var entries: [Event] = []
    private var scheduled: UInt64 = 0
    /// The time of the event that was taken last, in nanoseconds; nothing is scheduled before it.
    private(set) var now: UInt64 = 0

    mutating func schedule(_ kind: Kind, _ index: Int, at time: UInt64) {
        let event = Event(time: max(time, now), order: scheduled, kind: kind, index: Int32(truncatingIfNeeded: index))
        scheduled += 1
        entries.append(event)
        var heap = entries.mutableSpan
        var place = heap.count - 1
        while place > 0 {
            let parent = (place - 1) / 2
            guard event.isBefore(heap[parent]) else { break }
            heap[place] = heap[parent]
            place = parent
        }
        heap[place] = event
    }

    mutating func next() -> Event? {
        guard let last = entries.popLast() else { return nil }
        guard let first = entries.first else {
            now = last.time
            return last
        }
        now = first.time
        var heap = entries.mutableSpan
        var place = 0
        while true {
            var child = 2 * place + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1].isBefore(heap[child]) { child += 1 }
            guard heap[child].isBefore(last) else { break }
            heap[place] = heap[child]
            place = child
        }
        heap[place] = last
        return first
    }
}
