import CLinux
import Wire

/// The ingress side: memory that recvmmsg fills, reused batch after batch.
///
/// The kernel may hand over a train of equal datagrams from one sender in one piece (UDP_GRO). An entry is such
/// a piece, or a single datagram; ``Datagram`` is one datagram in it.
@safe struct ReceiveBatch: ~Copyable {
    /// Entries that fit.
    let capacity: Int
    private let headers: OpaquePointer
    private let memory: UnsafeMutableRawBufferPointer
    /// Bytes that ``place(_:)`` has filled.
    private var placed = 0

    /// What UDP_GRO gathers at most. Pages that nothing arrives in stay untouched.
    static let entrySize = 65_536

    /// Where a datagram lies. Valid until the next ``receive(from:after:)`` into its entry.
    struct Datagram: BitwiseCopyable {
        var start: Int32
        var length: Int32
    }

    init(capacity: Int) {
        guard let batch = unsafe apus_batch_create(UInt32(capacity)) else { preconditionFailure("out of memory") }
        unsafe headers = batch
        self.capacity = capacity
        unsafe memory = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity * Self.entrySize, alignment: 4096)
        guard let base = unsafe memory.baseAddress else { preconditionFailure("out of memory") }
        for index in 0..<capacity {
            let start = unsafe base + index * Self.entrySize
            unsafe apus_batch_set_train(batch, UInt32(index), start, Self.entrySize, Self.entrySize)
        }
    }

    deinit {
        unsafe apus_batch_destroy(headers)
        unsafe memory.deallocate()
    }

    /// Takes what the socket has, without waiting, into the entries behind the first `filled`: how many
    /// entries that were.
    mutating func receive(from descriptor: Int32, after filled: Int = 0) -> Int {
        max(0, Int(unsafe apus_batch_receive(headers, descriptor, UInt32(filled), UInt32(capacity - filled))))
    }

    /// Puts a datagram behind the one that was placed before, as if it had been received; nil when there is no room.
    /// Not together with ``receive(from:after:)``, which writes to the same memory.
    mutating func place(_ bytes: RawSpan) -> Datagram? {
        guard unsafe bytes.byteCount <= memory.count - placed else { return nil }
        let datagram = Datagram(
            start: Int32(truncatingIfNeeded: placed), length: Int32(truncatingIfNeeded: bytes.byteCount))
        unsafe bytes.withUnsafeBytes { source in unsafe slice(datagram).copyMemory(from: source) }
        placed += bytes.byteCount
        return datagram
    }

    /// What was placed is needed no longer.
    mutating func removePlaced() { placed = 0 }

    /// Reads what a TCP connection has into the first entry, behind its first `kept` bytes: how many came, 0 at the
    /// stream's end, or -errno.
    mutating func read(from descriptor: Int32, after kept: Int) -> Int {
        let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[kept..<Self.entrySize])
        guard let base = rest.baseAddress else { return 0 }
        return unsafe apus_stream_read(descriptor, base, rest.count)
    }

    /// The whole of an entry, under the terms of ``unguardedBytes(of:)``.
    @unsafe @_lifetime(immortal) func unguardedEntry(_ entry: Int) -> MutableRawSpan {
        unsafe unguardedMutableBytes(
            of: Datagram(start: Int32(truncatingIfNeeded: entry * Self.entrySize), length: Int32(Self.entrySize)))
    }

    func source(_ entry: Int) -> SocketAddress { unsafe apus_batch_source(headers, UInt32(entry)).socketAddress }

    func wasTruncated(_ entry: Int) -> Bool { unsafe apus_batch_was_truncated(headers, UInt32(entry)) != 0 }

    /// The entry's first datagram. One without a byte is a datagram too.
    func firstDatagram(_ entry: Int) -> Datagram {
        let length = unsafe apus_batch_length(headers, UInt32(entry))
        let segment = unsafe apus_batch_segment(headers, UInt32(entry))
        return Datagram(
            start: Int32(truncatingIfNeeded: entry * Self.entrySize),
            length: Int32(truncatingIfNeeded: min(length, segment)))
    }

    /// The one that came behind `datagram` in the same piece.
    func datagram(after datagram: Datagram, in entry: Int) -> Datagram? {
        let end = Int32(truncatingIfNeeded: entry * Self.entrySize + (unsafe apus_batch_length(headers, UInt32(entry))))
        let segment = unsafe apus_batch_segment(headers, UInt32(entry))
        let start = datagram.start + datagram.length
        guard datagram.length > 0, start < end else { return nil }
        return Datagram(start: start, length: min(end - start, Int32(truncatingIfNeeded: segment)))
    }

    /// The datagram's bytes, not tied to an access of the batch: the reactor reads them while its other parts
    /// work. The caller keeps the batch alive and lets nobody else write there meanwhile.
    @unsafe @_lifetime(immortal) func unguardedBytes(of datagram: Datagram) -> RawSpan {
        let span = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(slice(datagram)))
        return unsafe _overrideLifetime(span, copying: ())
    }

    /// The same for writing, under the same terms: nobody else may touch it meanwhile.
    @unsafe @_lifetime(immortal) func unguardedMutableBytes(of datagram: Datagram) -> MutableRawSpan {
        let span = unsafe MutableRawSpan(_unsafeBytes: slice(datagram))
        return unsafe _overrideLifetime(span, copying: ())
    }

    private func slice(_ datagram: Datagram) -> UnsafeMutableRawBufferPointer {
        let start = Int(datagram.start)
        return unsafe UnsafeMutableRawBufferPointer(rebasing: memory[start..<(start + Int(datagram.length))])
    }
}
