/// Slots that have something to do, first come first served, each at most once.
struct WorkList {
    private var queue: [Int32]
    private var isQueued: [Bool]
    private var head = 0
    private(set) var count = 0

    init(capacity: Int) {
        queue = Array(repeating: 0, count: capacity)
        isQueued = Array(repeating: false, count: capacity)
    }

    var first: Int? { count > 0 ? Int(queue[head]) : nil }

    /// Adds `slot` unless it is there; with one place per slot, it always fits.
    mutating func add(_ slot: Int) {
        guard !isQueued[slot] else { return }
        isQueued[slot] = true
        var tail = head + count
        if tail >= queue.count { tail -= queue.count }
        queue[tail] = Int32(slot)
        count += 1
    }

    mutating func removeFirst() {
        guard count > 0 else { return }
        isQueued[Int(queue[head])] = false
        head = head + 1 == queue.count ? 0 : head + 1
        count -= 1
    }
}
