import CLinux
import Wire

/// The ingress side of the packet pool: slots that recvmmsg fills, reused batch after batch.
@safe struct ReceiveBatch: ~Copyable {
    var pool: PacketPool
    let capacity: Int
    private let headers: OpaquePointer

    /// Bytes of a slot that a datagram may fill; the rest leaves room for in-place work.
    static let slotSize = 2048

    init(capacity: Int) {
        guard let batch = unsafe apus_batch_create(UInt32(capacity)) else { preconditionFailure("out of memory") }
        unsafe headers = batch
        self.capacity = capacity
        pool = PacketPool(capacity: capacity, slotSize: Self.slotSize)
        for index in 0..<capacity {
            let slot = unsafe pool.slot(PacketIndex(Int32(index)))
            guard let base = slot.baseAddress else { continue }
            unsafe apus_batch_set_buffer(batch, UInt32(index), base, Self.slotSize)
        }
    }

    deinit { unsafe apus_batch_destroy(headers) }

    /// Takes what the socket has, without waiting: how many datagrams lie in slots 0..<count.
    mutating func receive(from descriptor: Int32) -> Int {
        max(0, Int(unsafe apus_batch_receive(headers, descriptor, UInt32(capacity))))
    }

    func length(_ index: Int) -> Int { unsafe apus_batch_length(headers, UInt32(index)) }

    func wasTruncated(_ index: Int) -> Bool { unsafe apus_batch_was_truncated(headers, UInt32(index)) != 0 }

    func source(_ index: Int) -> SocketAddress { unsafe apus_batch_source(headers, UInt32(index)).socketAddress }
}
