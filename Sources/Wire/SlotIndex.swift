public import CPrefetch

/// What a ``SlotIndex`` can look up.
public protocol SlotIndexKey: Equatable, Sendable, BitwiseCopyable {
    /// Spreads keys over a table; the upper 32 bits count. Not against keys that are chosen to collide.
    var slotHash: UInt64 { get }
    /// Any key: fills entries that have none.
    static var filler: Self { get }
}

/// Which slot a key belongs to: an open-addressed map. Fixed size, no allocation after `init`; full is an answer.
/// Inlinable, because it is asked for each packet.
public struct SlotIndex<Key: SlotIndexKey>: Sendable {
    @usableFromInline struct Entry: Sendable {
        @usableFromInline var key: Key
        @usableFromInline var slot: Int32

        @inlinable init(key: Key, slot: Int32) {
            self.key = key
            self.slot = slot
        }
    }

    @usableFromInline static var empty: Int32 { -1 }
    @usableFromInline var entries: [Entry]
    @usableFromInline let mask: Int
    @usableFromInline var used = 0
    public let capacity: Int

    @inlinable public var count: Int { used }

    /// Room for `capacity` keys at a load of at most one half.
    @inlinable public init(capacity: Int) {
        var size = 16
        while size < capacity * 2 { size *= 2 }
        entries = Array(repeating: Entry(key: Key.filler, slot: Self.empty), count: size)
        mask = size - 1
        self.capacity = capacity
    }

    @inlinable public func slot(for key: Key) -> Int32? {
        let slot = entries[place(of: key)].slot
        return slot == Self.empty ? nil : slot
    }

    /// Has the processor begin to load what ``slot(for:)`` will look at.
    @inlinable public func prefetch(_ key: Key) {
        unsafe entries.withUnsafeBufferPointer { entries in
            guard let base = entries.baseAddress else { return }
            unsafe apus_prefetch(base + home(of: key), MemoryLayout<Entry>.size)
        }
    }

    /// False when the table is full.
    @inlinable public mutating func set(_ key: Key, to slot: Int32) -> Bool {
        let index = place(of: key)
        if entries[index].slot != Self.empty {
            entries[index].slot = slot
            return true
        }
        guard used < capacity else { return false }
        entries[index] = Entry(key: key, slot: slot)
        used += 1
        return true
    }

    /// Forgets `key` if it belongs to `slot`, and closes the gap by moving later entries back.
    @inlinable public mutating func remove(_ key: Key, ownedBy slot: Int32) {
        var hole = place(of: key)
        guard slot != Self.empty, entries[hole].slot == slot else { return }
        var probe = (hole + 1) & mask
        while entries[probe].slot != Self.empty {
            let wanted = home(of: entries[probe].key)
            // An entry may fill the hole unless its home lies cyclically in (hole, probe].
            if (probe - wanted) & mask >= (probe - hole) & mask {
                entries[hole] = entries[probe]
                hole = probe
            }
            probe = (probe + 1) & mask
        }
        entries[hole].slot = Self.empty
        used -= 1
    }

    /// Where the key is, or the empty entry where it would go: half of them are.
    @inlinable func place(of key: Key) -> Int {
        var index = home(of: key)
        while entries[index].slot != Self.empty, entries[index].key != key { index = (index + 1) & mask }
        return index
    }

    @inlinable func home(of key: Key) -> Int { Int(truncatingIfNeeded: key.slotHash >> 32) & mask }
}

/// Which peer a datagram is from.
public typealias TupleTable = SlotIndex<Tuple>

extension Tuple: SlotIndexKey {
    @inlinable public var slotHash: UInt64 {
        let ip = remote.ip
        let mixed = ip.low ^ ip.high.byteSwapped ^ UInt64(remote.port) << 40 ^ UInt64(socket) << 56
        return (mixed ^ mixed >> 31) &* 0x9E37_79B9_7F4A_7C15
    }

    @inlinable public static var filler: Tuple {
        Tuple(socket: 0, remote: SocketAddress(ip: IPAddress(ipv4: 0), port: 0))
    }
}

/// An SSRC, say.
extension UInt32: SlotIndexKey {
    @inlinable public var slotHash: UInt64 { UInt64(self) &* 0x9E37_79B9_7F4A_7C15 }
    @inlinable public static var filler: UInt32 { 0 }
}
