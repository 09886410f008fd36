/// Which peer a datagram is from: an open-addressed map from tuple to slot. Fixed size, no allocation
/// after `init`; full is an answer. Inlinable, because it is asked for each packet.
public struct TupleTable: Sendable {
    @usableFromInline struct Entry: Sendable {
        @usableFromInline var tuple: Tuple
        @usableFromInline var slot: Int32

        @usableFromInline init(tuple: Tuple, slot: Int32) {
            self.tuple = tuple
            self.slot = slot
        }
    }

    @usableFromInline static var empty: Int32 { -1 }
    @usableFromInline var entries: [Entry]
    @usableFromInline let mask: Int
    public private(set) var count = 0
    public let capacity: Int

    /// Room for `capacity` tuples at a load of at most one half.
    public init(capacity: Int) {
        var size = 16
        while size < capacity * 2 { size *= 2 }
        let nowhere = Tuple(socket: 0, remote: SocketAddress(ip: IPAddress(ipv4: 0), port: 0))
        entries = Array(repeating: Entry(tuple: nowhere, slot: Self.empty), count: size)
        mask = size - 1
        self.capacity = capacity
    }

    @inlinable public func slot(for tuple: Tuple) -> Int32? {
        var index = home(of: tuple)
        while entries[index].slot != Self.empty {
            if entries[index].tuple == tuple { return entries[index].slot }
            index = (index + 1) & mask
        }
        return nil
    }

    /// False when the table is full.
    public mutating func set(_ tuple: Tuple, to slot: Int32) -> Bool {
        var index = home(of: tuple)
        while entries[index].slot != Self.empty {
            if entries[index].tuple == tuple {
                entries[index].slot = slot
                return true
            }
            index = (index + 1) & mask
        }
        guard count < capacity else { return false }
        entries[index] = Entry(tuple: tuple, slot: slot)
        count += 1
        return true
    }

    /// Forgets `tuple` if it belongs to `slot`, and closes the gap by moving later entries back.
    public mutating func remove(_ tuple: Tuple, ownedBy slot: Int32) {
        var index = home(of: tuple)
        while entries[index].slot != Self.empty, entries[index].tuple != tuple { index = (index + 1) & mask }
        guard entries[index].slot == slot else { return }
        var hole = index
        var probe = (index + 1) & mask
        while entries[probe].slot != Self.empty {
            let wanted = home(of: entries[probe].tuple)
            // An entry may fill the hole unless its home lies cyclically in (hole, probe].
            if (probe - wanted) & mask >= (probe - hole) & mask {
                entries[hole] = entries[probe]
                hole = probe
            }
            probe = (probe + 1) & mask
        }
        entries[hole].slot = Self.empty
        count -= 1
    }

    @inlinable func home(of tuple: Tuple) -> Int {
        let ip = tuple.remote.ip
        var mixed = ip.low ^ ip.high.byteSwapped ^ UInt64(tuple.remote.port) << 40 ^ UInt64(tuple.socket) << 56
        mixed = (mixed ^ mixed >> 31) &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: mixed >> 32) & mask
    }
}
