import Testing
import Wire

@testable import Reactor

/// Datagrams through real sockets on the loopback interface, as trains and one by one.
@Suite struct BatchTests {
    private let near: UDPSocket
    private let far: UDPSocket
    private let other: UDPSocket

    init() throws {
        let anywhere = SocketAddress(ip: IPAddress("127.0.0.1")!, port: 0)
        near = try UDPSocket(binding: anywhere)
        far = try UDPSocket(binding: anywhere)
        other = try UDPSocket(binding: anywhere)
    }

    /// A datagram of `length` bytes that no other number's equals.
    private func datagram(_ number: Int, _ length: Int) -> [UInt8] {
        (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ number &* 7 &+ length) }
    }

    private func put(_ datagram: [UInt8], _ batch: inout EgressBatch, to socket: UDPSocket) {
        var next = batch.unguardedNext()
        next.store(contentsOf: datagram.span.bytes, at: 0)
        batch.commit(length: datagram.count, to: Tuple(socket: 0, remote: socket.local))
    }

    /// All that has come, and in how many pieces.
    private func receive(_ socket: UDPSocket, capacity: Int = 32) -> (datagrams: [[UInt8]], pieces: Int) {
        var batch = ReceiveBatch(capacity: capacity)
        var datagrams: [[UInt8]] = []
        let pieces = batch.receive(from: socket.descriptor)
        for entry in 0..<pieces {
            #expect(batch.source(entry) == near.local)
            var next: ReceiveBatch.Datagram? = batch.firstDatagram(entry)
            while let datagram = next {
                next = batch.datagram(after: datagram, in: entry)
                datagrams.append(batch.unguardedBytes(of: datagram).copied())
            }
        }
        return (datagrams, pieces)
    }

    @Test func equalDatagramsToOneAddressLeaveAsOneTrain() {
        var batch = EgressBatch(capacity: 8)
        let sent = (0..<5).map { datagram($0, 1000) } + [datagram(5, 300)]
        for datagram in sent { put(datagram, &batch, to: far) }
        let trains = batch.count
        let flushed = batch.flush(descriptors: [near.descriptor])
        #expect(trains == 1 && flushed.sent == 6)
        let received = receive(far)
        #expect(received.datagrams == sent)
        #expect(received.pieces == 1, "a train stays one piece up to the socket that asked for it")
    }

    @Test func aLongerDatagramOrAnotherAddressBeginsATrain() {
        var batch = EgressBatch(capacity: 16)
        let lengths = [700, 700, 701, 701, 100, 100, 1, 50]
        for (number, length) in lengths.enumerated() { put(datagram(number, length), &batch, to: far) }
        put(datagram(8, 50), &batch, to: other)
        put(datagram(9, 50), &batch, to: far)
        // 700 700 | 701 701 100 | 100 1 | 50 | other: 50 | 50
        let trains = batch.count
        #expect(trains == 6)
        let flushed = batch.flush(descriptors: [near.descriptor])
        #expect(flushed.sent == 10)
        #expect(receive(far).datagrams == lengths.enumerated().map { datagram($0, $1) } + [datagram(9, 50)])
        #expect(receive(other).datagrams == [datagram(8, 50)])
    }

    @Test func aTrainHasNoMoreDatagramsAndBytesThanTheKernelTakes() {
        var batch = EgressBatch(capacity: 128)
        for number in 0..<100 { put(datagram(number, 40), &batch, to: far) }
        for number in 100..<160 { put(datagram(number, 1400), &batch, to: far) }
        let isFull = batch.isFull
        let flushed = batch.flush(descriptors: [near.descriptor])
        #expect(!isFull && flushed.sent == 160 && flushed.failed == 0)
        #expect(receive(far).datagrams.count == 160)
    }

    /// What is too long for the interface as a segment still goes, piece by piece, as it did before trains.
    @Test func aTrainThatIsRefusedGoesDatagramByDatagram() throws {
        // Nobody can be reached at port 0: the kernel refuses the whole message, then each datagram.
        var batch = EgressBatch(capacity: 8)
        var next = batch.unguardedNext()
        for _ in 0..<3 {
            next.store(contentsOf: datagram(0, 100).span.bytes, at: 0)
            batch.commit(
                length: 100, to: Tuple(socket: 0, remote: SocketAddress(ip: IPAddress("127.0.0.1")!, port: 0)))
            next = batch.unguardedNext()
        }
        put(datagram(1, 100), &batch, to: far)
        let flushed = batch.flush(descriptors: [near.descriptor])
        #expect(flushed.failed == 3 && flushed.sent == 1)
        #expect(receive(far).datagrams == [datagram(1, 100)])
    }

    @Test func aBatchIsFullBeforeItsMemoryIs() {
        var batch = EgressBatch(capacity: 4)
        var count = 0
        while !batch.isFull {
            put(datagram(count, 2000), &batch, to: far)
            count += 1
        }
        let flushed = batch.flush(descriptors: [near.descriptor])
        #expect(count >= 4 && flushed.sent == count)
        #expect(receive(far).datagrams == (0..<count).map { datagram($0, 2000) })
        let isEmpty = batch.isEmpty
        #expect(isEmpty && !batch.isFull)
    }

    @Test func entriesFillUpFromWhereTheLastReceptionEnded() {
        var sending = EgressBatch(capacity: 8)
        put(datagram(1, 10), &sending, to: far)
        _ = sending.flush(descriptors: [near.descriptor])
        var batch = ReceiveBatch(capacity: 2)
        let first = batch.receive(from: far.descriptor)
        put(datagram(2, 20), &sending, to: far)
        put(datagram(3, 30), &sending, to: far)
        _ = sending.flush(descriptors: [near.descriptor])
        let second = batch.receive(from: far.descriptor, after: first)
        #expect(first == 1 && second == 1)
        let lengths = [batch.firstDatagram(0).length, batch.firstDatagram(1).length]
        #expect(lengths == [10, 20])
        #expect(batch.unguardedBytes(of: batch.firstDatagram(0)).copied() == datagram(1, 10))
        #expect(batch.receive(from: far.descriptor, after: 2) == 0)
    }
}
