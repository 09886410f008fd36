import Session
import Wire

/// A reactor that stood still for longer than its worker's lease may no longer own its sessions: they may have moved.
/// It sends nothing until the worker has heard from the store what is still its own.
extension ReactorWorld {
    /// Called wherever time passed that may not have been the reactor's: at the start of a turn, and before sending.
    mutating func noteAwake(_ now: Instant) {
        defer { awake = now }
        guard now > awake + Self.lease, awake != .origin else { return }
        fence(after: now - awake)
    }

    private mutating func fence(after standstill: Interval) {
        guard configuration.isFenced, !isFenced else { return }
        isFenced = true
        unsafe memory.header.pointee.isFenced = 1
        output(.stoodStill(standstill))
    }

    /// The process before was killed before it knew what was still its own: nor is that known here.
    mutating func inheritFence(now: Instant) {
        guard memory.isInherited, unsafe memory.header.pointee.isFenced != 0 else { return }
        fence(after: now - memory.lastTurn)
    }

    /// What is left of a heartbeat's hold when the next one is just due: 500 ms, less some slack
    /// (`Session.WorkerLiveness`).
    static let lease = Interval.milliseconds(450)

    /// What is left is this reactor's own. What was made for sending meanwhile is too old, or somebody else's.
    mutating func liftFence() {
        discardDepartures()
        isFenced = false
        unsafe memory.header.pointee.isFenced = 0
    }

    mutating func discardDepartures() {
        guard !egress.isEmpty else { return }
        drops.count(.fenced, UInt64(egress.datagramCount))
        egress.drain { _, _ in }
    }
}
