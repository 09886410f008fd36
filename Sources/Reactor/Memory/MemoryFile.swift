import CLinux

/// Zeroed memory in a memory file: what lies here can be handed to a successor process.
@safe public final class MemoryFile: @unchecked Sendable {
    public let byteCount: Int
    private let base: UnsafeMutableRawPointer
    /// To be handed to another process.
    public let descriptor: Int32

    public init(byteCount: Int) {
        var descriptor: Int32 = -1
        guard let memory = unsafe apus_memory_map(byteCount, &descriptor) else {
            preconditionFailure("the kernel gives no memory file of \(byteCount) bytes")
        }
        unsafe base = memory
        self.byteCount = byteCount
        self.descriptor = descriptor
    }

    /// The memory file that another process made; nil where it is none of at least that size. It is this object's to
    /// close from now on.
    public init?(adopting descriptor: Int32, byteCount: Int) {
        guard let memory = unsafe apus_memory_adopt(byteCount, descriptor) else { return nil }
        unsafe base = memory
        self.byteCount = byteCount
        self.descriptor = descriptor
    }

    deinit { unsafe apus_memory_unmap(base, byteCount, descriptor) }

    /// All of it; valid as long as the object.
    public var bytes: UnsafeMutableRawBufferPointer { unsafe slice(0..<byteCount) }

    func slice(_ range: Range<Int>) -> UnsafeMutableRawBufferPointer {
        precondition(range.lowerBound >= 0 && range.upperBound <= byteCount)
        return unsafe UnsafeMutableRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }
}
