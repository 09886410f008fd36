import CLinux
import Wire

/// The TCP connections of a reactor. On the packet path: a look-up by tuple and a copy; nothing is allocated but for
/// a new connection.
struct StreamTable: ~Copyable {
    /// Socket indices from here on are TCP: passive ones of the listener's addresses, then active ones.
    let firstSocket: Int
    let passiveSockets: Int
    var connections: SlotTable<StreamConnection>
    private var slots: TupleTable
    /// Connections that were written to since the last flush.
    private var dirty: [Int32] = []
    /// Tuples whose connection broke, or could not be opened, and whose agents do not know yet.
    private var ended: [Tuple] = []
    /// The reactor's epoll instance, while its loop runs.
    var epoll: Int32 = -1

    init(firstSocket: Int, passiveSockets: Int, capacity: Int) {
        self.firstSocket = firstSocket
        self.passiveSockets = passiveSockets
        connections = SlotTable(capacity: capacity)
        slots = TupleTable(capacity: capacity)
        dirty.reserveCapacity(capacity)
    }

    var isFull: Bool { connections.nextIndex == nil }
    var count: Int { connections.count }

    /// Has the loop told of datagrams at a socket that came while it runs, until that is closed.
    func watch(_ descriptor: Int32, index: Int) {
        if epoll >= 0 { _ = apus_epoll_add(epoll, descriptor, UInt64(index)) }
    }

    func isStream(_ tuple: Tuple) -> Bool { Int(tuple.socket) >= firstSocket }
    func isActive(_ tuple: Tuple) -> Bool { Int(tuple.socket) >= firstSocket + passiveSockets }

    func slot(for tuple: Tuple) -> Int32? { slots.slot(for: tuple) }

    /// Takes a descriptor over. The caller has checked ``isFull``.
    @discardableResult
    mutating func insert(
        _ descriptor: Int32, _ tuple: Tuple, isConnecting: Bool = false, wasHandedOver: Bool = false, now: Instant
    ) -> Int32 {
        let slot = connections.insert(
            StreamConnection(
                descriptor: descriptor, tuple: tuple, isConnecting: isConnecting, wasHandedOver: wasHandedOver,
                now: now))
        _ = slots.set(tuple, to: slot)
        _ = apus_epoll_add(epoll, descriptor, Poller.token(stream: slot))
        if isConnecting { awaitRoom(slot) }
        return slot
    }

    /// Closes the connection; what waited is lost.
    mutating func remove(_ slot: Int32) {
        slots.remove(connections[slot].tuple, ownedBy: slot)
        connections.remove(slot)
    }

    /// Queues a packet for the connection of `tuple`.
    mutating func send(_ packet: RawSpan, to tuple: Tuple) throws(DropReason) {
        guard let slot = slots.slot(for: tuple) else { throw .streamNotOpen }
        guard connections[slot].append(packet) else { throw .streamBacklogFull }
        guard !connections[slot].isDirty else { return }
        connections[slot].isDirty = true
        dirty.append(slot)
    }

    /// Writes what waits.
    mutating func flush() {
        while let slot = dirty.popLast() {
            // Closed meanwhile, and perhaps somebody else's place now: writing what waits there does no harm.
            guard connections.contains(slot) else { continue }
            connections[slot].isDirty = false
            guard connections[slot].write() else {
                noteEnd(of: connections[slot].tuple)
                continue
            }
            if connections[slot].waitingBytes > 0, !connections[slot].awaitsRoom { awaitRoom(slot) }
        }
    }

    /// The agent is told when nothing else is going on.
    mutating func noteEnd(of tuple: Tuple) { if !ended.contains(tuple) { ended.append(tuple) } }

    mutating func nextEnd() -> Tuple? { ended.popLast() }

    /// Takes a connection out without closing it: another descriptor of it, or -errno.
    mutating func relinquish(_ slot: Int32) -> Int32 {
        let descriptor = connections[slot].descriptor
        // The poller watches connections, not descriptors: it would go on telling of this one.
        _ = apus_epoll_remove(epoll, descriptor)
        let copy = apus_duplicate(descriptor)
        remove(slot)
        return copy
    }

    private mutating func awaitRoom(_ slot: Int32) {
        connections[slot].awaitsRoom = true
        _ = apus_epoll_watch_writes(epoll, connections[slot].descriptor, Poller.token(stream: slot), 1)
    }

    /// There is room again, or a connection that we opened is there.
    /// - Returns: false when it is broken.
    mutating func hasRoom(_ slot: Int32) -> Bool {
        if connections[slot].isConnecting {
            guard apus_stream_error(connections[slot].descriptor) == 0 else { return false }
            connections[slot].isConnecting = false
        }
        guard connections[slot].write() else { return false }
        if connections[slot].waitingBytes == 0 {
            connections[slot].awaitsRoom = false
            _ = apus_epoll_watch_writes(epoll, connections[slot].descriptor, Poller.token(stream: slot), 0)
        }
        return true
    }
}
