import CLinux
import Forwarding
import Transport
public import Wire

/// The memory file of one reactor: all that the next process needs to go on where this one stops. A header, then the
/// slabs of transports and of rewriters, which are written in place as packets go, then the journal of what the
/// controller asked for.
@safe public final class ReactorMemory: @unchecked Sendable {
    /// Endpoints that there is room for.
    public let capacity: Int
    private let mapped: MemoryFile
    /// Somebody else worked in it before.
    public let isInherited: Bool

    /// Journal blocks for each endpoint: 12 KiB. What is not used stays untouched.
    private static let blocksPerEndpoint = 24

    /// Integers only: any content may be read.
    struct Header: BitwiseCopyable {
        var magic: UInt64
        var layout: UInt64
        /// When the reactor last came round, by the host's monotonic clock: a stalled one shows here.
        var lastTurn: UInt64
        /// The slot whose packet is being handled, plus one.
        var workingSlot: UInt64
        /// The session whose command is being carried out, hashed; 0 for none.
        var workingSession: UInt64
        /// The same of what was being done when the process before the last one ended by a fault of its own.
        var suspect: UInt64
        /// The last process ended by a fault of its own; set by whoever watches.
        var hasFaulted: UInt64
        /// The process that works here is past taking over.
        var isSettled: UInt64
        /// Nanoseconds from the last turn of the process before to the taking over; 0 for none.
        var standstill: UInt64
        /// What is in it may be another worker's by now: nothing leaves until that is known.
        var isFenced: UInt64
    }

    private static let magic: UInt64 = 0x4150_5553_4D45_4D31
    private static let headerBytes = 4096

    /// New memory.
    public init(capacity: Int) {
        self.capacity = capacity
        mapped = MemoryFile(byteCount: Self.byteCount(capacity: capacity))
        isInherited = false
        begin()
    }

    /// Memory that another process worked in, and closes with this object; where it is of another layout it is begun
    /// anew. Nil where it is no memory file of the size.
    public init?(adopting descriptor: Int32, capacity: Int) {
        guard let mapped = MemoryFile(adopting: descriptor, byteCount: Self.byteCount(capacity: capacity)) else {
            return nil
        }
        self.capacity = capacity
        self.mapped = mapped
        let header = unsafe mapped.slice(0..<Self.headerBytes).load(as: Header.self)
        isInherited = header.magic == Self.magic && header.layout == Self.layout(capacity: capacity)
        if !isInherited {
            unsafe mapped.slice(0..<mapped.byteCount).initializeMemory(as: UInt8.self, repeating: 0)
            begin()
        }
    }

    /// Whether this program could go on with what another process left there, or works on now. Changes nothing.
    public static func fits(_ descriptor: Int32, capacity: Int) -> Bool {
        guard let mapped = MemoryFile(adopting: apus_duplicate(descriptor), byteCount: byteCount(capacity: capacity))
        else { return false }
        let header = unsafe mapped.slice(0..<headerBytes).load(as: Header.self)
        return header.magic == magic && header.layout == layout(capacity: capacity)
    }

    /// To be handed to the next process.
    public var descriptor: Int32 { mapped.descriptor }

    private func begin() {
        unsafe header.pointee.layout = Self.layout(capacity: capacity)
        unsafe header.pointee.magic = Self.magic
    }

    /// Changes whenever anything in it lies elsewhere or means something else.
    private static func layout(capacity: Int) -> UInt64 {
        var hash = UInt64(TransportRecord.currentVersion)
        for part in [capacity, recordBytes(capacity), rewriterBytes(capacity), blocksPerEndpoint] {
            hash = (hash ^ UInt64(part)) &* 0x100_0000_01B3
        }
        return hash
    }

    private static func recordBytes(_ capacity: Int) -> Int { Slab<TransportRecord>.byteCount(capacity: capacity) }
    private static func rewriterBytes(_ capacity: Int) -> Int { Router.memoryByteCount(capacity: capacity) }
    private static func journalBytes(_ capacity: Int) -> Int {
        Journal.byteCount(blocks: capacity * blocksPerEndpoint)
    }

    static func byteCount(capacity: Int) -> Int {
        headerBytes + recordBytes(capacity) + rewriterBytes(capacity) + journalBytes(capacity)
    }

    private func part(_ start: Int, _ length: Int) -> UnsafeMutableRawBufferPointer {
        unsafe mapped.slice(start..<(start + length))
    }

    var records: UnsafeMutableRawBufferPointer { unsafe part(Self.headerBytes, Self.recordBytes(capacity)) }

    var rewriters: UnsafeMutableRawBufferPointer {
        unsafe part(Self.headerBytes + Self.recordBytes(capacity), Self.rewriterBytes(capacity))
    }

    var journal: UnsafeMutableRawBufferPointer {
        unsafe part(
            Self.headerBytes + Self.recordBytes(capacity) + Self.rewriterBytes(capacity), Self.journalBytes(capacity))
    }

    /// Stable as long as the object.
    var header: UnsafeMutablePointer<Header> {
        guard let base = unsafe mapped.slice(0..<Self.headerBytes).baseAddress else {
            preconditionFailure("a mapping has an address")
        }
        return unsafe base.assumingMemoryBound(to: Header.self)
    }

    /// For tests that damage it.
    var everything: UnsafeMutableRawBufferPointer { unsafe mapped.slice(0..<mapped.byteCount) }

    // MARK: For who watches the process

    /// When the reactor last came round, by the host's monotonic clock.
    public var lastTurn: Instant { Instant(nanoseconds: unsafe header.pointee.lastTurn) }

    func noteTurn(_ now: Instant) { unsafe header.pointee.lastTurn = now.nanoseconds }

    /// The process that works here is past taking over.
    public var isSettled: Bool { unsafe header.pointee.isSettled == 1 }

    /// How long nobody had worked here when the present process took over; zero for the first.
    public var standstill: Interval { .nanoseconds(Int64(clamping: unsafe header.pointee.standstill)) }

    /// Before the next process starts: how the last one ended.
    public func noteEnd(byFault: Bool) {
        unsafe header.pointee.hasFaulted = byFault ? 1 : 0
        unsafe header.pointee.isSettled = 0
    }

    /// Forgets everything that is in it.
    public func erase() {
        unsafe mapped.slice(0..<mapped.byteCount).initializeMemory(as: UInt8.self, repeating: 0)
        begin()
    }
}
