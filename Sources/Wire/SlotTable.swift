/// Values of a noncopyable type at fixed small indices, in place: what `Array` cannot hold.
///
/// One allocation, untouched until used. Inlinable, because a reactor reaches into it for each packet.
@safe public struct SlotTable<Element: ~Copyable>: ~Copyable {
    public let capacity: Int
    public private(set) var count = 0
    @usableFromInline let storage: UnsafeMutablePointer<Element>
    @usableFromInline var isLive: [Bool]
    private var free: [Int32]

    public init(capacity: Int) {
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
    public var nextIndex: Int32? { free.last }

    /// The caller has checked ``nextIndex``.
    public mutating func insert(_ element: consuming Element) -> Int32 {
        guard let index = free.popLast() else { preconditionFailure("the caller checks nextIndex") }
        unsafe (storage + Int(index)).initialize(to: element)
        isLive[Int(index)] = true
        count += 1
        return index
    }

    /// Puts an element where it was before, in another process. The caller has checked that the place is free; it takes
    /// time with the capacity.
    public mutating func insert(_ element: consuming Element, at index: Int32) {
        guard let position = free.firstIndex(of: index) else { preconditionFailure("the caller checks contains(_:)") }
        free.remove(at: position)
        unsafe (storage + Int(index)).initialize(to: element)
        isLive[Int(index)] = true
        count += 1
    }

    public mutating func remove(_ index: Int32) {
        precondition(contains(index))
        unsafe (storage + Int(index)).deinitialize(count: 1)
        isLive[Int(index)] = false
        free.append(index)
        count -= 1
    }

    @inlinable public func contains(_ index: Int32) -> Bool {
        index >= 0 && index < capacity && isLive[Int(index)]
    }

    @inlinable public subscript(index: Int32) -> Element {
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
