import Wire

/// Where packets went on from a segment lately, by their destination: to look it up each time means dictionaries, and
/// every packet asks in every segment. A place for each, so that what is not there is only looked up again.
struct Directions: Sendable {
    enum Direction: BitwiseCopyable {
        case host(Int)
        /// Through the gateway of a segment in this one.
        case child(Int)
        case up
    }

    private struct Entry: BitwiseCopyable {
        var segment = -1
        var destination = IPAddress(ipv4: 0)
        var direction = Direction.up
    }

    private static let places = 256
    private var entries = [Entry](repeating: Entry(), count: places)

    func find(_ destination: IPAddress, in segment: Int) -> Direction? {
        let entry = entries[Self.place(destination, segment)]
        return entry.segment == segment && entry.destination == destination ? entry.direction : nil
    }

    mutating func remember(_ direction: Direction, of destination: IPAddress, in segment: Int) {
        entries[Self.place(destination, segment)] = Entry(
            segment: segment, destination: destination, direction: direction)
    }

    /// Something stands where it did not.
    mutating func forget() { entries = [Entry](repeating: Entry(), count: Self.places) }

    private static func place(_ destination: IPAddress, _ segment: Int) -> Int {
        let key = destination.low ^ destination.high ^ UInt64(truncatingIfNeeded: segment) << 20
        return Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 56)
    }
}
