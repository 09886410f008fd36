public import Wire

/// When a line can send, as recorded of a mobile network: the format of mahimahi (Netravali et al. 2015).
///
/// Every opportunity lets 1500 bytes pass, of one packet or of several; what is not used is gone. After the last one
/// the trace begins anew.
public struct LinkTrace: Hashable, Sendable {
    /// Why a text is no trace; lines count from one.
    public enum Problem: Error, Hashable, Sendable, CustomStringConvertible {
        case empty
        case notANumber(line: Int)
        /// The time lies before that of the line before.
        case goesBack(line: Int)
        /// All opportunities are at time zero: the trace would never end.
        case takesNoTime
        /// More lines than ``LinkTrace/maximumLines``.
        case tooLong

        public var description: String {
            switch self {
            case .empty: "the trace is empty: each line is to hold a time in milliseconds"
            case .notANumber(let line): "line \(line): not a whole number of milliseconds"
            case .goesBack(let line): "line \(line): earlier than the line before; sort the times"
            case .takesNoTime: "all times are 0: the last line is to hold the length of the trace"
            case .tooLong: "the trace has more than \(LinkTrace.maximumLines) lines; use a shorter part"
            }
        }
    }

    public static let maximumLines = 10_000_000
    /// Bytes of an opportunity, IP headers included.
    public static let opportunityBytes = 1500

    /// Milliseconds from the beginning, in order.
    public let opportunities: [UInt32]

    /// One line for each opportunity: the millisecond at which it is.
    public init(_ text: String) throws(Problem) {
        var times: [UInt32] = []
        var lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        guard lines.count <= Self.maximumLines else { throw .tooLong }
        for (index, line) in lines.enumerated() {
            let digits = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            guard let time = UInt32(Substring(digits)), digits.first != UInt8(ascii: "+") else {
                throw .notANumber(line: index + 1)
            }
            guard time >= times.last ?? 0 else { throw .goesBack(line: index + 1) }
            times.append(time)
        }
        try self.init(times)
    }

    /// Times in milliseconds, in order.
    public init(_ opportunities: [UInt32]) throws(Problem) {
        guard opportunities.count <= Self.maximumLines else { throw .tooLong }
        guard let last = opportunities.last else { throw .empty }
        guard last > 0 else { throw .takesNoTime }
        for index in opportunities.indices.dropFirst() where opportunities[index] < opportunities[index - 1] {
            throw .goesBack(line: index + 1)
        }
        self.opportunities = opportunities
    }

    /// Bits per second over the whole trace.
    public var meanRate: UInt64 {
        UInt64(opportunities.count * Self.opportunityBytes * 8) * 1000 / period
    }

    private var period: UInt64 { UInt64(opportunities.last ?? 1) }

    /// When an opportunity is, counted from zero over all repetitions.
    public func time(of number: UInt64) -> Instant {
        let (turn, index) = number.quotientAndRemainder(dividingBy: UInt64(opportunities.count))
        return Instant(nanoseconds: (turn * period + UInt64(opportunities[Int(index)])) * 1_000_000)
    }

    /// The number of the first opportunity that is not before a time.
    public func first(notBefore time: Instant) -> UInt64 {
        let milliseconds = time.nanoseconds / 1_000_000 + (time.nanoseconds % 1_000_000 == 0 ? 0 : 1)
        let turn = milliseconds == 0 ? 0 : (milliseconds - 1) / period
        let rest = UInt32(milliseconds - turn * period)
        var (low, high) = (0, opportunities.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if opportunities[middle] < rest { low = middle + 1 } else { high = middle }
        }
        return turn * UInt64(opportunities.count) + UInt64(low)
    }
}
