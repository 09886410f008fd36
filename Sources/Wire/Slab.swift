/// A handle to a slab's element: its index and the generation it was inserted with, so that a handle
/// kept after removal finds nothing instead of a stranger.
public struct SlabHandle: Hashable, Sendable, BitwiseCopyable {
    public let index: UInt32
    public let generation: UInt32

    @inlinable public init(index: UInt32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }
}

/// Plain-data records at fixed addresses in memory that somebody else owns.
///
/// This is what a successor process takes over: the memory may be a file shared with it, every
/// record is bitwise copyable, and the header of each slot says whether and in which generation it
/// is live. Nothing here refers to the heap. Memory must be zeroed before first use.
@safe public struct Slab<Record: BitwiseCopyable>: ~Copyable {
    /// What precedes each record in memory.
    struct Header: BitwiseCopyable {
        var generation: UInt32
        var isLive: UInt32
    }

    public let capacity: Int
    public private(set) var count = 0
    private let base: UnsafeMutableRawPointer
    private var free: [UInt32]

    static var stride: Int {
        let alignment = max(MemoryLayout<Record>.alignment, 16)
        return (16 + MemoryLayout<Record>.stride + alignment - 1) / alignment * alignment
    }

    /// Bytes that a slab of `capacity` records needs.
    public static func byteCount(capacity: Int) -> Int { stride * capacity }

    /// A slab over zeroed or previously used `memory`; records that are live in it stay live.
    public init(memory: UnsafeMutableRawBufferPointer, capacity: Int) {
        precondition(capacity > 0 && memory.count >= Self.byteCount(capacity: capacity))
        guard let start = memory.baseAddress else { preconditionFailure("a slab needs memory") }
        self.capacity = capacity
        unsafe base = start
        free = []
        for index in (0..<capacity).reversed() {
            let header = unsafe Self.header(at: start, index).pointee
            if header.isLive == 1 { count += 1 } else { free.append(UInt32(index)) }
        }
    }

    /// Stores `record` in a free slot; nil when full.
    public mutating func insert(_ record: Record) -> SlabHandle? {
        guard let index = free.popLast() else { return nil }
        let header = unsafe Self.header(at: base, Int(index))
        let generation = unsafe header.pointee.generation &+ 1
        unsafe self.record(at: Int(index)).initialize(to: record)
        unsafe header.pointee = Header(generation: generation, isLive: 1)
        count += 1
        return SlabHandle(index: index, generation: generation)
    }

    /// Takes a free slot as it is, all zero, for a record whose zeroed memory is a valid beginning: of a large one
    /// only what is written then costs memory. nil when full.
    public mutating func insertZeroed() -> SlabHandle? {
        guard let index = free.popLast() else { return nil }
        let header = unsafe Self.header(at: base, Int(index))
        let generation = unsafe header.pointee.generation &+ 1
        unsafe header.pointee = Header(generation: generation, isLive: 1)
        count += 1
        return SlabHandle(index: index, generation: generation)
    }

    /// Frees the slot and zeroes the record (it may hold keys). False when the handle is stale.
    @discardableResult
    public mutating func remove(_ handle: SlabHandle) -> Bool {
        unsafe remove(handle) { record in
            unsafe UnsafeMutableRawPointer(record)
                .initializeMemory(as: UInt8.self, repeating: 0, count: MemoryLayout<Record>.stride)
        }
    }

    /// The same for an owner who knows what of the record was written: `erase` leaves it all zero, without touching
    /// the rest. It is freed after that, so that no free slot ever holds anything, even if the process dies here.
    @discardableResult
    public mutating func remove(_ handle: SlabHandle, erase: (UnsafeMutablePointer<Record>) -> Void) -> Bool {
        guard contains(handle) else { return false }
        let index = Int(handle.index)
        unsafe erase(record(at: index))
        unsafe Self.header(at: base, index).pointee.isLive = 0
        free.append(handle.index)
        count -= 1
        return true
    }

    public func contains(_ handle: SlabHandle) -> Bool {
        guard handle.index < capacity else { return false }
        let header = unsafe Self.header(at: base, Int(handle.index)).pointee
        return header.isLive == 1 && header.generation == handle.generation
    }

    /// The record's address, stable until removal; nil when the handle is stale.
    public func pointer(to handle: SlabHandle) -> UnsafeMutablePointer<Record>? {
        guard contains(handle) else { return nil }
        return unsafe record(at: Int(handle.index))
    }

    /// The handles of all live records, in index order.
    public var handles: [SlabHandle] {
        (0..<capacity).compactMap { index in
            let header = unsafe Self.header(at: base, index).pointee
            return header.isLive == 1 ? SlabHandle(index: UInt32(index), generation: header.generation) : nil
        }
    }

    private static func header(at base: UnsafeMutableRawPointer, _ index: Int) -> UnsafeMutablePointer<Header> {
        unsafe base.advanced(by: index * stride).assumingMemoryBound(to: Header.self)
    }

    private func record(at index: Int) -> UnsafeMutablePointer<Record> {
        unsafe base.advanced(by: index * Self.stride + 16).assumingMemoryBound(to: Record.self)
    }
}
