import CLinux
import Synchronization
import Wire

/// A media thread and the way to it.
final class MediaThread: Sendable {
    private let mailbox: MediaMailbox
    private let board = MediaBoard()

    /// Starts the thread, for at most `capacity` clients. `output` is called on it and must not block.
    init(
        _ settings: MediaSettings, index: Int, capacity: Int, output: @escaping @Sendable (MediaOutput) -> Void
    ) throws(LoadError) {
        mailbox = try MediaMailbox()
        let start = ThreadStart { [mailbox, board] in
            do throws(LoadError) {
                var world = try MediaWorld(settings, capacity: capacity, output: output)
                world.run(mailbox: mailbox, board: board)
            } catch {
                output(.failed(-1, error.description))
            }
            output(.stopped)
        }
        try start.launch(name: "load-\(index)")
    }

    func send(_ command: MediaCommand) { mailbox.send(command) }

    var snapshot: ThreadSnapshot { board.snapshot }
}

/// Commands on their way to a media thread. Only the run sends, which bounds them: one for each client and phase.
final class MediaMailbox: Sendable {
    let wakeUp: Int32
    private let commands = Mutex<[MediaCommand]>([])
    private let isEmpty = Atomic<Bool>(true)

    init() throws(LoadError) {
        wakeUp = apus_eventfd_create()
        guard wakeUp >= 0 else { throw LoadError("no eventfd: the process is out of file descriptors") }
    }

    deinit { apus_close(wakeUp) }

    func send(_ command: MediaCommand) {
        commands.withLock { $0.append(command) }
        isEmpty.store(false, ordering: .releasing)
        apus_eventfd_signal(wakeUp)
    }

    /// Looks without the lock first: the thread comes by after every batch of packets.
    func drain() -> [MediaCommand] {
        guard isEmpty.exchange(true, ordering: .acquiringAndReleasing) == false else { return [] }
        apus_eventfd_drain(wakeUp)
        return commands.withLock { commands in
            defer { commands = [] }
            return commands
        }
    }
}

/// Where a media thread leaves its counters.
final class MediaBoard: Sendable {
    private let state = Mutex(ThreadSnapshot())

    var snapshot: ThreadSnapshot { state.withLock { $0 } }
    func store(_ snapshot: ThreadSnapshot) { state.withLock { $0 = snapshot } }
}

/// Carries a closure across pthread_create.
private final class ThreadStart {
    private let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }

    func launch(name: String) throws(LoadError) {
        let context = unsafe Unmanaged.passRetained(self).toOpaque()
        let result = unsafe apus_thread_start(
            { context in unsafe Unmanaged<ThreadStart>.fromOpaque(context).takeRetainedValue().body() }, context, name)
        guard result == 0 else {
            unsafe Unmanaged<ThreadStart>.fromOpaque(context).release()
            throw LoadError("no thread: error \(-result)")
        }
    }
}
