import CLinux
import Wire

/// Datagrams on their way out: filled slot by slot, sent with one sendmmsg per socket and run.
@safe struct EgressBatch: ~Copyable {
    var pool: PacketPool
    let capacity: Int
    private(set) var count = 0
    private let headers: OpaquePointer
    private var sockets: [UInt8]

    /// A full datagram and the largest SRTP trailer.
    static let slotSize = 2048

    struct Flushed {
        var sent = 0
        var failed = 0
        var wouldBlock = 0
    }

    init(capacity: Int) {
        guard let batch = unsafe apus_batch_create(UInt32(capacity)) else { preconditionFailure("out of memory") }
        unsafe headers = batch
        self.capacity = capacity
        pool = PacketPool(capacity: capacity, slotSize: Self.slotSize)
        sockets = Array(repeating: 0, count: capacity)
    }

    deinit { unsafe apus_batch_destroy(headers) }

    var isFull: Bool { count == capacity }

    /// The slot that the next ``commit(length:to:)`` sends. The caller has checked ``isFull``.
    var next: PacketIndex { PacketIndex(Int32(count)) }

    /// Queues the next slot's first `length` bytes for `tuple`.
    mutating func commit(length: Int, to tuple: Tuple) {
        var destination = apus_address(tuple.remote)
        let slot = unsafe pool.slot(next)
        guard let base = slot.baseAddress else { return }
        unsafe apus_batch_set_message(headers, UInt32(count), base, length, &destination)
        sockets[count] = tuple.socket
        count += 1
    }

    /// Hands everything to the kernel. A socket whose buffer is full loses the rest of its run: media
    /// that waits is worth less than media that is dropped.
    mutating func flush(descriptors: borrowing [Int32]) -> Flushed {
        var result = Flushed()
        var first = 0
        while first < count {
            var end = first + 1
            while end < count, sockets[end] == sockets[first] { end += 1 }
            send(first..<end, descriptor: descriptors[Int(sockets[first])], &result)
            first = end
        }
        count = 0
        return result
    }

    private func send(_ run: Range<Int>, descriptor: Int32, _ result: inout Flushed) {
        var first = run.lowerBound
        while first < run.upperBound {
            let sent = unsafe apus_batch_send(headers, descriptor, UInt32(first), UInt32(run.upperBound - first))
            if sent > 0 {
                result.sent += Int(sent)
                first += Int(sent)
            } else if sent == -Self.tryAgain {
                result.wouldBlock += run.upperBound - first
                return
            } else {
                // The error belongs to the first datagram (unreachable, too long): skip that one only.
                result.failed += 1
                first += 1
            }
        }
    }

    /// EAGAIN on Linux.
    private static let tryAgain: Int32 = 11
}
