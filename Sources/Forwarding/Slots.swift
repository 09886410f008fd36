/// A fixed number of places for noncopyable values, found by index.
///
/// What `Array` cannot hold, and without its reference counting: one allocation, untouched until used.
@safe struct Slots<Element: ~Copyable>: ~Copyable {
    let capacity: Int
    private let base: UnsafeMutablePointer<Element>
    private var live: [Bool]
    private var free: [Int32]
    private(set) var count = 0

    init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
        unsafe base = .allocate(capacity: capacity)
        live = Array(repeating: false, count: capacity)
        free = (0..<Int32(capacity)).reversed()
    }

    deinit {
        for index in 0..<capacity where live[index] {
            unsafe base.advanced(by: index).deinitialize(count: 1)
        }
        unsafe base.deallocate()
    }

    /// Keeps `element` in a free place; nil, and the element is gone, when all are taken.
    mutating func insert(_ element: consuming Element) -> Int? {
        guard let index = free.popLast() else { return nil }
        unsafe base.advanced(by: Int(index)).initialize(to: element)
        live[Int(index)] = true
        count += 1
        return Int(index)
    }

    mutating func remove(_ index: Int) {
        precondition(live[index])
        unsafe base.advanced(by: index).deinitialize(count: 1)
        live[index] = false
        free.append(Int32(index))
        count -= 1
    }

    func contains(_ index: Int) -> Bool { index >= 0 && index < capacity && live[index] }

    subscript(index: Int) -> Element {
        unsafeAddress {
            precondition(live[index])
            return unsafe UnsafePointer(base.advanced(by: index))
        }
        unsafeMutableAddress {
            precondition(live[index])
            return unsafe base.advanced(by: index)
        }
    }
}
