import CLinux
import Wire

/// One client's UDP socket. Closed when its last owner lets go.
final class TrainSocket: Sendable {
    let descriptor: Int32
    let local: SocketAddress

    init(binding ip: IPAddress) throws(LoadError) {
        var address = apus_address(SocketAddress(ip: ip, port: 0))
        let descriptor = unsafe apus_train_socket(&address, Limits.receiveBuffer, Limits.sendBuffer)
        guard descriptor >= 0 else {
            throw LoadError("no UDP socket on \(ip): error \(-descriptor); raise `ulimit -n` or name another --bind")
        }
        self.descriptor = descriptor
        local = SocketAddress(ip: ip, port: UInt16(truncatingIfNeeded: apus_local_port(descriptor)))
    }

    deinit { apus_close(descriptor) }

    /// Datagrams that found the receive buffer full.
    var overflow: UInt64 { UInt64(clamping: apus_socket_drops(descriptor)) }
}

extension apus_address {
    init(_ address: SocketAddress) {
        self.init(
            high: address.ip.high, low: address.ip.low, port: address.port, is_ipv4: address.ip.isIPv4 ? 1 : 0)
    }

    var socketAddress: SocketAddress {
        let ip =
            is_ipv4 != 0 ? IPAddress(ipv4: UInt32(truncatingIfNeeded: low)) : IPAddress(ipv6High: high, low: low)
        return SocketAddress(ip: ip, port: port)
    }
}

/// Receive entries that all clients of a thread share.
@safe struct TrainBatch: ~Copyable {
    private let trains: OpaquePointer

    init() {
        guard let trains = unsafe apus_trains_create(UInt32(Limits.receiveBatch), Limits.trainBytes) else {
            preconditionFailure("out of memory")
        }
        unsafe self.trains = trains
    }

    deinit { unsafe apus_trains_destroy(trains) }

    /// Takes what the socket has, without waiting: how many entries lie in 0..<count.
    func receive(from descriptor: Int32) -> Int { max(0, Int(unsafe apus_trains_receive(trains, descriptor))) }

    func source(_ index: Int) -> SocketAddress { unsafe apus_trains_source(trains, UInt32(index)).socketAddress }

    /// Lengths of an entry and of its segments, and the wall clock at its arrival.
    func shape(_ index: Int) -> (length: Int, segment: Int, arrival: UInt64) {
        let entry = unsafe apus_trains_entry(trains, UInt32(index))
        return unsafe (entry.length, max(1, entry.segment), entry.arrival)
    }

    /// One datagram of an entry, to be worked on in place. Nobody else touches it until the next ``receive(from:)``.
    @unsafe @_lifetime(immortal)
    func datagram(_ index: Int, _ range: Range<Int>) -> MutableRawSpan {
        let entry = unsafe apus_trains_entry(trains, UInt32(index))
        precondition(range.lowerBound >= 0 && range.upperBound <= Limits.trainBytes)
        let buffer = unsafe UnsafeMutableRawBufferPointer(start: entry.bytes + range.lowerBound, count: range.count)
        return unsafe _overrideLifetime(MutableRawSpan(_unsafeBytes: buffer), copying: ())
    }
}

/// Datagrams of one destination on their way out: protected one behind the other, sent as trains of equal length.
@safe struct TrainWriter: ~Copyable {
    private let memory: UnsafeMutableRawPointer
    private var end = 0
    /// Length of the train's datagrams but the last.
    private var segment = 0
    private var segments = 0
    private(set) var failures: UInt64 = 0

    /// A packet that could not be made or protected.
    mutating func countFailure() { failures &+= 1 }
    private(set) var sends: UInt64 = 0

    /// A train, and room for one packet more with its trailer.
    private static let capacity = 65_536 + 2_048

    init() { unsafe memory = .allocate(byteCount: Self.capacity, alignment: 64) }

    deinit { unsafe memory.deallocate() }

    /// Room for the next packet, ``Limits`` of SRTP included.
    @unsafe @_lifetime(immortal)
    func next() -> MutableRawSpan {
        let buffer = unsafe UnsafeMutableRawBufferPointer(start: memory + end, count: Self.capacity - end)
        return unsafe _overrideLifetime(MutableRawSpan(_unsafeBytes: buffer), copying: ())
    }

    /// The packet that lies in ``next()`` is ready with `length` bytes. Sends what cannot wait for another.
    mutating func commit(length: Int, from descriptor: Int32, to remote: SocketAddress) {
        if segments > 0, length > segment {
            let written = end
            flush(from: descriptor, to: remote)
            unsafe memory.copyMemory(from: memory + written, byteCount: length)
        }
        if segments == 0 { segment = length }
        end += length
        segments += 1
        // UDP_SEGMENT: only the last datagram of a train may be shorter; a send has at most 65507 bytes.
        if length < segment || segments == Limits.trainSegments || end + segment > 65_000 {
            flush(from: descriptor, to: remote)
        }
    }

    mutating func flush(from descriptor: Int32, to remote: SocketAddress) {
        guard segments > 0 else { return }
        var destination = apus_address(remote)
        let result = unsafe apus_train_send(descriptor, &destination, memory, end, UInt32(segment))
        sends &+= 1
        if result != 0 { failures &+= UInt64(segments) }
        end = 0
        segments = 0
    }
}
