/// The bytes of one direction of a TCP connection, as somebody who only looks on puts them together.
struct StreamReassembly: Sendable {
    /// Segments that came too early.
    private static let waitingSegments = 512

    private var initial: UInt32?
    private var expected: UInt32 = 0
    private var waiting: [(sequence: UInt32, bytes: [UInt8])] = []
    private var end: UInt32?
    /// A new connection began on the same endpoints since this was asked last.
    private var hasBegun = false
    /// Everything up to the FIN has come.
    private(set) var isFinished = false

    /// - Returns: the bytes that are next in order.
    mutating func receive(_ segment: TCPSegment, _ payload: [UInt8]) -> [UInt8] {
        guard segment.isIntact(payload) else { return [] }
        if segment.flags.contains(.syn), initial != segment.sequence { begin(segment.sequence) }
        guard initial != nil else { return [] }
        let start = segment.flags.contains(.syn) ? segment.sequence &+ 1 : segment.sequence
        if segment.flags.contains(.fin) { end = start &+ UInt32(payload.count) }
        if !payload.isEmpty, waiting.count < Self.waitingSegments { waiting.append((start, payload)) }
        let bytes = takeInOrder()
        if end == expected { isFinished = true }
        return bytes
    }

    mutating func takeBeginning() -> Bool {
        defer { hasBegun = false }
        return hasBegun
    }

    private mutating func begin(_ sequence: UInt32) {
        self = StreamReassembly()
        initial = sequence
        expected = sequence &+ 1
        hasBegun = true
    }

    private mutating func takeInOrder() -> [UInt8] {
        var bytes: [UInt8] = []
        while let index = waiting.firstIndex(where: { !expected.precedes($0.sequence) }) {
            let (sequence, segment) = waiting.remove(at: index)
            let known = Int(expected &- sequence)
            guard known < segment.count else { continue }
            bytes += segment[known...]
            expected = expected &+ UInt32(segment.count - known)
        }
        return bytes
    }
}
