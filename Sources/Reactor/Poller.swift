import CLinux

/// What an epoll instance reports of the reactor's sockets and its mailbox.
@safe struct Poller: ~Copyable {
    let epoll: Int32
    private var tokens = [UInt64](repeating: 0, count: 64)

    /// What is ready.
    enum Readiness {
        case mailbox
        /// A datagram socket, by its index.
        case socket(Int)
        /// A TCP listener, by its index.
        case listener(Int)
        /// A TCP connection, by its slot.
        case stream(Int32)
    }

    /// The token of the mailbox; a socket's is its index.
    private static let mailboxToken = UInt64.max
    private static let listenerFlag = UInt64(1) << 32
    private static let streamFlag = UInt64(1) << 33

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

    /// Watches a TCP listener.
    func add(listener descriptor: Int32, index: Int) {
        _ = apus_epoll_add(epoll, descriptor, Self.listenerFlag | UInt64(index))
    }

    /// By which a TCP connection is watched.
    static func token(stream slot: Int32) -> UInt64 { streamFlag | UInt64(slot) }

    /// What the `position`th report is about.
    func readiness(_ position: Int) -> Readiness {
        let token = tokens[position]
        guard token != Self.mailboxToken else { return .mailbox }
        let index = Int(truncatingIfNeeded: token & 0xFFFF_FFFF)
        if token & Self.streamFlag != 0 { return .stream(Int32(truncatingIfNeeded: index)) }
        return token & Self.listenerFlag != 0 ? .listener(index) : .socket(index)
    }

    /// The index of the socket that has datagrams; nil when it is the mailbox that has messages.
    func socket(_ position: Int) -> Int? {
        tokens[position] == Self.mailboxToken ? nil : Int(truncatingIfNeeded: tokens[position])
    }
}
