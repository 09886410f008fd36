/// What subscribers found, summed up over all of a thread. The first three tolerate nothing.
package struct VerificationCounters: Sendable, Hashable, BitwiseCopyable {
    package var corrupt: UInt64 = 0
    package var misdelivered: UInt64 = 0
    package var duplicated: UInt64 = 0
    package var sequenceErrors: UInt64 = 0
    package var timestampErrors: UInt64 = 0
    package var extraStreams: UInt64 = 0
    package var redundantRepairs: UInt64 = 0
    package var refused: UInt64 = 0
    package var verified: UInt64 = 0

    // In the measurement window.
    package var delivered: UInt64 = 0
    package var deliveredBytes: UInt64 = 0
    package var repaired: UInt64 = 0
    /// Sequence numbers that were skipped when a newer one came, and those of them that came later.
    package var gapsOpened: UInt64 = 0
    package var gapsFilled: UInt64 = 0

    // Since the start, for progress.
    package var totalDelivered: UInt64 = 0
    package var totalBytes: UInt64 = 0

    package init() {}

    package static func += (sum: inout VerificationCounters, other: VerificationCounters) {
        sum.corrupt &+= other.corrupt
        sum.misdelivered &+= other.misdelivered
        sum.duplicated &+= other.duplicated
        sum.sequenceErrors &+= other.sequenceErrors
        sum.timestampErrors &+= other.timestampErrors
        sum.extraStreams &+= other.extraStreams
        sum.redundantRepairs &+= other.redundantRepairs
        sum.refused &+= other.refused
        sum.verified &+= other.verified
        sum.delivered &+= other.delivered
        sum.deliveredBytes &+= other.deliveredBytes
        sum.repaired &+= other.repaired
        sum.gapsOpened &+= other.gapsOpened
        sum.gapsFilled &+= other.gapsFilled
        sum.totalDelivered &+= other.totalDelivered
        sum.totalBytes &+= other.totalBytes
    }
}

/// The measurement window, in monotonic nanoseconds of the sender; empty until it is set.
package struct MeasurementWindow: Sendable, Hashable, BitwiseCopyable {
    package var start = UInt64.max
    package var end = UInt64.max

    package init(start: UInt64 = .max, end: UInt64 = .max) {
        self.start = start
        self.end = end
    }

    package func contains(_ time: UInt64) -> Bool { time >= start && time < end }
}
