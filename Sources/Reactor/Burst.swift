import Forwarding
import RTP

/// Packets that arrived together and wait to be forwarded together, so that each subscriber gets what it is to
/// get of one publisher in one train.
struct Burst {
    struct Packet {
        var forward: Forward
        /// The plain packet.
        var datagram: ReceiveBatch.Datagram
        /// The next packet of the same publisher; ``none`` at the end.
        var next: Int32
    }

    static let none: Int32 = -1

    private(set) var packets: [Packet] = []
    /// The first packet of each publisher, in the order in which the publishers came, and the last one.
    private(set) var heads: [Int32] = []
    private var tails: [Int32] = []

    init() {
        packets.reserveCapacity(Limits.burstPackets)
        heads.reserveCapacity(Limits.burstPackets)
        tails.reserveCapacity(Limits.burstPackets)
    }

    var isEmpty: Bool { packets.isEmpty }
    var isFull: Bool { packets.count == Limits.burstPackets }

    /// The caller has checked ``isFull``.
    mutating func append(_ forward: Forward, _ datagram: ReceiveBatch.Datagram) {
        let index = Int32(truncatingIfNeeded: packets.count)
        packets.append(Packet(forward: forward, datagram: datagram, next: Self.none))
        for chain in 0..<heads.count
        where packets[Int(heads[chain])].forward.publisherSlot == forward.publisherSlot {
            packets[Int(tails[chain])].next = index
            tails[chain] = index
            return
        }
        heads.append(index)
        tails.append(index)
    }

    /// Makes packets of nearly one size that follow each other the same size by padding, so that they are one
    /// train: an encoder splits a frame into packets that differ by a byte. The last one may stay shorter.
    mutating func equalise() {
        for chain in 0..<heads.count {
            var first = heads[chain]
            while first != Self.none { first = equaliseRun(from: first) }
        }
    }

    /// The packet after the run.
    private mutating func equaliseRun(from first: Int32) -> Int32 {
        var (smallest, largest) = (size(first), size(first))
        var last = first
        var next = packets[Int(first)].next
        while next != Self.none {
            let size = size(next)
            guard max(largest, size) - min(smallest, size) <= Limits.trainPadding else { break }
            (smallest, largest) = (min(smallest, size), max(largest, size))
            last = next
            next = packets[Int(next)].next
        }
        var index = first
        while index != last {
            packets[Int(index)].forward.padding = UInt8(truncatingIfNeeded: largest - size(index))
            index = packets[Int(index)].next
        }
        return next
    }

    /// What differs from packet to packet in a subscriber's copy.
    private func size(_ index: Int32) -> Int {
        let forward = packets[Int(index)].forward
        return forward.payloadRange.count + forward.header.extensionRange.count
    }

    mutating func removeAll() {
        packets.removeAll(keepingCapacity: true)
        heads.removeAll(keepingCapacity: true)
        tails.removeAll(keepingCapacity: true)
    }
}
