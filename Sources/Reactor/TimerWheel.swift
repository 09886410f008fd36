import Wire

/// One timer per slot number, in a hashed wheel (Varghese and Lauck 1987, scheme 6): setting, moving and
/// clearing are O(1) and allocate nothing.
///
/// Deadlines are rounded up to the next tick; those beyond the wheel's turn wait in the last bucket
/// and are sorted in again when it comes round.
struct TimerWheel {
    /// Resolution: 1 ms. One turn of 1024 ticks is about a second.
    static let tick = Interval.milliseconds(1)
    static let bucketCount = 1024
    private static let none: Int32 = -1

    private var heads: [Int32]
    private var next: [Int32]
    private var previous: [Int32]
    private var bucket: [Int32]
    private var deadlines: [UInt64]
    private var currentTick: UInt64
    private(set) var armed = 0
    /// Counts what was armed or disarmed, for who remembers when the next one is due.
    private(set) var changes: UInt64 = 0

    init(capacity: Int, now: Instant) {
        heads = Array(repeating: Self.none, count: Self.bucketCount)
        next = Array(repeating: Self.none, count: capacity)
        previous = Array(repeating: Self.none, count: capacity)
        bucket = Array(repeating: Self.none, count: capacity)
        deadlines = Array(repeating: 0, count: capacity)
        currentTick = now.nanoseconds / UInt64(Self.tick.nanoseconds)
    }

    /// Arms slot `id`, replacing what it was set to; `.distantFuture` clears it.
    mutating func set(_ id: Int, _ deadline: Instant) {
        if deadline == .distantFuture { return clear(id) }
        let length = UInt64(Self.tick.nanoseconds)
        let wanted = deadline.nanoseconds / length + (deadline.nanoseconds % length == 0 ? 0 : 1)
        let due = max(wanted, currentTick + 1)
        if bucket[id] != Self.none, deadlines[id] == due { return }
        clear(id)
        deadlines[id] = due
        let ahead = min(due - currentTick, UInt64(Self.bucketCount - 1))
        link(id, Int((currentTick + ahead) % UInt64(Self.bucketCount)))
    }

    mutating func clear(_ id: Int) {
        let at = bucket[id]
        guard at != Self.none else { return }
        if previous[id] == Self.none { heads[Int(at)] = next[id] } else { next[Int(previous[id])] = next[id] }
        if next[id] != Self.none { previous[Int(next[id])] = previous[id] }
        bucket[id] = Self.none
        changes &+= 1
        armed -= 1
    }

    /// One slot whose deadline has come, disarmed; nil when there is none up to `now`.
    mutating func popExpired(now: Instant) -> Int? {
        let target = now.nanoseconds / UInt64(Self.tick.nanoseconds)
        while true {
            let index = Int(currentTick % UInt64(Self.bucketCount))
            var id = heads[index]
            while id != Self.none {
                let following = next[Int(id)]
                if deadlines[Int(id)] <= currentTick {
                    clear(Int(id))
                    return Int(id)
                }
                id = following
            }
            guard currentTick < target else { return nil }
            if armed == 0 {
                currentTick = target
                return nil
            }
            currentTick += 1
            cascade(Int((currentTick + UInt64(Self.bucketCount) - 1) % UInt64(Self.bucketCount)))
        }
    }

    /// Milliseconds until the next bucket that is not empty, at most one turn; nil when nothing is armed.
    func millisecondsToNext(now: Instant) -> Int? {
        guard armed > 0 else { return nil }
        let target = now.nanoseconds / UInt64(Self.tick.nanoseconds)
        for ahead in 0..<UInt64(Self.bucketCount) {
            let tick = currentTick + ahead
            guard heads[Int(tick % UInt64(Self.bucketCount))] != Self.none else { continue }
            if tick > target { return Int(tick - target) }
            // What is left in a bucket that was served is due in a later turn: the next tick sorts it in again.
            return tick == currentTick && tick == target ? 1 : 0
        }
        return 0
    }

    /// Sorts again what waited in the last bucket for lack of room.
    private mutating func cascade(_ index: Int) {
        var id = heads[index]
        while id != Self.none {
            let following = next[Int(id)]
            let due = deadlines[Int(id)]
            let ahead = min(due > currentTick ? due - currentTick : 0, UInt64(Self.bucketCount - 1))
            let better = Int((currentTick + ahead) % UInt64(Self.bucketCount))
            if better != index {
                clear(Int(id))
                link(Int(id), better)
            }
            id = following
        }
    }

    private mutating func link(_ id: Int, _ index: Int) {
        let head = heads[index]
        next[id] = head
        changes &+= 1
        previous[id] = Self.none
        if head != Self.none { previous[Int(head)] = Int32(id) }
        heads[index] = Int32(id)
        bucket[id] = Int32(index)
        armed += 1
    }
}
