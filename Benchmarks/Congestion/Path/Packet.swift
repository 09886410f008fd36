/// A packet on its way, without content.
struct Packet: BitwiseCopyable {
    enum Kind: UInt8, Sendable {
        case audio, video, retransmission, padding
        case feedback, nack, keyFrameRequest
        case tcpData, tcpAcknowledgement
        case datagram
    }

    var kind: Kind
    /// Which of the route's links it is on.
    var hop: UInt8 = 0
    /// ECN (RFC 3168): can be marked, and is marked.
    var isMarkable = false
    var isMarked = false
    /// A key frame's packet.
    var isKey = false
    /// The last packet of a frame (RTP's marker).
    var isLast = false
    var route: Int16
    /// The flow or connection that it belongs to.
    var owner: Int16
    /// Bytes with every header.
    var size: Int32
    /// The video frame, or the number of an audio packet.
    var frame: Int32 = 0
    /// Packets of the frame.
    var frameCount: Int16 = 1
    /// Nanoseconds in queues so far, the time of sending included.
    var queueing: UInt32 = 0
    /// When it came to the link that it is on, in nanoseconds.
    var entered: UInt64 = 0
    /// Transport-wide sequence number, or TCP segment, or the first packet that feedback tells of.
    var sequence: Int64 = 0
    /// RTP sequence number, TCP acknowledgement, the packets after the first that feedback tells of, or a NACK's mask.
    var detail: UInt64 = 0
    /// When it was sent, in nanoseconds; a TCP acknowledgement echoes it.
    var sent: UInt64 = 0
}

/// A first-in first-out queue that grows to the largest use and then allocates nothing more.
struct PacketRing<Element: BitwiseCopyable & Sendable>: Sendable {
    private var slots: [Element]
    private var head = 0
    private(set) var count = 0

    /// - Parameter filler: stands in places that hold nothing yet.
    init(filler: Element) { slots = Array(repeating: filler, count: 16) }

    var isEmpty: Bool { count == 0 }

    /// The oldest; only of a ring that is not empty.
    var first: Element { slots[head] }

    mutating func append(_ element: Element) {
        if count == slots.count { grow() }
        slots[(head + count) & (slots.count - 1)] = element
        count += 1
    }

    mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = slots[head]
        head = (head + 1) & (slots.count - 1)
        count -= 1
        return element
    }

    mutating func removeAll() {
        head = 0
        count = 0
    }

    private mutating func grow() {
        var larger: [Element] = []
        larger.reserveCapacity(2 * count)
        for index in 0..<count { larger.append(slots[(head + index) & (slots.count - 1)]) }
        larger += larger
        slots = larger
        head = 0
    }
}

extension Packet: Sendable {
    static let none = Packet(kind: .datagram, route: 0, owner: 0, size: 0)
}
