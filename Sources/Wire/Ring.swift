/// A bounded first-in first-out queue. Full is an answer, never a wait. Inlinable, so that each element type gets
/// code of its own.
public struct Ring<Element> {
    /// The most that it holds.
    public let capacity: Int
    @usableFromInline var length = 0
    @inlinable public var count: Int { length }
    /// Places that memory is kept for also while they are empty.
    @usableFromInline let reserve: Int
    @usableFromInline var slots: [Element?]
    @usableFromInline var head = 0

    /// - Parameter reserving: places to keep memory for; all by default, so that nothing is allocated later. A ring
    ///   that is nearly always empty may reserve 0: it takes memory as it fills and returns it when it is empty again.
    @inlinable public init(capacity: Int, reserving reserve: Int? = nil) {
        precondition(capacity > 0)
        self.capacity = capacity
        self.reserve = min(reserve ?? capacity, capacity)
        slots = Array(repeating: nil, count: self.reserve)
    }

    @inlinable public var isEmpty: Bool { count == 0 }
    @inlinable public var isFull: Bool { count == capacity }

    /// False, and nothing changes, when the ring is full.
    @discardableResult
    @inlinable public mutating func push(_ element: Element) -> Bool {
        guard count < capacity else { return false }
        if count == slots.count { grow() }
        slots[(head + count) % slots.count] = element
        length += 1
        return true
    }

    /// Pushes, throwing out the oldest element when full; returns what was thrown out.
    @discardableResult
    @inlinable public mutating func pushEvictingOldest(_ element: Element) -> Element? {
        let evicted = isFull ? pop() : nil
        push(element)
        return evicted
    }

    @inlinable public mutating func pop() -> Element? {
        guard count > 0 else { return nil }
        defer {
            slots[head] = nil
            head = (head + 1) % slots.count
            length -= 1
            if count == 0, slots.count > reserve { shrink() }
        }
        return slots[head]
    }

    @inlinable public var first: Element? { count > 0 ? slots[head] : nil }

    /// Doubles the places, oldest first.
    @inlinable mutating func grow() {
        var larger = [Element?](repeating: nil, count: min(max(slots.count * 2, 4), capacity))
        for index in 0..<count { larger[index] = slots[(head + index) % slots.count] }
        slots = larger
        head = 0
    }

    @inlinable mutating func shrink() {
        slots = Array(repeating: nil, count: reserve)
        head = 0
    }
}

extension Ring: Sendable where Element: Sendable {}
