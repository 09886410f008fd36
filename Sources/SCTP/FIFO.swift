/// First in, first out; takes from the front in constant time on average.
struct FIFO<Element: Sendable>: Sendable {
    private var elements: [Element] = []
    private var head = 0

    var count: Int { elements.count - head }
    var isEmpty: Bool { head == elements.count }
    var first: Element? { isEmpty ? nil : elements[head] }

    /// By the distance from the front.
    subscript(index: Int) -> Element {
        _read { yield elements[head + index] }
        _modify { yield &elements[head + index] }
    }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func popFirst() -> Element? {
        guard !isEmpty else { return nil }
        let element = elements[head]
        removeFirst(1)
        return element
    }

    mutating func removeFirst(_ count: Int) {
        head += count
        guard head > 32, head > elements.count / 2 else { return }
        elements.removeFirst(head)
        head = 0
    }
}
