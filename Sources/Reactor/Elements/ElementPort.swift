import CLinux
public import RTP
public import Session
import Synchronization
public import Wire

/// Where a media element and its reactor meet. Each side takes what lies there when it comes round; neither waits for
/// the other, and what has no room is dropped and counted.
///
/// One thread of the element receives; any may send.
public final class ElementPort: Sendable {
    private struct Inbox {
        var packets = PacketBatch()
        var requests: [Request] = []
        var isClosed = false

        var isEmpty: Bool { packets.isEmpty && requests.isEmpty && !isClosed }
    }

    private struct Connections {
        var watched: Set<MediaKind> = []
        var fed: Set<MediaKind> = []
    }

    /// What an element is to do besides media.
    public enum Request: Sendable {
        /// To be answered by ``ElementOutput/outcome(_:token:)``.
        case command(ElementCommand, token: UInt64)
        /// Of a data channel.
        case message(String)
    }

    private let inbox = Mutex(Inbox())
    private let wakeUp: Int32
    private let epoll: Int32
    private let publishedStatus = Mutex(ElementStatus())
    private let connections = Mutex(Connections())
    private let deliver: @Sendable (ElementOutput) -> Bool

    /// - Parameter deliver: hands what the element sends to the reactor; false when there is no room.
    init(deliver: @escaping @Sendable (ElementOutput) -> Bool) throws(SystemError) {
        self.deliver = deliver
        wakeUp = apus_eventfd_create()
        guard wakeUp >= 0 else { throw SystemError(operation: "eventfd", code: -wakeUp) }
        epoll = apus_epoll_create()
        guard epoll >= 0 else {
            apus_close(wakeUp)
            throw SystemError(operation: "epoll_create", code: -epoll)
        }
        _ = apus_epoll_add(epoll, wakeUp, 0)
    }

    deinit {
        apus_close(epoll)
        apus_close(wakeUp)
    }

    // MARK: The element's side

    /// What came since the last call, or comes within `limit`: packets in `packets`, all else by `obey`.
    /// - Returns: false once the element is to end.
    public func receive(
        into packets: inout PacketBatch, waitingAtMost limit: Interval, obey: (Request) -> Void
    ) -> Bool {
        packets.removeAll()
        if inbox.withLock({ $0.isEmpty }), limit > .zero {
            var token: UInt64 = 0
            _ = unsafe apus_epoll_wait_ns(epoll, &token, 1, UInt64(clamping: limit.nanoseconds))
        }
        apus_eventfd_drain(wakeUp)
        let (requests, isClosed) = inbox.withLock { inbox in
            swap(&inbox.packets, &packets)
            defer { inbox.requests = [] }
            return (inbox.requests, inbox.isClosed)
        }
        for request in requests { obey(request) }
        return !isClosed
    }

    /// Has the element's thread come round, from any thread.
    public func wake() { apus_eventfd_signal(wakeUp) }

    /// False when the reactor takes no more just now; what was to be sent is lost.
    @discardableResult
    public func send(_ output: ElementOutput) -> Bool { deliver(output) }

    /// What whoever asks for the element's status is told from now on.
    public func publish(_ status: ElementStatus) { publishedStatus.withLock { $0 = status } }

    /// Somebody is sent what the element sends of the kind. An element need make nothing that nobody gets.
    public func isWatched(_ kind: MediaKind) -> Bool { connections.withLock { $0.watched.contains(kind) } }

    /// Media of the kind is routed to the element, whether or not any comes.
    public func isFed(_ kind: MediaKind) -> Bool { connections.withLock { $0.fed.contains(kind) } }

    // MARK: The reactor's side

    func note(_ kind: MediaKind, isWatched: Bool, isFed: Bool) {
        connections.withLock { connections in
            if isWatched { connections.watched.insert(kind) } else { connections.watched.remove(kind) }
            if isFed { connections.fed.insert(kind) } else { connections.fed.remove(kind) }
        }
    }

    var status: ElementStatus { publishedStatus.withLock { $0 } }

    /// False when the element is too far behind.
    func offer(_ packet: RawSpan) -> Bool {
        let taken = inbox.withLock { inbox -> (isTaken: Bool, wasEmpty: Bool) in
            guard inbox.packets.count < Limits.elementPackets, !inbox.isClosed else { return (false, false) }
            let wasEmpty = inbox.isEmpty
            inbox.packets.append(packet)
            return (true, wasEmpty)
        }
        if taken.wasEmpty { apus_eventfd_signal(wakeUp) }
        return taken.isTaken
    }

    /// False when too many wait already.
    func request(_ request: Request) -> Bool {
        let isTaken = inbox.withLock { inbox in
            guard inbox.requests.count < Limits.elementRequests, !inbox.isClosed else { return false }
            inbox.requests.append(request)
            return true
        }
        if isTaken { apus_eventfd_signal(wakeUp) }
        return isTaken
    }

    /// The element is to end.
    public func close() {
        inbox.withLock { $0.isClosed = true }
        apus_eventfd_signal(wakeUp)
    }
}

/// RTP and RTCP packets, one behind the other.
public struct PacketBatch: Sendable {
    private var bytes: [UInt8] = []
    private var ends: [Int] = []

    public init() {}

    public var count: Int { ends.count }
    public var isEmpty: Bool { ends.isEmpty }

    public mutating func append(_ packet: RawSpan) {
        unsafe packet.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        ends.append(bytes.count)
    }

    public mutating func append(_ packet: [UInt8]) {
        bytes += packet
        ends.append(bytes.count)
    }

    public mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
    }

    public func forEach(_ body: (RawSpan) -> Void) {
        let all = unsafe bytes.span.bytes
        var start = 0
        for end in ends {
            body(all.extracting(start..<end))
            start = end
        }
    }
}
