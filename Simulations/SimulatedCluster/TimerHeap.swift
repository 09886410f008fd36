/// When timers go off, the earliest first, of equal ones the one that was set first.
///
/// A value in one property of its owner: Swift checks that nobody else uses it once for each call, not for each step
/// of the way through the heap.
struct TimerHeap {
    /// Plain data, so that sorting counts no references.
    struct Entry: BitwiseCopyable {
        var at: UInt64
        var order: UInt64
        /// Where its timer is.
        var slot: Int

        fileprivate func isBefore(_ other: Entry) -> Bool { at != other.at ? at < other.at : order < other.order }
    }

    private var entries: [Entry] = []

    var first: Entry? { entries.first }

    mutating func insert(_ entry: Entry) {
        entries.append(entry)
        var child = entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard entry.isBefore(entries[parent]) else { break }
            entries[child] = entries[parent]
            child = parent
        }
        entries[child] = entry
    }

    /// Of a heap that is not empty.
    mutating func removeFirst() {
        let last = entries.removeLast()
        guard !entries.isEmpty else { return }
        var parent = 0
        while true {
            var least = 2 * parent + 1
            guard least < entries.count else { break }
            if least + 1 < entries.count, entries[least + 1].isBefore(entries[least]) { least += 1 }
            guard entries[least].isBefore(last) else { break }
            entries[parent] = entries[least]
            parent = least
        }
        entries[parent] = last
    }
}
