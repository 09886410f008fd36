/// A bounded first-in first-out queue. Full is an answer, never a wait or a growth.
public struct Ring<Element> {
    private var slots: [Element?]
    private var head = 0
    public private(set) var count = 0

    public init(capacity: Int) {
        precondition(capacity > 0)
        slots = Array(repeating: nil, count: capacity)
    }

    public var capacity: Int { slots.count }
    public var isEmpty: Bool { count == 0 }
    public var isFull: Bool { count == slots.count }

    /// False, and nothing changes, when the ring is full.
    @discardableResult
    public mutating func push(_ element: Element) -> Bool {
        guard count < slots.count else { return false }
        slots[(head + count) % slots.count] = element
        count += 1
        return true
    }

    /// Pushes, throwing out the oldest element when full; returns what was thrown out.
    @discardableResult
    public mutating func pushEvictingOldest(_ element: Element) -> Element? {
        let evicted = isFull ? pop() : nil
        push(element)
        return evicted
    }

    public mutating func pop() -> Element? {
        guard count > 0 else { return nil }
        defer {
            slots[head] = nil
            head = (head + 1) % slots.count
            count -= 1
        }
        return slots[head]
    }

    public var first: Element? { count > 0 ? slots[head] : nil }
}

extension Ring: Sendable where Element: Sendable {}
