public import Wire

/// What is to happen, in the order in which it happens: by time, then by priority, then by the order of scheduling.
/// Nothing else decides, so that equal inputs give equal runs.
public struct EventQueue<Event> {
    private struct Entry {
        var time: Instant
        var priority: Int8
        var number: UInt64
        var event: Event

        func isBefore(_ other: Entry) -> Bool {
            if time != other.time { return time < other.time }
            if priority != other.priority { return priority < other.priority }
            return number < other.number
        }
    }

    /// A binary heap.
    private var entries: [Entry] = []
    private var nextNumber: UInt64 = 0
    /// The time of the event that was taken last; nothing can be scheduled before it.
    public private(set) var now = Instant.origin

    public init() {}

    public var isEmpty: Bool { entries.isEmpty }
    public var count: Int { entries.count }
    public var nextTime: Instant? { entries.first?.time }

    /// Schedules an event. One that would lie in the past happens next: see ``now``.
    /// - Parameter priority: of events at one time the lowest comes first.
    public mutating func schedule(_ event: Event, at time: Instant, priority: Int8 = 0) {
        entries.append(Entry(time: max(time, now), priority: priority, number: nextNumber, event: event))
        nextNumber += 1
        rise(from: entries.count - 1)
    }

    /// The next event, whose time ``now`` then is.
    public mutating func next() -> Event? {
        guard let first = entries.first else { return nil }
        now = first.time
        let last = entries.removeLast()
        if !entries.isEmpty {
            entries[0] = last
            sink(from: 0)
        }
        return first.event
    }

    private mutating func rise(from start: Int) {
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            guard entries[index].isBefore(entries[parent]) else { return }
            entries.swapAt(index, parent)
            index = parent
        }
    }

    private mutating func sink(from start: Int) {
        var index = start
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2]
            where child < entries.count && entries[child].isBefore(entries[least]) {
                least = child
            }
            guard least != index else { return }
            entries.swapAt(index, least)
            index = least
        }
    }
}
