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

    private var heap = TimerHeap()
    private var timers: [Timer?] = []
    private var freeSlots: [Int] = []
    private var order: UInt64 = 0

    /// An instant of the past may be asked for: it is now.
    @discardableResult
    func at(_ instant: UInt64, _ action: @escaping () -> Void) -> Timer {
        let timer = Timer(action)
        order += 1
        let slot = freeSlots.popLast() ?? timers.count
        if slot == timers.count { timers.append(timer) } else { timers[slot] = timer }
        heap.insert(TimerHeap.Entry(at: max(now, instant), order: order, slot: slot))
        return timer
    }

    /// Nothing that was to happen will.
    func forgetTimers() {
        heap = TimerHeap()
        timers = []
        freeSlots = []
    }

    @discardableResult
    func after(_ delay: UInt64, _ action: @escaping () -> Void) -> Timer { at(now &+ delay, action) }

    /// Runs what is ready now, without time passing.
    func settle() { while apus_virtual_executor_run_one() {} }

    /// Runs until `end`, or until `isOver` says so between two timers.
    func run(until end: UInt64, unless isOver: () -> Bool = { false }) {
        settle()
        while let next = heap.first, next.at <= end, !isOver() {
            heap.removeFirst()
            guard let action = takeAction(next.slot) else { continue }
            now = next.at
            events += 1
            hash = (hash ^ now) &* 0x0000_0100_0000_01B3
            action()
            settle()
        }
        if !isOver() { now = max(now, end) }
    }

    /// What a timer does, unless it was cancelled; its place is free.
    private func takeAction(_ slot: Int) -> (() -> Void)? {
        let timer = timers[slot]
        timers[slot] = nil
        freeSlots.append(slot)
        let action = timer?.action
        timer?.action = nil
        return action
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
