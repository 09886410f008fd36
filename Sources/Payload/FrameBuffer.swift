import RTP
public import Wire

/// Makes frames in order of the packets of one RTP stream, which come late, out of order, twice, or never (a jitter
/// buffer).
///
/// After each ``insert(_:payload:now:)``, and at ``deadline``, the owner takes frames by ``nextFrame(now:)`` until
/// there is none, and looks at ``wantsKeyFrame``. Retransmission is not its business: it only waits for what may still
/// come.
///
/// A frame of video that builds on a lost one is never given out: after a loss the next one is a key frame. Numbers
/// that jump far, as when a source is replaced by another, begin a new time line when the packet after confirms it;
/// timestamps that jump alone do so at once. Timestamps of frames rise all the same.
public struct FrameBuffer: Sendable {
    /// When frames are given out, and how long missing packets are waited for.
    public enum Policy: Hashable, Sendable {
        /// For recording: as soon as they are whole, in order. What a missing packet holds up waits for `patience`, at
        /// most ``Limits/delay``.
        case complete(patience: Interval)
        /// For mixing and showing: when they are due, which is as long after the fastest packets as nearly all need,
        /// within the bounds (``Limits/delay`` at most). Audio does not wait for a packet beyond the time of the next
        /// one, and what comes later than the maximum is dropped. *Deviation* for video: pictures wait up to the
        /// maximum, and are given out also later: what follows builds on them, and a key frame costs more.
        case playout(minimum: Interval, maximum: Interval)
    }

    public let format: PayloadFormat
    public let policy: Policy
    /// What became of packets and frames. Lives through resets.
    public internal(set) var counters = FrameCounters()
    /// When ``nextFrame(now:)`` is to be asked again though no packet came; valid after it answered nil.
    public internal(set) var deadline = Instant.distantFuture

    let depacketizer: Depacketizer
    /// Of the first packet; others are none of ours.
    var ssrc: UInt32?
    var numbers = SequenceUnwrapper()
    var timestamps = TimestampUnwrapper()
    /// Where the newest packet stands in time, to see timestamps jump.
    var latest: (timestamp: Int64, arrival: Instant)?
    var store: PacketStore
    var timing: PlayoutTiming
    /// The first packet of a stretch of numbers far away, until the next one confirms it.
    var candidate: Candidate?

    /// The number of the first packet that was neither given out nor given up; nil before the first packet.
    var next: Int64?
    /// Whether anything before it was, so that earlier packets come too late.
    var hasAdvanced = false
    /// What is known of the frame that begins at `next`.
    var scan = FrameScan(from: 0)
    /// The number that is waited for, and since when.
    var gap: (number: Int64, since: Instant)?
    /// The packet at `next` begins a frame: the one before it ended one. Else only its payload can tell.
    var startIsKnown = false
    /// Nothing can be decoded before a key frame.
    var needsKeyFrame: Bool
    var followsLoss = false
    /// Of the newest frame that was given out.
    var lastPictureID: FramePart.PictureID?
    /// H.264: parameter sets that came without a picture and go with the next one, in Annex B.
    var parameterSets: [UInt8] = []
    /// H.264: the decoder was given parameter sets.
    var knowsParameters = false

    struct Candidate: Sendable {
        var header: RTPHeader
        var payload: [UInt8]
        var part: FramePart
        var arrival: Instant
    }

    public init(_ format: PayloadFormat, policy: Policy) {
        self.format = format
        depacketizer = Depacketizer(format)
        store = Self.emptyStore(format)
        needsKeyFrame = format.codec.hasKeyFrames
        switch policy {
        case .complete(let patience):
            self.policy = .complete(patience: min(max(patience, .zero), Limits.delay))
            timing = PlayoutTiming(clockRate: format.clockRate, minimum: .zero, maximum: .zero)
        case .playout(let minimum, let maximum):
            timing = PlayoutTiming(clockRate: format.clockRate, minimum: minimum, maximum: maximum)
            self.policy = .playout(minimum: timing.estimator.minimum, maximum: timing.estimator.maximum)
        }
    }

    /// Decoding cannot go on without a key frame, and none is coming in: the owner asks the sender for one, as often as
    /// it thinks right. Also before the first.
    public var wantsKeyFrame: Bool { needsKeyFrame && store.keyFrameStarts == 0 }

    /// How long after the fastest packets frames are given out, without ``extraDelay``; zero for recording.
    public var delay: Interval {
        switch policy {
        case .complete: .zero
        case .playout: timing.estimator.target
        }
    }

    /// Playout only: time to wait beyond what this stream needs itself, for another one of its source
    /// (``LipSync/extraDelay(of:)``); at most ``Limits/delay``.
    public var extraDelay: Interval {
        get { timing.extraDelay }
        set { timing.extraDelay = min(max(newValue, .zero), Limits.delay) }
    }

    /// Packets that wait, at most ``Limits/heldVideoPackets`` or ``Limits/heldAudioPackets``, and one more that may
    /// begin a new stretch of numbers.
    public var heldPackets: Int { store.count + (candidate == nil ? 0 : 1) }

    /// Bytes of payload that wait, at most ``Limits/heldBytes``.
    public var heldBytes: Int { store.byteCount }

    /// Forgets the stream: another SSRC may follow, or the same after a pause that has nothing to do with it. Packets
    /// that are held count as incomplete. Timestamps go on rising.
    public mutating func reset() {
        restart(dropping: .frameIncomplete)
        ssrc = nil
        knowsParameters = false
    }

    /// Another stretch of numbers and, as timestamps will tell, of time.
    mutating func restart(dropping reason: DropReason) {
        if let start = next, let newest = store.newest, newest >= start { drop(start..<(newest + 1), as: reason) }
        if candidate != nil { counters.drops.count(.sequenceJump) }
        candidate = nil
        followsLoss = followsLoss || next != nil
        store = Self.emptyStore(format)
        numbers = SequenceUnwrapper()
        latest = nil
        next = nil
        hasAdvanced = false
        gap = nil
        startIsKnown = false
        lastPictureID = nil
        parameterSets = []
        needsKeyFrame = format.codec.hasKeyFrames
        deadline = .distantFuture
    }

    private static func emptyStore(_ format: PayloadFormat) -> PacketStore {
        PacketStore(capacity: format.kind == .video ? Limits.heldVideoPackets : Limits.heldAudioPackets)
    }
}

/// What became of the packets and frames of one stream. Plain numbers, which wrap.
public struct FrameCounters: Sendable {
    /// Packets that came, whatever then became of them.
    public internal(set) var packets: UInt64 = 0
    /// Packets without payload, whose numbers are all that counts.
    public internal(set) var paddingPackets: UInt64 = 0
    /// Packets that frames were made of, and those frames.
    public internal(set) var framedPackets: UInt64 = 0
    public internal(set) var frames: UInt64 = 0
    /// Of these, given out after their time (playout).
    public internal(set) var lateFrames: UInt64 = 0
    /// Numbers that were given up. Some may have come afterwards, as ``DropReason/packetTooLate``.
    public internal(set) var lostPackets: UInt64 = 0
    /// Numbers or timestamps jumped, and a new time line began.
    public internal(set) var jumps: UInt64 = 0
    /// Packets that went nowhere. All that came are framed, padding, dropped or held.
    public internal(set) var drops = DropCounters()
}
