import CLinux
import DTLS
import Glibc
import Session
import Synchronization
import Testing
import Wire

@testable import Reactor

func pause(microseconds: UInt32) { usleep(microseconds) }

/// What a reactor said, from whatever thread.
final class OutputLog: Sendable {
    private struct State {
        var outcomes: [UInt64: Outcome] = [:]
        var events: [SessionEvent] = []
        var isStopped = false
        var succession: Succession?
        var nextToken: UInt64 = 0
        var isMuted = false
    }

    private let state = Mutex(State())

    func take(_ output: ReactorOutput) {
        state.withLock { state in
            guard !state.isMuted else { return }
            switch output {
            case .outcome(let outcome, let token): state.outcomes[token] = outcome
            case .event(let event): state.events.append(event)
            case .tookOver(let succession): state.succession = succession
            case .stoodStill: break
            case .stopped: state.isStopped = true
            }
        }
    }

    func nextToken() -> UInt64 {
        state.withLock { state in
            state.nextToken += 1
            return state.nextToken
        }
    }

    func takeOutcome(_ token: UInt64) -> Outcome? { state.withLock { $0.outcomes.removeValue(forKey: token) } }
    var events: [SessionEvent.Body] { state.withLock { $0.events.map(\.body) } }
    /// What a reactor said that it took over.
    var succession: Succession? { state.withLock { $0.succession } }
    var isStopped: Bool { state.withLock { $0.isStopped } }

    /// Whether what comes is forgotten.
    var isMuted: Bool {
        get { state.withLock { $0.isMuted } }
        set { state.withLock { $0.isMuted = newValue } }
    }
}

/// A reactor, on its own thread or on the test's.
protocol ReactorDriver: AnyObject {
    var log: OutputLog { get }
    var addresses: [SocketAddress] { get }
    func perform(_ operation: Operation, in session: SessionID) -> Outcome
    /// Lets the reactor work for a moment.
    func turn()
}

extension ReactorDriver {
    /// Waits for something that has no reason to take long; a machine that is busy gets half a minute.
    func wait(until done: () -> Bool) -> Bool {
        let end = HostClock.now + .seconds(30)
        while !done() {
            if HostClock.now > end { return false }
            turn()
        }
        return true
    }
}

func testConfiguration(
    addresses: [IPAddress] = [IPAddress("127.0.0.1")!], peerLimit: Int = 64, name: String = "apus-test",
    seed: UInt64 = 1
) -> ReactorConfiguration {
    ReactorConfiguration(
        addresses: addresses, peerLimit: peerLimit, name: name, certificate: ServerCertificate.shared, seed: seed)
}

enum ServerCertificate {
    static let shared = try! Certificate()
}

/// The real thing.
final class ThreadedReactor: ReactorDriver {
    let reactor: Reactor
    let log = OutputLog()
    var addresses: [SocketAddress] { reactor.addresses }

    init(_ configuration: ReactorConfiguration = testConfiguration()) throws {
        reactor = try Reactor(configuration) { [log] in log.take($0) }
    }

    deinit { _ = reactor.send(.stop) }

    func perform(_ operation: Operation, in session: SessionID) -> Outcome {
        let token = log.nextToken()
        guard reactor.send(.perform(operation, session: session, token: token)) else {
            return .refused(Refusal(.overLimit, "the mailbox refuses"))
        }
        var outcome: Outcome?
        let isAnswered = wait {
            outcome = log.takeOutcome(token)
            return outcome != nil
        }
        #expect(isAnswered, "no outcome for \(operation)")
        return outcome ?? .refused(Refusal(.timedOut, "no outcome"))
    }

    func turn() { pause(microseconds: 500) }
}

/// The reactor's world without its thread: every look into it is safe.
final class InlineReactor: ReactorDriver {
    var world: ReactorWorld
    let log = OutputLog()
    let board = LoadBoard()
    let mailbox: Mailbox<ReactorCommand>
    let addresses: [SocketAddress]
    private var poller: Poller
    private let configuration: ReactorConfiguration
    private let sockets: [UDPSocket]

    init(_ configuration: ReactorConfiguration = testConfiguration()) throws {
        self.configuration = configuration
        let sockets = try configuration.addresses.map { try UDPSocket(binding: SocketAddress(ip: $0, port: 0)) }
        self.sockets = sockets
        addresses = sockets.map(\.local)
        mailbox = try Mailbox(capacity: 16)
        poller = Poller(descriptors: sockets.map(\.descriptor), wakeUp: mailbox.wakeUp)
        world = ReactorWorld(configuration, sockets: sockets) { [log] in log.take($0) }
        world.mailbox = mailbox
        world.watchStreams(poller)
        configuration.streams?.join(configuration.index, mailbox)
    }

    /// As if the process had been killed and another had come in its place, on the same sockets and memory.
    func succeed(byFault: Bool = false, damage: (UnsafeMutableRawBufferPointer) -> Void = { _ in }) throws {
        let left = world.memory
        left.noteEnd(byFault: byFault)
        let memory = try #require(
            ReactorMemory(adopting: apus_duplicate(left.descriptor), capacity: configuration.peerLimit))
        damage(memory.everything)
        var next = configuration
        next.memory = memory
        next.seed &+= 1
        poller = Poller(descriptors: sockets.map(\.descriptor), wakeUp: mailbox.wakeUp)
        world = ReactorWorld(next, sockets: sockets) { [log] in log.take($0) }
        world.mailbox = mailbox
        world.watchStreams(poller)
        world.takeOver(now: HostClock.now)
    }

    func perform(_ operation: Operation, in session: SessionID) -> Outcome {
        let token = log.nextToken()
        world.obey(.perform(operation, session: session, token: token), now: HostClock.now)
        world.flush()
        return log.takeOutcome(token) ?? .refused(Refusal(.timedOut, "no outcome"))
    }

    // The world's own, for `#expect`, which cannot look into what is not copyable.
    var peerCount: Int { world.peers.count }
    var recordCount: Int { world.records.count }
    var tupleCount: Int { world.tuples.count }
    var armedTimers: Int { world.timers.armed }
    var ufragCount: Int { world.slotByUfrag.count }
    var sessionCount: Int { world.sessions.count }
    var drops: DropCounters { world.drops }
    var load: ReactorLoad { world.load }
    var streamCount: Int { world.streams.count }
    func slot(for tuple: Tuple) -> Int32? { world.tuples.slot(for: tuple) }
    func tuples(of slot: Int32) -> [Tuple] { world.peers[slot].tuples }
    func selectedTuple(of slot: Int32) -> Tuple? { world.peers[slot].transport.selectedTuple }

    var pipeSSRCs: Int { world.pipes.count }
    func knowsPipe(from remote: SocketAddress) -> Bool { world.pipes.knows(Tuple(socket: 0, remote: remote)) }
    /// As published last.
    var pipeLoad: (pipes: Int, endpoints: Int, sent: UInt64, received: UInt64) {
        let load = board.load.withLock { $0 }
        return (load.pipes, load.endpoints, load.pipePacketsSent, load.pipePacketsReceived)
    }

    func turn() { world.turn(&poller, mailbox: mailbox, board: board, waitingAtMost: .milliseconds(1)) }
}
