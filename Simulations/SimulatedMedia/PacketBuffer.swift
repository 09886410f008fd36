import Wire

/// Memory for one packet that is made in place.
@safe struct PacketBuffer: ~Copyable {
    private let memory: UnsafeMutableRawBufferPointer
    /// The longest packet, its trailer included.
    static let size = 4_096

    init() {
        unsafe memory = .allocate(byteCount: Self.size, alignment: 64)
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
    }

    deinit { unsafe memory.deallocate() }

    /// All of it. The caller has one span at a time.
    @unsafe @_lifetime(immortal) func unguarded() -> MutableRawSpan {
        unsafe _overrideLifetime(MutableRawSpan(_unsafeBytes: memory), copying: ())
    }
}
