import Simulator
import Wire

/// A process on a host that can stand still for a while, and that stops when the scenario ends.
final class HostProcess: Process {
    private let inner: any Process
    /// In order, without overlap.
    private let pauses: [Range<Instant>]
    private let end: Instant
    /// What arrived meanwhile, as in the buffer of a socket.
    private var waiting: [Datagram] = []
    private var waitingMessages: [(bytes: [UInt8], sender: Int)] = []
    /// It could not start when it should have.
    private var startsLate = false
    private(set) var overflows = 0

    init(_ inner: any Process, pauses: [Range<Instant>], end: Instant) {
        self.inner = inner
        self.pauses = pauses
        self.end = end
    }

    private(set) var isStopped = false
    private var pauseEnd: Instant?

    /// Whether it takes part at a time.
    func isRunning(_ now: Instant) -> Bool { now < end && pause(now) == nil }

    /// When it reads what arrives at a time: while it stands still, nobody looks into the socket.
    func readTime(_ arrival: Instant) -> Instant { pause(arrival) ?? arrival }

    private func pause(_ now: Instant) -> Instant? { pauses.first { $0.contains(now) }?.upperBound }

    var takesTCP: Bool { inner.takesTCP }

    var deadline: Instant {
        if isStopped { return .distantFuture }
        return min(pauseEnd ?? inner.deadline, end)
    }

    func start(now: Instant, _ output: inout Output) {
        guard enter(now, &output) else {
            startsLate = true
            return
        }
        inner.start(now: now, &output)
    }

    func receive(_ datagram: Datagram, now: Instant, _ output: inout Output) {
        guard enter(now, &output) else {
            if isStopped { return }
            if waiting.count < Limits.pausedDatagrams { waiting.append(datagram) } else { overflows += 1 }
            return
        }
        inner.receive(datagram, now: now, &output)
    }

    func receive(_ message: [UInt8], from sender: Int, now: Instant, _ output: inout Output) {
        guard enter(now, &output) else {
            if !isStopped { waitingMessages.append((message, sender)) }
            return
        }
        inner.receive(message, from: sender, now: now, &output)
    }

    func advance(to now: Instant, _ output: inout Output) {
        guard enter(now, &output) else { return }
        if inner.deadline <= now { inner.advance(to: now, &output) }
    }

    /// Whether it may work now; after a pause it first takes what has waited.
    private func enter(_ now: Instant, _ output: inout Output) -> Bool {
        guard !isStopped, now < end else {
            isStopped = true
            waiting = []
            waitingMessages = []
            return false
        }
        pauseEnd = pause(now)
        guard pauseEnd == nil else { return false }
        if startsLate {
            startsLate = false
            inner.start(now: now, &output)
        }
        let messages = waitingMessages
        waitingMessages = []
        for message in messages { inner.receive(message.bytes, from: message.sender, now: now, &output) }
        let datagrams = waiting
        waiting = []
        for datagram in datagrams { inner.receive(datagram, now: now, &output) }
        return true
    }
}
