import Wire

/// Which of a path's packets a peer means by an SSRC and a sequence number (RFC 8888): the numbers under which the
/// controller knows them, for the newest ones.
///
/// A table of fixed size in rows of four places. Packets that follow each other in a stream lie in neighbouring rows:
/// four streams with a thousand packets each on their way never displace one another. A full row forgets its oldest
/// packet, and what a peer says of that is ignored, as of one that never left.
struct SentNumbers {
    private struct Entry: BitwiseCopyable {
        /// 0 in a free place: the controller's numbers begin with 1.
        var sequence: Int64 = 0
        var ssrc: UInt32 = 0
        var number = SequenceNumber(0)
    }

    /// A power of two, and the places of one of them.
    static let rows = 1_024
    private static let width = 4

    private var entries = [Entry](repeating: Entry(), count: rows * width)

    /// A packet has left as the controller's `sequence`.
    mutating func note(_ ssrc: UInt32, _ number: SequenceNumber, as sequence: Int64) {
        var place = Self.row(ssrc, number)
        for index in Self.row(ssrc, number)..<Self.row(ssrc, number) + Self.width {
            if entries[index].ssrc == ssrc, entries[index].number == number {
                place = index
                break
            }
            if entries[index].sequence < entries[place].sequence { place = index }
        }
        entries[place] = Entry(sequence: sequence, ssrc: ssrc, number: number)
    }

    /// The controller's number of a packet; nil when it never left or is forgotten.
    func sequence(_ ssrc: UInt32, _ number: SequenceNumber) -> Int64? {
        guard let place = place(ssrc, number) else { return nil }
        return entries[place].sequence
    }

    /// Reports on the packet say nothing any more.
    mutating func forget(_ ssrc: UInt32, _ number: SequenceNumber) {
        if let place = place(ssrc, number) { entries[place] = Entry() }
    }

    private func place(_ ssrc: UInt32, _ number: SequenceNumber) -> Int? {
        let row = Self.row(ssrc, number)
        for index in row..<row + Self.width
        where entries[index].ssrc == ssrc && entries[index].number == number && entries[index].sequence > 0 {
            return index
        }
        return nil
    }

    /// Where a row begins. Streams begin anywhere (Fibonacci hashing), for SSRCs may be neighbours.
    private static func row(_ ssrc: UInt32, _ number: SequenceNumber) -> Int {
        let start = Int((ssrc &* 0x9E37_79B1) >> 16)
        return (start + Int(number.rawValue)) % rows * width
    }
}
