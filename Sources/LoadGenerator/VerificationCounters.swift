/// What subscribers found, summed up over all of a thread. The first three tolerate nothing.
struct VerificationCounters: Sendable, Hashable, BitwiseCopyable {
    var corrupt: UInt64 = 0
    var misdelivered: UInt64 = 0
    var duplicated: UInt64 = 0
    var sequenceErrors: UInt64 = 0
    var timestampErrors: UInt64 = 0
    var extraStreams: UInt64 = 0
    var redundantRepairs: UInt64 = 0
    var refused: UInt64 = 0
    var verified: UInt64 = 0

    // In the measurement window.
    var delivered: UInt64 = 0
    var deliveredBytes: UInt64 = 0
    var repaired: UInt64 = 0
    /// Sequence numbers that were skipped when a newer one came, and those of them that came later.
    var gapsOpened: UInt64 = 0
    var gapsFilled: UInt64 = 0

    // Since the start, for progress.
    var totalDelivered: UInt64 = 0
    var totalBytes: UInt64 = 0

    static func += (sum: inout VerificationCounters, other: VerificationCounters) {
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
struct MeasurementWindow: Sendable, Hashable, BitwiseCopyable {
    var start = UInt64.max
    var end = UInt64.max

    func contains(_ time: UInt64) -> Bool { time >= start && time < end }
}
