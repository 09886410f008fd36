import Congestion

/// The receiver's side of transport-wide feedback: when each packet came, and when to say so
/// (libwebrtc's rule: 68 bytes each time at 5 % of the rate, every 50 to 250 ms, the first one after 100 ms).
///
/// Numbers travel with 16 bits and are extended here, and times are in steps of 250 µs
/// (draft-holmer-rmcat-transport-wide-cc-extensions-01).
struct FeedbackCollector: Sendable {
    private struct Arrival: BitwiseCopyable, Sendable {
        var sequence: Int64 = -1
        /// Nanoseconds of the simulation.
        var time: UInt64 = 0
        var isMarked = false
    }

    private var arrivals = [Arrival](repeating: Arrival(), count: Self.remembered)
    /// The highest number that has come.
    private(set) var highest: Int64 = 0
    private var unreported: Int64 = 1
    /// Packets that never came, so far.
    private(set) var lost: Int64 = 0

    static let firstInterval: UInt64 = 100_000_000
    private static let remembered = 8192
    private static let step: UInt64 = 250_000
    /// The receiver's clock is another one than the sender's.
    private static let clockOffset: Int64 = 4_321_987_654_321

    /// - Returns: how many packets are missing right before this one.
    mutating func receive(_ wireNumber: UInt16, isMarked: Bool, now: UInt64) -> Int64 {
        let sequence = Self.extend(wireNumber, near: highest)
        arrivals[Int(sequence) & (Self.remembered - 1)] = Arrival(sequence: sequence, time: now, isMarked: isMarked)
        guard sequence > highest else { return 0 }
        let missing = sequence - highest - 1
        lost += missing
        highest = sequence
        return missing
    }

    /// The number nearest to `reference` whose lowest 16 bits are `number`.
    static func extend(_ number: UInt16, near reference: Int64) -> Int64 {
        reference + Int64(Int16(truncatingIfNeeded: Int64(number) - reference))
    }

    /// The next report: its first packet and how many it covers; nil where nothing new has come.
    mutating func report() -> (first: UInt16, count: UInt16, bytes: Int32)? {
        guard highest >= unreported else { return nil }
        let first = max(unreported, highest - Int64(Self.remembered) / 2)
        let count = highest - first + 1
        unreported = highest + 1
        return (UInt16(truncatingIfNeeded: first), UInt16(count), Self.bytes(count: Int(count)))
    }

    /// Headers (IP, UDP, SRTCP), RTCP and its fixed part, a chunk for each seven packets, a delta for each packet.
    private static func bytes(count: Int) -> Int32 {
        let report = 20 + (count + 6) / 7 * 2 + count
        return Int32(28 + 14 + (report + 3) / 4 * 4)
    }

    /// Nanoseconds until the next report.
    static func interval(rate: UInt64) -> UInt64 {
        let nanoseconds = 68.0 * 8 / (0.05 * Double(max(rate, 1))) * 1e9
        return UInt64(min(max(nanoseconds, 50e6), 250e6))
    }

    /// What a report said, for the sender that it has reached.
    /// - Parameters:
    ///   - sent: the newest number that the sender knows.
    ///   - reported: when the receiver wrote it.
    func results(first: UInt16, count: UInt16, sent: Int64, reported: UInt64, into results: inout [PacketResult]) {
        results.removeAll(keepingCapacity: true)
        let start = Self.extend(first, near: sent)
        for sequence in start..<start + Int64(count) {
            let arrival = arrivals[Int(sequence) & (Self.remembered - 1)]
            guard arrival.sequence == sequence, arrival.time <= reported else {
                results.append(.missing(sequence))
                continue
            }
            let time = Int64(arrival.time / Self.step * Self.step) + Self.clockOffset
            results.append(PacketResult(sequence: sequence, arrival: time, isCE: arrival.isMarked))
        }
    }
}
