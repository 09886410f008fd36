import CLinux
import Reactor
import Session
import Store

/// What of a worker's control plane outlives its process: how far it has read its commands, and which process that
/// was.
@safe public final class WorkerMemory: @unchecked Sendable {
    private let mapped: MemoryFile

    private static let byteCount = 4096
    private static let magic: UInt64 = 0x4150_5553_574B_5231

    public init() { mapped = MemoryFile(byteCount: Self.byteCount) }

    /// Nil where it is no such file.
    public init?(adopting descriptor: Int32) {
        guard let mapped = MemoryFile(adopting: descriptor, byteCount: Self.byteCount) else { return nil }
        self.mapped = mapped
    }

    /// To be handed to the next process.
    public var descriptor: Int32 { mapped.descriptor }

    /// Commands up to here have been carried out and answered; nil before the first process has begun.
    var cursor: StreamCursor? {
        get {
            let memory = unsafe mapped.bytes
            guard unsafe memory.load(as: UInt64.self) == Self.magic else { return nil }
            let count = Int(unsafe memory.load(fromByteOffset: 8, as: UInt64.self))
            guard count > 0, count <= 64 else { return nil }
            return StreamCursor(text: unsafe String(decoding: memory[16..<(16 + count)], as: UTF8.self))
        }
        set {
            guard let text = newValue?.rawValue, text.utf8.count <= 64 else { return }
            let memory = unsafe mapped.bytes
            // Half written it is nothing.
            unsafe memory.storeBytes(of: 0, as: UInt64.self)
            for (index, byte) in text.utf8.enumerated() { unsafe memory[16 + index] = byte }
            unsafe memory.storeBytes(of: UInt64(text.utf8.count), toByteOffset: 8, as: UInt64.self)
            unsafe memory.storeBytes(of: Self.magic, as: UInt64.self)
        }
    }

    /// The media process that works on what belongs to this memory; 0 for none.
    public var process: Int32 {
        get { unsafe mapped.bytes.load(fromByteOffset: Self.processOffset, as: Int32.self) }
        set { unsafe mapped.bytes.storeBytes(of: newValue, toByteOffset: Self.processOffset, as: Int32.self) }
    }

    /// Whether a process of this worker has ever had the worker's name; from then on it may be kept for the next one.
    public internal(set) var holdsName: Bool {
        get { unsafe mapped.bytes.load(fromByteOffset: Self.nameOffset, as: Int32.self) == 1 }
        set { unsafe mapped.bytes.storeBytes(of: newValue ? 1 : 0, toByteOffset: Self.nameOffset, as: Int32.self) }
    }

    /// The media process that waits to take over, once it is loaded and connected; 0 for none.
    public var waiting: Int32 {
        get { unsafe mapped.bytes.load(fromByteOffset: Self.waitingOffset, as: Int32.self) }
        set { unsafe mapped.bytes.storeBytes(of: newValue, toByteOffset: Self.waitingOffset, as: Int32.self) }
    }

    /// The process that is to take over now; 0 for none.
    public var chosen: Int32 {
        get { unsafe mapped.bytes.load(fromByteOffset: Self.chosenOffset, as: Int32.self) }
        set { unsafe mapped.bytes.storeBytes(of: newValue, toByteOffset: Self.chosenOffset, as: Int32.self) }
    }

    /// The process that was asked to hand over and touches nothing any more; 0 for none.
    public var departed: Int32 {
        get { unsafe mapped.bytes.load(fromByteOffset: Self.departedOffset, as: Int32.self) }
        set { unsafe mapped.bytes.storeBytes(of: newValue, toByteOffset: Self.departedOffset, as: Int32.self) }
    }

    /// Counts of all processes so far.
    var counts: SuccessionCounts {
        get {
            func word(_ index: Int) -> UInt64 {
                unsafe mapped.bytes.load(fromByteOffset: Self.countsOffset + 8 * index, as: UInt64.self)
            }
            var counts = SuccessionCounts()
            counts.failovers = word(0)
            counts.upgrades = word(1)
            counts.standstill = Double(word(2)) / 1e6
            counts.lastStandstill = Double(word(3)) / 1e6
            return counts
        }
        set {
            let nanoseconds = [newValue.standstill, newValue.lastStandstill].map { UInt64(max(0, $0 * 1e6)) }
            for (index, word) in ([newValue.failovers, newValue.upgrades] + nanoseconds).enumerated() {
                unsafe mapped.bytes.storeBytes(of: word, toByteOffset: Self.countsOffset + 8 * index, as: UInt64.self)
            }
        }
    }

    /// Of the last direct heartbeat: a successor goes on counting, or nobody would hear it.
    var heartbeatSequence: UInt64 {
        get { unsafe mapped.bytes.load(fromByteOffset: Self.sequenceOffset, as: UInt64.self) }
        set { unsafe mapped.bytes.storeBytes(of: newValue, toByteOffset: Self.sequenceOffset, as: UInt64.self) }
    }

    private static let processOffset = 128
    private static let nameOffset = 132
    private static let waitingOffset = 136
    private static let chosenOffset = 140
    private static let departedOffset = 144
    private static let countsOffset = 152
    private static let sequenceOffset = 184
}
