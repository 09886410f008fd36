import CVirtualExecutor
import Store

/// One thread's time, and everything that is to happen in it: timers in the order of their times, of equal ones in the
/// order in which they were set, and between two of them all jobs of Swift concurrency that the first made ready.
///
/// What runs here belongs to the one thread that drives it. `@unchecked Sendable` says no more than that production
/// code, which is written for many threads, may hold it.
final class VirtualTime: @unchecked Sendable {
    /// Nanoseconds since the start.
    private(set) var now: UInt64 = 0
    /// Timers that went off.
    private(set) var events: UInt64 = 0
    /// Over the time of every timer that went off: two runs that differ anywhere differ here.
    private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325

    final class Timer {
        fileprivate var action: (() -> Void)?
        fileprivate init(_ action: @escaping () -> Void) { self.action = action }
        func cancel() { action = nil }
    }

    private struct Entry {
        var at: UInt64
        var order: UInt64
        var timer: Timer

        func isBefore(_ other: Entry) -> Bool { (at, order) < (other.at, other.order) }
    }

    private var heap: [Entry] = []
    private var order: UInt64 = 0

    /// An instant of the past may be asked for: it is now.
    @discardableResult
    func at(_ instant: UInt64, _ action: @escaping () -> Void) -> Timer {
        let timer = Timer(action)
        order += 1
        heap.append(Entry(at: max(now, instant), order: order, timer: timer))
        var child = heap.count - 1
        while child > 0, heap[child].isBefore(heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
        return timer
    }

    @discardableResult
    func after(_ delay: UInt64, _ action: @escaping () -> Void) -> Timer { at(now &+ delay, action) }

    /// Runs what is ready now, without time passing.
    func settle() { while apus_virtual_executor_run_one() {} }

    /// Runs until `end`, or until `isOver` says so between two timers.
    func run(until end: UInt64, unless isOver: () -> Bool = { false }) {
        settle()
        while let next = heap.first, next.at <= end, !isOver() {
            removeFirst()
            guard let action = next.timer.action else { continue }
            now = next.at
            events += 1
            hash = (hash ^ now) &* 0x0000_0100_0000_01B3
            next.timer.action = nil
            action()
            settle()
        }
        if !isOver() { now = max(now, end) }
    }

    private func removeFirst() {
        let last = heap.removeLast()
        guard !heap.isEmpty else { return }
        heap[0] = last
        var parent = 0
        while true {
            let left = 2 * parent + 1
            guard left < heap.count else { return }
            let right = left + 1
            let least = right < heap.count && heap[right].isBefore(heap[left]) ? right : left
            guard heap[least].isBefore(heap[parent]) else { return }
            heap.swapAt(least, parent)
            parent = least
        }
    }

    /// What an actor says, at once: nothing that it does for that may take time.
    func ask<Answer: Sendable>(_ question: @escaping @Sendable () async -> Answer) -> Answer {
        let reply = Reply<Answer>()
        Task { reply.value = await question() }
        settle()
        guard let value = reply.value else { preconditionFailure("the question takes time") }
        return value
    }

    private final class Reply<Answer>: @unchecked Sendable { var value: Answer? }

    /// Only differences of a clock's instants mean something.
    static let origin = ContinuousClock.now
}

extension UInt64 {
    static func milliseconds(_ count: UInt64) -> UInt64 { count * 1_000_000 }
    static func seconds(_ count: UInt64) -> UInt64 { count * 1_000_000_000 }
}

extension Duration {
    /// Whole nanoseconds, none for what is negative.
    var inNanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        return seconds < 0 ? 0 : UInt64(seconds) * 1_000_000_000 + UInt64(max(0, attoseconds) / 1_000_000_000)
    }
}
