/// Notes in memory that outlives the process: what was asked of it, for the process that goes on in its place.
///
/// Each note is some bytes, kept in a chain of blocks with a checksum over all of them. A process that is killed
/// leaves at most the note torn that it was writing; a successor finds the others as they were, in the order in which
/// they were written, and a torn or damaged one is freed and counted. Not for the packet path.
@safe public struct Journal: ~Copyable {
    /// Bytes of a block, its header included.
    public static let blockBytes = 512
    static let payloadBytes = blockBytes - MemoryLayout<Block>.stride

    /// What precedes a block's bytes. Integers only: any content may be read.
    struct Block: BitwiseCopyable {
        /// Of a first block: over order, length and all bytes of the note.
        var checksum: UInt64 = 0
        /// Of a first block: its place among all notes, from 1.
        var order: UInt64 = 0
        /// Of a first block: bytes of the note.
        var length: UInt32 = 0
        /// The next block of the note; ``none`` at its end.
        var next: UInt32 = Journal.none
        /// ``free``, ``first`` or ``further``.
        var kind: UInt32 = 0
        var reserved: UInt32 = 0
    }

    private static let none = UInt32.max
    private static let free: UInt32 = 0
    private static let first: UInt32 = 0x4A4E_4F54
    private static let further: UInt32 = 0x4A4D_4F52

    /// A note's place; valid until it is removed.
    public struct Note: Hashable, Sendable, BitwiseCopyable {
        let block: UInt32
    }

    private let base: UnsafeMutableRawPointer
    public let blockCount: Int
    private var vacant: [UInt32] = []
    private var lastOrder: UInt64 = 0
    /// Notes that were found torn or damaged, and freed.
    public private(set) var damaged = 0

    /// Bytes for `blocks` blocks.
    public static func byteCount(blocks: Int) -> Int { blocks * blockBytes }

    /// Over zeroed memory, or memory that a journal was in.
    public init(memory: UnsafeMutableRawBufferPointer) {
        guard let start = memory.baseAddress, memory.count >= Self.blockBytes else {
            preconditionFailure("a journal needs memory")
        }
        unsafe base = start
        blockCount = min(memory.count / Self.blockBytes, Int(UInt32.max) - 1)
        let isUsed = scavenge()
        vacant.reserveCapacity(blockCount)
        for index in (0..<blockCount).reversed() where !isUsed[index] { vacant.append(UInt32(index)) }
    }

    public var vacantBlocks: Int { vacant.count }

    // MARK: Writing

    /// Writes a note; nil when there is no room.
    public mutating func write(_ bytes: [UInt8]) -> Note? {
        let needed = max(1, (bytes.count + Self.payloadBytes - 1) / Self.payloadBytes)
        guard needed <= vacant.count, let length = UInt32(exactly: bytes.count) else { return nil }
        let blocks = Array(vacant.suffix(needed).reversed())
        vacant.removeLast(needed)
        lastOrder &+= 1
        // Backwards: the first block, which makes it a note, comes last.
        for position in (0..<needed).reversed() {
            let range = (position * Self.payloadBytes)..<min(bytes.count, (position + 1) * Self.payloadBytes)
            fill(blocks[position], bytes, range)
            var header = Block()
            header.next = position + 1 < needed ? blocks[position + 1] : Self.none
            header.kind = position == 0 ? Self.first : Self.further
            if position == 0 {
                header.order = lastOrder
                header.length = length
                header.checksum = Self.checksum(bytes, order: lastOrder)
            }
            unsafe self.header(blocks[position]).pointee = header
        }
        return Note(block: blocks[0])
    }

    /// Writes a note in place of another, which is there until the new one is.
    public mutating func replace(_ note: Note?, with bytes: [UInt8]) -> Note? {
        let new = write(bytes)
        if let note { remove(note) }
        return new
    }

    public mutating func remove(_ note: Note) {
        var block = note.block
        var freed: [UInt32] = []
        while block < blockCount, freed.count < blockCount {
            let next = unsafe header(block).pointee.next
            unsafe header(block).pointee = Block()
            freed.append(block)
            block = next
        }
        vacant.append(contentsOf: freed.reversed())
    }

    // MARK: Reading

    /// All notes, in the order in which they were written.
    public var notes: [(note: Note, bytes: [UInt8])] {
        var found: [(order: UInt64, note: Note, bytes: [UInt8])] = []
        for index in 0..<UInt32(blockCount) where unsafe header(index).pointee.kind == Self.first {
            guard let (bytes, _) = read(index) else { continue }
            found.append((unsafe header(index).pointee.order, Note(block: index), bytes))
        }
        found.sort { $0.order < $1.order }
        return found.map { ($0.note, $0.bytes) }
    }

    /// Frees what is no note, and says which blocks are of one.
    private mutating func scavenge() -> [Bool] {
        var isUsed = [Bool](repeating: false, count: blockCount)
        for index in 0..<UInt32(blockCount) where unsafe header(index).pointee.kind == Self.first {
            guard let (_, blocks) = read(index), !blocks.contains(where: { isUsed[Int($0)] }) else {
                damaged += 1
                continue
            }
            for block in blocks { isUsed[Int(block)] = true }
            lastOrder = max(lastOrder, unsafe header(index).pointee.order)
        }
        for index in 0..<blockCount where !isUsed[index] {
            guard unsafe header(UInt32(index)).pointee.kind != Self.free else { continue }
            unsafe header(UInt32(index)).pointee = Block()
        }
        return isUsed
    }

    /// The note that begins at `index`, and its blocks; nil when it is not whole.
    private func read(_ index: UInt32) -> (bytes: [UInt8], blocks: [UInt32])? {
        let head = unsafe header(index).pointee
        let length = Int(head.length)
        let needed = max(1, (length + Self.payloadBytes - 1) / Self.payloadBytes)
        guard needed <= blockCount else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(length)
        var blocks: [UInt32] = []
        var block = index
        while blocks.count < needed {
            guard block < blockCount else { return nil }
            let kind = unsafe header(block).pointee.kind
            guard kind == (blocks.isEmpty ? Self.first : Self.further) else { return nil }
            blocks.append(block)
            let count = min(Self.payloadBytes, length - bytes.count)
            unsafe bytes.append(contentsOf: UnsafeRawBufferPointer(start: payload(block), count: count))
            block = unsafe header(block).pointee.next
        }
        guard block == Self.none, head.checksum == Self.checksum(bytes, order: head.order) else { return nil }
        return (bytes, blocks)
    }

    // MARK: Blocks

    private func header(_ block: UInt32) -> UnsafeMutablePointer<Block> {
        unsafe base.advanced(by: Int(block) * Self.blockBytes).assumingMemoryBound(to: Block.self)
    }

    private func payload(_ block: UInt32) -> UnsafeMutableRawPointer {
        unsafe base.advanced(by: Int(block) * Self.blockBytes + MemoryLayout<Block>.stride)
    }

    private func fill(_ block: UInt32, _ bytes: [UInt8], _ range: Range<Int>) {
        unsafe bytes.withUnsafeBytes { source in
            let part = unsafe UnsafeRawBufferPointer(rebasing: source[range])
            unsafe UnsafeMutableRawBufferPointer(start: payload(block), count: Self.payloadBytes)
                .copyMemory(from: part)
        }
    }

    /// FNV-1a: against torn writes and stray ones, not against an attacker who can write here.
    private static func checksum(_ bytes: [UInt8], order: UInt64) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return (hash ^ order ^ UInt64(bytes.count) << 40) &* 0x100_0000_01B3
    }
}
