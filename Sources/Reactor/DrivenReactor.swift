import Forwarding
import SRTP
public import Session
import Transport
public import Wire

/// A reactor without thread, sockets and clock: who holds it hands it datagrams, commands and the time, and takes what
/// it has to send. Everything between is the production reactor's world. For the simulator.
@_spi(Simulation) public final class DrivenReactor {
    private var world: ReactorWorld
    private let told: Told
    /// The wheel's next deadline, and the wheel's state that it was found in.
    private var nextTimer = Instant.distantFuture
    private var knownChanges = UInt64.max

    /// What the world says on its control path. It is called back on the caller's thread, in the midst of a call.
    private final class Told: @unchecked Sendable {
        var outputs: [ReactorOutput] = []
    }

    /// - Parameter locals: the addresses that it is handed datagrams for; a tuple's socket is an index into them.
    public init(_ configuration: ReactorConfiguration, locals: [SocketAddress], now: Instant) {
        precondition(!locals.isEmpty && locals.count <= Limits.sockets)
        let told = Told()
        self.told = told
        world = ReactorWorld(configuration, sockets: [], locals: locals, now: now) { told.outputs.append($0) }
    }

    /// When ``advance(to:)`` wants to be called next.
    public var deadline: Instant { min(nextTimer, world.router.deadline) }

    /// A datagram from the network. Those that come at one instant are one batch, as a socket hands them over; call
    /// ``endBatch(now:)`` after the last one.
    public func receive(_ bytes: RawSpan, from tuple: Tuple, now: Instant) {
        world.receive(bytes, from: tuple, now: now)
    }

    /// Forwards what was received. Call ``drainDepartures(_:)`` afterwards, as after every call.
    public func endBatch(now: Instant) {
        world.endBatch()
        settle(now)
    }

    /// What a worker asks of its reactor.
    public func perform(_ operation: Operation, in session: SessionID, now: Instant) -> Outcome {
        let before = told.outputs.count
        world.obey(.perform(operation, session: session, token: 0), now: now)
        settle(now)
        for index in told.outputs.indices.dropFirst(before) {
            guard case .outcome(let outcome, _) = told.outputs[index] else { continue }
            told.outputs.remove(at: index)
            return outcome
        }
        return .refused(Refusal(.timedOut, "the reactor did not answer"))
    }

    /// To be called once, before anything else: takes over what an earlier life of it left in its memory.
    public func takeOver(now: Instant) {
        world.takeOver(now: now)
        settle(now)
    }

    /// A turn of its loop begins: what time passed without one may not have been its own; see
    /// ``ReactorOutput/stoodStill(_:)``.
    public func wake(now: Instant) {
        world.noteAwake(now)
        world.memory.noteTurn(now)
    }

    /// What a worker tells its reactor; answers are among ``nextOutputs()``.
    public func obey(_ command: ReactorCommand, now: Instant) {
        world.obey(command, now: now)
        settle(now)
    }

    /// All that it has to say, in order.
    public func nextOutputs() -> [ReactorOutput] {
        defer { told.outputs = [] }
        return told.outputs
    }

    /// It sends nothing until its worker has asked what is still its own.
    public var isFenced: Bool { world.isFenced }

    /// Counters, as a loop publishes them.
    public var load: ReactorLoad {
        var load = world.load
        load.sessions = world.sessions.count
        load.endpoints = world.peers.count
        load.lastTurn = world.memory.lastTurn.nanoseconds
        return load
    }

    /// What it holds, by name.
    public var holdings: [(session: SessionID, endpoints: [EndpointID])] {
        world.sessions.sorted { $0.key.rawValue < $1.key.rawValue }.map { session, endpoints in
            (session, endpoints.keys.sorted { $0.rawValue < $1.rawValue })
        }
    }

    /// Does what is due.
    public func advance(to now: Instant) {
        world.tick(now: now)
        world.flush()
        findDeadline(now)
    }

    /// Takes what there is to send, in order. `body` is not to call the reactor.
    public func drainDepartures(_ body: (Tuple, RawSpan) -> Void) { world.drainDepartures(body) }

    /// What happened since, in order.
    public func nextEvents() -> [SessionEvent] {
        guard !told.outputs.isEmpty else { return [] }
        defer { told.outputs = [] }
        return told.outputs.compactMap { if case .event(let event) = $0 { event } else { nil } }
    }

    /// Datagrams dropped since the start, by reason.
    public func drops(_ reason: DropReason) -> UInt64 { world.drops[reason] &+ world.router.drops[reason] }

    /// Of an endpoint, while it is open.
    public func srtpProfile(of endpoint: EndpointID, in session: SessionID) -> String? {
        world.sessions[session]?[endpoint].flatMap { world.peers[$0].transport.srtpProfile?.name }
    }

    /// A turn of the real loop ends with what timers and router have to say; so does a call.
    private func settle(_ now: Instant) {
        world.drainRouter(now: now)
        world.flush()
        findDeadline(now)
    }

    private func findDeadline(_ now: Instant) {
        guard world.timers.changes != knownChanges || nextTimer <= now else { return }
        knownChanges = world.timers.changes
        let tick = UInt64(TimerWheel.tick.nanoseconds)
        nextTimer =
            world.timers.millisecondsToNext(now: now).map {
                Instant(nanoseconds: (now.nanoseconds / tick + UInt64($0)) * tick)
            } ?? .distantFuture
        // What is due in this tick was rounded up to the next.
        if nextTimer <= now { nextTimer = Instant(nanoseconds: (now.nanoseconds / tick + 1) * tick) }
    }
}
