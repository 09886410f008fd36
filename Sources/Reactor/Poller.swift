import CLinux

/// What an epoll instance reports of the reactor's sockets and its mailbox.
@safe struct Poller: ~Copyable {
    private let epoll: Int32
    private var tokens = [UInt64](repeating: 0, count: Limits.sockets + 1)

    /// The token of the mailbox; a socket's is its index.
    private static let mailboxToken = UInt64.max

    init(descriptors: [Int32], wakeUp: Int32) {
        epoll = apus_epoll_create()
        precondition(epoll >= 0, "no epoll: the process is out of file descriptors")
        _ = apus_epoll_add(epoll, wakeUp, Self.mailboxToken)
        for (index, descriptor) in descriptors.enumerated() { _ = apus_epoll_add(epoll, descriptor, UInt64(index)) }
    }

    deinit { apus_close(epoll) }

    /// Watches one more socket, until it is closed.
    func add(_ descriptor: Int32, index: Int) { _ = apus_epoll_add(epoll, descriptor, UInt64(index)) }

    /// Waits for something to be ready, and returns of how many things ``socket(_:)`` tells.
    mutating func wait(milliseconds: Int32) -> Int {
        max(0, Int(unsafe apus_epoll_wait(epoll, &tokens, UInt32(tokens.count), milliseconds)))
    }

    /// The index of the socket that has datagrams; nil when it is the mailbox that has messages.
    func socket(_ position: Int) -> Int? {
        tokens[position] == Self.mailboxToken ? nil : Int(truncatingIfNeeded: tokens[position])
    }
}
