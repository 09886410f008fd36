public import Wire

/// What is to happen, in the order in which it happens: by time, then by priority, then by the order of scheduling.
/// Nothing else decides, so that equal inputs give equal runs.
///
/// Events are small and without references to count, because a heap moves them about.
public struct EventQueue<Event: BitwiseCopyable> {
    private struct Entry: BitwiseCopyable {
        var time: UInt64
        /// Priority in the highest byte, then the order of scheduling.
        var order: UInt64
        var event: Event

        func isBefore(_ other: Entry) -> Bool {
            time != other.time ? time < other.time : order < other.order
        }
    }

    /// A binary heap.
    private var entries: [Entry] = []
    /// Events that were scheduled so far.
    private(set) var scheduled: UInt64 = 0
    /// The time of the event that was taken last; nothing can be scheduled before it.
    public private(set) var now = Instant.origin

    public init() {}

    public var isEmpty: Bool { entries.isEmpty }
    public var count: Int { entries.count }
    public var nextTime: Instant? { entries.isEmpty ? nil : Instant(nanoseconds: entries[0].time) }

    /// Schedules an event. One that would lie in the past happens next: see ``now``.
    /// - Parameter priority: of events at one time the lowest comes first.
    public mutating func schedule(_ event: Event, at time: Instant, priority: Int8 = 0) {
        // 2^56 events are more than a run can have.
        let order = UInt64(UInt8(bitPattern: priority) ^ 0x80) << 56 | scheduled
        scheduled += 1
        let entry = Entry(time: max(time, now).nanoseconds, order: order, event: event)
        entries.append(entry)
        rise(entry, from: entries.count - 1)
    }

    /// The next event, whose time ``now`` then is.
    public mutating func next() -> Event? {
        guard let last = entries.popLast() else { return nil }
        let first = entries.isEmpty ? last : entries[0]
        now = Instant(nanoseconds: first.time)
        if !entries.isEmpty { sink(last) }
        return first.event
    }

    /// Puts an entry where it belongs between a place and the root.
    private mutating func rise(_ entry: Entry, from start: Int) {
        var heap = entries.mutableSpan
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            guard entry.isBefore(heap[parent]) else { break }
            heap[index] = heap[parent]
            index = parent
        }
        heap[index] = entry
    }

    /// Puts an entry where it belongs below the root, which is free.
    private mutating func sink(_ entry: Entry) {
        var heap = entries.mutableSpan
        var index = 0
        while true {
            var child = 2 * index + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1].isBefore(heap[child]) { child += 1 }
            guard heap[child].isBefore(entry) else { break }
            heap[index] = heap[child]
            index = child
        }
        heap[index] = entry
    }
}
