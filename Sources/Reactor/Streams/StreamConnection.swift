import CLinux
import ICE
import Wire

/// One TCP connection of a peer: bytes that wait for the rest of their packet, and packets that wait for the kernel.
/// Whole packets are dropped when more wait than ``Limits/streamBacklog``: late media is worth nothing.
@safe struct StreamConnection: ~Copyable {
    let descriptor: Int32
    let tuple: Tuple
    let opened: Instant
    /// We opened it, and do not know yet whether it will be there.
    var isConnecting: Bool
    /// Another reactor accepted it; it is not handed on again.
    let wasHandedOver: Bool
    /// It waits for ``StreamTable/flush()``.
    var isDirty = false
    /// The poller tells when there is room to write.
    var awaitsRoom = false

    /// The beginning of a packet whose rest has not come.
    private let kept: UnsafeMutableRawBufferPointer
    private(set) var keptBytes = 0
    /// What waits is `out[head..<tail]`.
    private let out: UnsafeMutableRawBufferPointer
    private var head = 0
    private var tail = 0

    init(
        descriptor: Int32, tuple: Tuple, isConnecting: Bool, wasHandedOver: Bool, now: Instant
    ) {
        self.wasHandedOver = wasHandedOver
        self.descriptor = descriptor
        self.tuple = tuple
        self.isConnecting = isConnecting
        opened = now
        unsafe kept = .allocate(byteCount: FramedStream.headerBytes + FramedStream.longestPacket, alignment: 8)
        // Pages that nothing waits in stay untouched.
        unsafe out = .allocate(byteCount: Limits.streamBacklog, alignment: 4096)
    }

    deinit {
        apus_close(descriptor)
        unsafe kept.deallocate()
        unsafe out.deallocate()
    }

    var waitingBytes: Int { tail - head }

    /// Keeps the beginning of a packet; at most one header and ``FramedStream/longestPacket``.
    mutating func keep(_ bytes: RawSpan) {
        let count = min(bytes.byteCount, unsafe kept.count)
        unsafe bytes.extracting(0..<count).withUnsafeBytes { source in unsafe kept.copyMemory(from: source) }
        keptBytes = count
    }

    /// Gives back what was kept.
    mutating func takeKept(into memory: inout MutableRawSpan) -> Int {
        defer { keptBytes = 0 }
        let span = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: kept[..<keptBytes]))
        memory.store(contentsOf: span, at: 0)
        return keptBytes
    }

    /// Queues a packet with its length in front (RFC 4571 section 2); false when too much waits already.
    mutating func append(_ packet: RawSpan) -> Bool {
        let needed = FramedStream.headerBytes + packet.byteCount
        guard packet.byteCount <= Int(UInt16.max), waitingBytes + needed <= Limits.streamBacklog else { return false }
        if tail + needed > Limits.streamBacklog { moveToFront() }
        unsafe out.storeBytes(of: UInt16(packet.byteCount).bigEndian, toByteOffset: tail, as: UInt16.self)
        let start = tail + FramedStream.headerBytes
        unsafe packet.withUnsafeBytes { source in
            unsafe UnsafeMutableRawBufferPointer(rebasing: out[start..<(start + source.count)]).copyMemory(from: source)
        }
        tail += needed
        return true
    }

    private mutating func moveToFront() {
        let waiting = unsafe UnsafeRawBufferPointer(rebasing: out[head..<tail])
        unsafe out.copyMemory(from: waiting)
        tail -= head
        head = 0
    }

    /// Hands the kernel what it takes.
    /// - Returns: false when the connection is broken.
    mutating func write() -> Bool {
        guard !isConnecting else { return true }
        while head < tail {
            let waiting = unsafe UnsafeRawBufferPointer(rebasing: out[head..<tail])
            guard let base = waiting.baseAddress else { return true }
            let count = unsafe apus_stream_write(descriptor, base, waiting.count)
            if count == -Self.tryAgain { return true }
            guard count > 0 else { return false }
            head += count
        }
        head = 0
        tail = 0
        return true
    }

    /// EAGAIN on Linux.
    static let tryAgain = 11
}
