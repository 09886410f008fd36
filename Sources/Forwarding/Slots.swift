/// A fixed number of places for noncopyable values that need no key of their own: whoever comes gets a free one.
@safe struct Slots<Element: ~Copyable>: ~Copyable {
    private var places: Places<Element>
    private var free: [Int32]
    private(set) var count = 0

    init(capacity: Int) {
        places = Places(capacity: capacity)
        free = (0..<Int32(capacity)).reversed()
    }

    var capacity: Int { places.capacity }

    /// Keeps `element` in a free place; nil, and the element is gone, when all are taken.
    mutating func insert(_ element: consuming Element) -> Int? {
        guard let index = free.popLast() else { return nil }
        places.put(element, at: Int(index))
        count += 1
        return Int(index)
    }

    mutating func remove(_ index: Int) {
        places.remove(index)
        free.append(Int32(index))
        count -= 1
    }

    func contains(_ index: Int) -> Bool { places.contains(index) }

    /// As ``Places/prefetch(_:bytes:)``.
    @inline(__always)
    func prefetch(_ index: Int, bytes: Int) { places.prefetch(index, bytes: bytes) }

    subscript(index: Int) -> Element {
        unsafeAddress { unsafe UnsafePointer(places.address(index)) }
        unsafeMutableAddress { unsafe places.address(index) }
    }
}
