import CLinux
import Transport
import Wire

/// Datagrams on their way out, written one behind the other into one piece of memory.
///
/// Datagrams of one size to one address that follow each other are a train: it leaves with one UDP_SEGMENT
/// send, which walks the network stack once for all of them. The last one of a train may be shorter. A
/// `sendmmsg` carries as many trains as there are.
@safe struct EgressBatch: ~Copyable {
    /// Trains that fit.
    let capacity: Int
    /// Trains, and datagrams in them.
    private(set) var count = 0
    private(set) var datagramCount = 0
    private let headers: OpaquePointer
    private let memory: UnsafeMutableRawBufferPointer
    /// Where the next datagram begins.
    private var cursor = 0
    private var trains: [Train]
    /// Whether the last train takes more.
    private var isOpen = false
    /// Sockets whose kernel or interface refused a train as such.
    private var refusesTrains = [Bool](repeating: false, count: Limits.sockets)

    private struct Train {
        /// The index of its descriptor.
        var socket: Int
        var remote: SocketAddress
        var start: Int
        var length: Int
        var segment: Int
        var datagrams: Int
    }

    /// A full datagram and the largest SRTP trailer.
    static let slotSize = 2048

    /// In datagrams.
    struct Flushed {
        var sent = 0
        var failed = 0
        var wouldBlock = 0
    }

    /// Room for `capacity` trains and as many full datagrams.
    init(capacity: Int) {
        guard let batch = unsafe apus_batch_create(UInt32(capacity)) else { preconditionFailure("out of memory") }
        unsafe headers = batch
        self.capacity = capacity
        unsafe memory = .allocate(byteCount: (capacity + 1) * Self.slotSize, alignment: 64)
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
        let nowhere = SocketAddress(ip: IPAddress(ipv4: 0), port: 0)
        trains = Array(
            repeating: Train(socket: 0, remote: nowhere, start: 0, length: 0, segment: 0, datagrams: 0),
            count: capacity)
    }

    deinit {
        unsafe apus_batch_destroy(headers)
        unsafe memory.deallocate()
    }

    var isEmpty: Bool { count == 0 }

    var isFull: Bool { unsafe count == capacity || memory.count - cursor < Self.slotSize }

    /// Where the next datagram is written before it is committed, ``slotSize`` bytes. The caller has checked
    /// ``isFull``, and the memory is its own until it commits or leaves it.
    @unsafe @_lifetime(immortal) func unguardedNext() -> MutableRawSpan {
        let slot = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[cursor..<(cursor + Self.slotSize)])
        let span = unsafe MutableRawSpan(_unsafeBytes: slot)
        return unsafe _overrideLifetime(span, copying: ())
    }

    /// The first `length` bytes of ``unguardedNext()``, under the same terms.
    @unsafe @_lifetime(immortal) func unguardedBytes(length: Int) -> RawSpan {
        let slot = unsafe UnsafeRawBufferPointer(rebasing: memory[cursor..<(cursor + length)])
        return unsafe _overrideLifetime(RawSpan(_unsafeBytes: slot), copying: ())
    }

    /// Queues the first `length` bytes of ``unguardedNext()`` for `tuple`.
    mutating func commit(length: Int, to tuple: Tuple) {
        commit(length: length, socket: Int(tuple.socket), to: tuple.remote)
    }

    /// The same for a socket whose index may be larger than a tuple's.
    mutating func commit(length: Int, socket: Int, to remote: SocketAddress) {
        precondition(length >= 0 && length <= Self.slotSize)
        defer {
            cursor += length
            datagramCount += 1
        }
        let last = count - 1
        if isOpen, length > 0, length <= trains[last].segment, trains[last].socket == socket,
            trains[last].remote == remote
        {
            trains[last].length += length
            trains[last].datagrams += 1
            isOpen =
                length == trains[last].segment && trains[last].datagrams < Limits.trainDatagrams
                && trains[last].length + length <= Limits.trainBytes
            return
        }
        trains[count] = Train(
            socket: socket, remote: remote, start: cursor, length: length, segment: length, datagrams: 1)
        isOpen = length > 0 && !refusesTrains[refusal(socket)]
        count += 1
    }

    /// Hands everything to the kernel. A socket whose buffer is full loses the rest of its run: media
    /// that waits is worth less than media that is dropped.
    mutating func flush(descriptors: borrowing [Int32]) -> Flushed {
        var result = Flushed()
        for index in 0..<count { prepare(index) }
        var first = 0
        while first < count {
            let socket = trains[first].socket
            var end = first + 1
            while end < count, trains[end].socket == socket { end += 1 }
            send(first..<end, descriptor: descriptors[socket], &result)
            first = end
        }
        clear()
        return result
    }

    /// Hands everything over as single datagrams instead, in order. `body` is not to touch the batch.
    mutating func drain(_ body: (Tuple, RawSpan) -> Void) {
        for index in 0..<count {
            let train = trains[index]
            let tuple = Tuple(socket: UInt8(truncatingIfNeeded: train.socket), remote: train.remote)
            var start = train.start
            let end = start + train.length
            repeat {
                let length = min(train.segment, end - start)
                let slot = unsafe UnsafeRawBufferPointer(rebasing: memory[start..<(start + length)])
                body(tuple, unsafe RawSpan(_unsafeBytes: slot))
                start += length
            } while start < end
        }
        clear()
    }

    private mutating func clear() {
        count = 0
        datagramCount = 0
        cursor = 0
        isOpen = false
    }

    /// Sockets beyond those of a reactor share the last place: what one's interface refuses, others do without.
    private func refusal(_ socket: Int) -> Int { min(socket, Limits.sockets - 1) }

    private func prepare(_ index: Int) {
        let train = trains[index]
        var destination = apus_address(train.remote)
        unsafe apus_batch_set_destination(headers, UInt32(index), &destination)
        point(index, at: train.start, length: train.length, segment: train.segment)
    }

    private func point(_ index: Int, at start: Int, length: Int, segment: Int) {
        guard let base = unsafe memory.baseAddress else { return }
        unsafe apus_batch_set_train(headers, UInt32(index), base + start, length, segment)
    }

    private mutating func send(_ run: Range<Int>, descriptor: Int32, _ result: inout Flushed) {
        var first = run.lowerBound
        while first < run.upperBound {
            let sent = unsafe apus_batch_send(headers, descriptor, UInt32(first), UInt32(run.upperBound - first))
            if sent > 0 {
                for index in first..<(first + Int(sent)) { result.sent += trains[index].datagrams }
                first += Int(sent)
            } else if sent == -Self.tryAgain {
                for index in first..<run.upperBound { result.wouldBlock += trains[index].datagrams }
                return
            } else {
                // The error belongs to the first train: skip that one only.
                recover(first, error: -sent, descriptor: descriptor, &result)
                first += 1
            }
        }
    }

    /// A train that was refused may have been refused as a train: its datagrams go one by one. A datagram
    /// that is refused (unreachable, too long) is lost.
    private mutating func recover(_ index: Int, error: Int32, descriptor: Int32, _ result: inout Flushed) {
        let train = trains[index]
        guard train.datagrams > 1 else {
            result.failed += 1
            return
        }
        // EIO says that the interface cannot do it at all; else it was this path's MTU or this address.
        if error == Self.inputOutput { refusesTrains[refusal(train.socket)] = true }
        var start = train.start
        let end = train.start + train.length
        while start < end {
            let length = min(train.segment, end - start)
            point(index, at: start, length: length, segment: length)
            let sent = unsafe apus_batch_send(headers, descriptor, UInt32(index), 1)
            if sent == 1 {
                result.sent += 1
            } else if sent == -Self.tryAgain {
                result.wouldBlock += 1
            } else {
                result.failed += 1
            }
            start += length
        }
    }

    /// EAGAIN and EIO on Linux.
    private static let tryAgain: Int32 = 11
    private static let inputOutput: Int32 = 5
}
