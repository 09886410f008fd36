/// A slot of a ``PacketPool``.
public struct PacketIndex: Hashable, Sendable, BitwiseCopyable {
    public let rawValue: Int32
    @inlinable public init(_ rawValue: Int32) { self.rawValue = rawValue }
}

/// A fixed number of equally large packet buffers in one allocation, reached by index.
///
/// Nothing is allocated after `init`. Who uses which slot, and how much of it, is the owner's to know: the
/// reactor's batches use them in order.
@safe public struct PacketPool: ~Copyable {
    /// Bytes per slot. 2048 holds any datagram of a 1500-byte path plus SRTP's tag.
    public let slotSize: Int
    public let capacity: Int
    @usableFromInline let storage: UnsafeMutableRawBufferPointer

    public init(capacity: Int, slotSize: Int = 2048) {
        precondition(capacity > 0 && capacity <= Int32.max && slotSize > 0)
        self.capacity = capacity
        self.slotSize = slotSize
        unsafe storage = .allocate(byteCount: capacity * slotSize, alignment: 64)
        unsafe storage.initializeMemory(as: UInt8.self, repeating: 0)
    }

    deinit { unsafe storage.deallocate() }

    /// The whole slot, not tied to an access of the pool: a reactor reads one slot while its other parts
    /// work. The caller keeps the pool alive and lets nobody else write the slot meanwhile.
    @unsafe @_lifetime(immortal)
    @inlinable public func unguardedBytes(of index: PacketIndex) -> RawSpan {
        let span = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(slot(index)))
        return unsafe _overrideLifetime(span, copying: ())
    }

    /// The whole slot for writing, under the same terms: nobody else may touch it meanwhile.
    @unsafe @_lifetime(immortal)
    @inlinable public func unguardedMutableBytes(of index: PacketIndex) -> MutableRawSpan {
        let span = unsafe MutableRawSpan(_unsafeBytes: slot(index))
        return unsafe _overrideLifetime(span, copying: ())
    }

    /// The slot's memory, for system calls that keep pointers to it (recvmmsg, sendmmsg).
    @inlinable public func slot(_ index: PacketIndex) -> UnsafeMutableRawBufferPointer {
        precondition(index.rawValue >= 0 && index.rawValue < capacity)
        let start = Int(index.rawValue) * slotSize
        return unsafe UnsafeMutableRawBufferPointer(rebasing: storage[start..<(start + slotSize)])
    }
}
