import CLinux
import Synchronization
public import Wire

/// One thread with its sockets, peers and router: everything that touches media.
///
/// The thread owns its world outright; this handle only reaches it through the bounded mailbox. Nothing
/// on the packet path is shared, locked or awaited.
public final class Reactor: Sendable {
    /// Addresses that the sockets are bound to, ports resolved.
    public let addresses: [SocketAddress]
    let mailbox: Mailbox<ReactorCommand>
    private let board = LoadBoard()
    private let ending = Ending()

    /// Binds the sockets and starts the thread. `output` is called on that thread, for control messages
    /// only, and must not block.
    public init(
        _ configuration: ReactorConfiguration, output: @escaping @Sendable (ReactorOutput) -> Void
    ) throws(SystemError) {
        precondition(!configuration.addresses.isEmpty && configuration.addresses.count <= Limits.sockets)
        let sockets = if let given = configuration.sockets { given } else { try Self.bind(configuration) }
        addresses = sockets.map(\.local)
        mailbox = try Mailbox(capacity: Limits.mailbox)
        let handover = Handover(sockets)
        let start = ThreadStart { [mailbox, board, ending] in
            Self.work(configuration, handover: handover, mailbox: mailbox, board: board, ending: ending, output: output)
            output(.stopped)
            ending.end()
        }
        try start.launch(name: configuration.name)
    }

    /// The thread's whole life. When it returns, the sockets are closed: their ports are free again.
    private static func work(
        _ configuration: ReactorConfiguration, handover: Handover, mailbox: Mailbox<ReactorCommand>, board: LoadBoard,
        ending: Ending, output: @escaping @Sendable (ReactorOutput) -> Void
    ) {
        var world = ReactorWorld(configuration, sockets: handover.take(), output: output)
        world.run(mailbox: mailbox, board: board)
        // Nothing is written from here on: the successor need not wait until all this is taken down.
        if world.isLeaving { ending.end() }
    }

    /// Sockets on all addresses with one port, the first in the range that is free on every one.
    public static func bind(_ configuration: ReactorConfiguration) throws(SystemError) -> [UDPSocket] {
        let ports = Array(configuration.ports)
        let start = ports.firstIndex(of: configuration.preferredPort) ?? 0
        var failure = SystemError(operation: "bind", code: 0)
        for port in ports[start...] + ports[..<start] {
            var sockets: [UDPSocket] = []
            do throws(SystemError) {
                for ip in configuration.addresses {
                    sockets.append(try UDPSocket(binding: SocketAddress(ip: ip, port: port)))
                }
                return sockets
            } catch {
                failure = error
            }
        }
        let range = "\(configuration.ports.lowerBound)-\(configuration.ports.upperBound)"
        throw SystemError(
            operation:
                "no UDP port of \(range) (media.udp_ports) is free on every address; the last \(failure.operation)",
            code: failure.code)
    }

    /// False when the mailbox is full or the reactor has stopped.
    public func send(_ command: ReactorCommand) -> Bool { mailbox.send(command) }

    /// Stops the thread and returns when it has said goodbye to its peers and closed its sockets, also in a task that
    /// is cancelled. A process must not exit before: what the thread still calls is then being torn down.
    public func stop() async {
        while !ending.isOver, !mailbox.send(.stop) { await Task.yield() }
        await ending.wait()
    }

    /// Has the thread end between two turns, without goodbyes: what it knows stays in memory, whole, and its peers wait
    /// for the next process. Returns once the thread touches nothing any more; it may still be taking down its own.
    public func leave() async {
        while !ending.isOver, !mailbox.send(.leave) { await Task.yield() }
        await ending.wait()
    }

    /// The newest published counters.
    public var load: ReactorLoad { board.load.withLock { $0 } }
}

/// Where the thread leaves its counters for whoever asks.
final class LoadBoard: Sendable {
    let load = Mutex(ReactorLoad())
}

/// Tells whoever waits that the thread has done its last.
final class Ending: Sendable {
    private let state = Mutex<(isOver: Bool, waiters: [CheckedContinuation<Void, Never>])>((false, []))

    var isOver: Bool { state.withLock { $0.isOver } }

    func end() {
        let waiters = state.withLock { state in
            defer { state = (true, []) }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if !state.isOver { state.waiters.append(continuation) }
                return state.isOver
            }
            if isOver { continuation.resume() }
        }
    }
}

/// Carries the sockets to the thread, which then is their only owner.
private final class Handover: Sendable {
    private let sockets: Mutex<[UDPSocket]>

    init(_ sockets: [UDPSocket]) { self.sockets = Mutex(sockets) }

    func take() -> [UDPSocket] {
        sockets.withLock { sockets in
            defer { sockets = [] }
            return sockets
        }
    }
}

/// Carries a closure across pthread_create.
package final class ThreadStart {
    private let body: () -> Void
    package init(_ body: @escaping () -> Void) { self.body = body }

    package func launch(name: String) throws(SystemError) {
        let context = unsafe Unmanaged.passRetained(self).toOpaque()
        let result = unsafe apus_thread_start(
            { context in unsafe Unmanaged<ThreadStart>.fromOpaque(context).takeRetainedValue().body() }, context, name)
        guard result == 0 else {
            unsafe Unmanaged<ThreadStart>.fromOpaque(context).release()
            throw SystemError(operation: "pthread_create", code: -result)
        }
    }
}
