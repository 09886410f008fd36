/// All that a successor needs to go on receiving from one peer: plain data that lies in memory which outlives
/// the process. Zeroed memory is a state without a key. 6 KiB.
public struct InboundState: BitwiseCopyable, Sendable {
    var masterKey: MasterKey = .none
    var table = StreamTable<32>()
    var streams: InlineArray<32, InboundStream> = InlineArray(repeating: InboundStream())

    public init() {}

    /// Begins with a key. A stream's place is written when it gets one: memory that is not used stays untouched.
    mutating func begin(_ masterKey: MasterKey) {
        erase()
        self.masterKey = masterKey
    }

    /// Zeroes all that was written, keys first.
    public mutating func erase() {
        masterKey = .none
        for slot in 0..<table.count { streams[slot] = InboundStream() }
        table = StreamTable()
    }

    /// nil when there is no key.
    public var profile: Profile? { masterKey.profile }
    /// SSRCs that have sent at least one authentic packet.
    public var streamCount: Int { table.count }

    /// Highest RTP index that `ssrc` has sent: rollover counter and sequence number. nil for none.
    public func highestIndex(of ssrc: UInt32) -> UInt64? {
        var table = table
        return table.slot(of: ssrc).flatMap { streams[$0].rtp.highest }
    }
}

/// Replay windows of one SSRC.
struct InboundStream: BitwiseCopyable, Sendable {
    var rtp = ReplayWindow<16>()
    var rtcp = ReplayWindow<2>()
}

/// All that a successor needs to go on sending to one peer. Zeroed memory is a state without a key. 10 KiB.
public struct OutboundState: BitwiseCopyable, Sendable {
    var masterKey: MasterKey = .none
    var table = StreamTable<64>()
    var streams: InlineArray<64, OutboundStream> = InlineArray(repeating: OutboundStream())

    public init() {}

    /// Begins with a key. A stream's place is written when it gets one: memory that is not used stays untouched.
    mutating func begin(_ masterKey: MasterKey) {
        erase()
        self.masterKey = masterKey
    }

    /// Zeroes all that was written, keys first.
    public mutating func erase() {
        masterKey = .none
        for slot in 0..<table.count { streams[slot] = OutboundStream() }
        table = StreamTable()
    }

    /// nil when there is no key.
    public var profile: Profile? { masterKey.profile }
    /// SSRCs that have been sent with.
    public var streamCount: Int { table.count }

    /// Highest RTP index used with `ssrc`. nil for none.
    public func highestIndex(of ssrc: UInt32) -> UInt64? {
        var table = table
        return table.slot(of: ssrc).flatMap { streams[$0].rtp.highest }
    }

    /// Highest SRTCP index used with `ssrc`; 0 for none.
    public func highestIndexRTCP(of ssrc: UInt32) -> UInt32 {
        var table = table
        return table.slot(of: ssrc).map { streams[$0].rtcp } ?? 0
    }
}

/// Indices of one SSRC that have been used. The window is kept for sending too: a caller that sends a sequence
/// number twice would use a nonce twice.
struct OutboundStream: BitwiseCopyable, Sendable {
    var rtp = ReplayWindow<16>()
    /// Last SRTCP index used; 0 before the first, which is 1 as with libsrtp2.
    var rtcp: UInt32 = 0
}
