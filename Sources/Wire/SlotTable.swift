/// Values of a noncopyable type at fixed small indices: a reactor's peers live here, in place.
@safe struct SlotTable<Element: ~Copyable>: ~Copyable {
    let capacity: Int
    private(set) var count = 0
    private let storage: UnsafeMutablePointer<Element>
    private var isLive: [Bool]
    private var free: [Int32]

    init(capacity: Int) {
        self.capacity = capacity
        unsafe storage = .allocate(capacity: capacity)
        isLive = Array(repeating: false, count: capacity)
        free = (0..<Int32(capacity)).reversed()
    }

    deinit {
        for index in 0..<capacity where isLive[index] { unsafe (storage + index).deinitialize(count: 1) }
        unsafe storage.deallocate()
    }

    /// The index that the next ``insert(_:)`` will use; nil when full.
    var nextIndex: Int32? { free.last }

    mutating func insert(_ element: consuming Element) -> Int32 {
        guard let index = free.popLast() else { preconditionFailure("the caller checks nextIndex") }
        unsafe (storage + Int(index)).initialize(to: element)
        isLive[Int(index)] = true
        count += 1
        return index
    }

    mutating func remove(_ index: Int32) {
        precondition(contains(index))
        unsafe (storage + Int(index)).deinitialize(count: 1)
        isLive[Int(index)] = false
        free.append(index)
        count -= 1
    }

    func contains(_ index: Int32) -> Bool { index >= 0 && index < capacity && isLive[Int(index)] }

    subscript(index: Int32) -> Element {
        // Addressors, not coroutines: those may allocate their frame, and this is per packet.
        unsafeAddress {
            precondition(contains(index))
            return unsafe UnsafePointer(storage + Int(index))
        }
        unsafeMutableAddress {
            precondition(contains(index))
            return unsafe storage + Int(index)
        }
    }
}
