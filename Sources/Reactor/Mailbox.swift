import CLinux
import Synchronization

/// The one way into a reactor's thread: a bounded queue of messages and a descriptor that wakes its
/// epoll. Control path only; a full mailbox refuses instead of waiting.
final class Mailbox<Message: Sendable>: Sendable {
    private struct State {
        var messages: [Message] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    private let capacity: Int
    let wakeUp: Int32

    init(capacity: Int) throws(SystemError) {
        self.capacity = capacity
        wakeUp = apus_eventfd_create()
        guard wakeUp >= 0 else { throw SystemError(operation: "eventfd", code: -wakeUp) }
    }

    deinit { apus_close(wakeUp) }

    /// False when the mailbox is full or closed; the message was not taken.
    func send(_ message: Message) -> Bool {
        let accepted = state.withLock { state in
            guard !state.isClosed, state.messages.count < capacity else { return false }
            state.messages.append(message)
            return true
        }
        if accepted { apus_eventfd_signal(wakeUp) }
        return accepted
    }

    /// Everything that has arrived, in order. Only the reactor's thread calls it.
    func drain() -> [Message] {
        apus_eventfd_drain(wakeUp)
        return state.withLock { state in
            let messages = state.messages
            state.messages = []
            return messages
        }
    }

    func close() { state.withLock { $0.isClosed = true } }
}
