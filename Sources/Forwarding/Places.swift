import CPrefetch

/// One place for each of a fixed number of keys, for noncopyable values.
///
/// What `Array` cannot hold, and without its reference counting: one allocation, untouched until used.
@safe struct Places<Element: ~Copyable>: ~Copyable {
    let capacity: Int
    private let base: UnsafeMutablePointer<Element>
    private var isTaken: [Bool]

    init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
        unsafe base = .allocate(capacity: capacity)
        isTaken = Array(repeating: false, count: capacity)
    }

    deinit {
        for key in 0..<capacity where isTaken[key] {
            unsafe base.advanced(by: key).deinitialize(count: 1)
        }
        unsafe base.deallocate()
    }

    func contains(_ key: Int) -> Bool { key >= 0 && key < capacity && isTaken[key] }

    /// Puts `element` where nothing may be yet.
    mutating func put(_ element: consuming Element, at key: Int) {
        precondition(!isTaken[key])
        unsafe base.advanced(by: key).initialize(to: element)
        isTaken[key] = true
    }

    /// Empties a place that something is in.
    mutating func remove(_ key: Int) {
        precondition(isTaken[key])
        unsafe base.advanced(by: key).deinitialize(count: 1)
        isTaken[key] = false
    }

    /// Where the element is, for accessors.
    @unsafe func address(_ key: Int) -> UnsafeMutablePointer<Element> {
        precondition(isTaken[key])
        return unsafe base.advanced(by: key)
    }

    /// Has the processor begin to load the element, if there is one, or its first bytes.
    @inline(__always)
    func prefetch(_ key: Int, bytes: Int = MemoryLayout<Element>.size) {
        guard contains(key) else { return }
        unsafe apus_prefetch(base.advanced(by: key), min(bytes, MemoryLayout<Element>.size))
    }

    subscript(key: Int) -> Element {
        unsafeAddress { unsafe UnsafePointer(address(key)) }
        unsafeMutableAddress { unsafe address(key) }
    }
}
