import Wire

/// What a media thread is asked to do.
enum MediaCommand: Sendable {
    case add(ClientSetup)
    /// The client says goodbye and is forgotten.
    case remove(Int)
    /// Sets the window's begin, or its end; both lie in the future.
    case openWindow(Instant)
    case closeWindow(Instant)
    /// Publishers stop sending.
    case hush
    /// Answered by ``MediaOutput/collected(_:)``.
    case collect
    case stop
}

/// What a media thread tells.
enum MediaOutput: Sendable {
    /// Path and keys are there; `profile` is the SRTP profile's name.
    case connected(Int, profile: String)
    /// Verified media has come in every section; when the last of them had its first.
    case media(Int, at: Instant)
    case failed(Int, String)
    case collected(ThreadResult)
    case stopped
}

/// All that one media thread has counted.
struct ThreadResult: Sendable {
    var counters = VerificationCounters()
    var latency = LatencyHistogram()
    var directLatency = LatencyHistogram()
    var readDelay = LatencyHistogram()
    var lateness = LatencyHistogram()
    /// Packets that publishers sent in the window, by stream.
    var sent: [StreamKey: UInt64] = [:]
    /// Sections of witnesses that should have got them.
    var sections: [StreamKey: Int] = [:]
    var gaps: [MediaGap] = []
    /// Of subscribers that get a picture made of clips.
    var pictures: [LoadReport.Pictures] = []
    var indices: UInt64 = 0
    var reusedIndices: UInt64 = 0
    var receiveOverflow: UInt64 = 0
    var sendFailures: UInt64 = 0
    var keyFrameRequests: UInt64 = 0
    var nacksSent: UInt64 = 0
    var retransmitted: UInt64 = 0
    /// Share of a core in the window.
    var load = 0.0
}

/// A publisher's video or audio.
struct StreamKey: Hashable, Sendable {
    var publisher: Int
    var isVideo: Bool
}

/// What a thread publishes a few times a second, for progress.
struct ThreadSnapshot: Sendable {
    var counters = VerificationCounters()
    var sent: UInt64 = 0
    var load = 0.0
    var p99: UInt64 = 0
}
