import Congestion
import RTP
public import Wire

/// The forwarding core of one reactor: which endpoint feeds which, and what becomes of each packet on
/// its way from a publisher to its subscribers. Does no IO and holds no clock.
///
/// After every call that mutates, the owner drains ``nextTransmit(into:)`` and ``nextEvent()`` until nil
/// and reads ``deadline``. Packets are the exception that makes fan-out cheap: ``receiveRTP(_:from:now:)``
/// describes each packet of a batch; then the owner asks ``rewrite(_:packet:for:into:now:)`` for each
/// subscriber's copies, in the order of arrival for each subscriber, and sends them.
@safe public struct Router: ~Copyable {
    /// Or each call that only reads it would copy all of its 600 bytes.
    private let inPlace = InPlace()

    /// Endpoints are 0..<capacity.
    public let capacity: Int
    /// When ``advance(to:)`` is next needed.
    public internal(set) var deadline = Instant.distantFuture
    /// Packets dropped inside: retransmissions that were asked for and not made, by reason. What
    /// `receiveRTP`, `rewrite` and `receiveRTCP` throw is the caller's to count.
    public internal(set) var drops = DropCounters()

    /// A layered video whose lowest layer does not fit the path to its peer is paused, and tried again now and then.
    /// Off by default: an estimate that is too low by mistake must not stop a picture that would have come through.
    public var pausesVideos = false
    /// Not an array: a call on a part of what an array holds copies all of it.
    var endpoints: Places<Endpoint>
    /// By endpoint, the paths to the peers that say what becomes of packets.
    var sendSides: Places<SendSide>
    /// One past the highest endpoint that was ever open: owners fill from below, so nobody looks beyond.
    var endpointBound = 0
    /// Per endpoint, when its timers need service.
    var deadlines: [Instant]
    var publishers: Slots<Publisher>
    var streams: Slots<IncomingStream>
    var subscribers: Slots<Subscriber>
    var rewriters: Slab<HeaderRewriter>
    /// By the numbers that the owner gave them.
    var speakerGroups: [UInt32: ActiveSpeaker] = [:]
    /// Records of a predecessor whose endpoints have not been negotiated here yet.
    var inherited: [SlabHandle]
    var random: SeededRandom
    /// The newest time that the owner told.
    var now = Instant.origin
    /// The newest source number given out.
    var lastSource: UInt64 = 0

    /// Endpoints with RTCP to send about what they receive.
    var feedbackWork: WorkList
    /// Subscribers with a sender report to send.
    var reportWork: WorkList
    /// Endpoints whose paths may let something out.
    var paceWork: WorkList
    /// Room to read feedback in, and which packet filled a probe last.
    var feedbackRoom = FeedbackRoom()
    var fillerCount: Int64 = 0
    /// Endpoints whose levels may differ from what was reported.
    var eventWork: WorkList
    var recovered = RecoveredAudio()
    var retransmissions = Ring<QueuedRetransmission>(capacity: Limits.queuedRetransmissions)
    var writer = ByteWriter(capacity: 2048)
    var nackList: [SequenceNumber] = []

    /// SSRCs that were latched since the owner last asked; an owner that never asks loses the oldest.
    var learned = Ring<LearnedStream>(capacity: Limits.learnedStreams, reserving: 0)

    struct LearnedStream: BitwiseCopyable {
        var endpoint: EndpointIndex
        var ssrc: UInt32
        var stream: Int32
        var isRTX: Bool
    }

    struct QueuedRetransmission: BitwiseCopyable {
        var subscriber: Int32
        /// Tells the slot's occupant from a later one.
        var rewriter: SlabHandle
        var what: Repeat
    }

    enum Repeat: BitwiseCopyable {
        /// A packet of the stream's cache.
        case cached(source: UInt64, sequence: Int64)
        /// A number of a predecessor's: an empty packet tells that nothing comes under it any more.
        case nothing(SequenceNumber)
    }

    /// - Parameters:
    ///   - rewritingMemory: zeroed, or taken over from a predecessor, which is then continued. At
    ///     least ``memoryByteCount(capacity:)`` bytes, 16-byte aligned, and alive as long as the router.
    public init(capacity: Int, random: SeededRandom, rewritingMemory: UnsafeMutableRawBufferPointer) {
        precondition(capacity > 0 && capacity <= 1 << 20)
        self.capacity = capacity
        self.random = random
        endpoints = Places(capacity: capacity)
        for endpoint in 0..<capacity { endpoints.put(Endpoint(), at: endpoint) }
        sendSides = Places(capacity: capacity)
        deadlines = Array(repeating: .distantFuture, count: capacity)
        publishers = Slots(capacity: capacity * Limits.publishersPerEndpoint)
        streams = Slots(capacity: capacity * Limits.streamsPerEndpoint)
        subscribers = Slots(capacity: capacity * Limits.subscribersPerEndpoint)
        unsafe rewriters = Slab(
            memory: rewritingMemory, capacity: capacity * Limits.subscribersPerEndpoint)
        inherited = rewriters.handles
        feedbackWork = WorkList(capacity: capacity)
        reportWork = WorkList(capacity: capacity * Limits.subscribersPerEndpoint)
        paceWork = WorkList(capacity: capacity)
        eventWork = WorkList(capacity: capacity)
        nackList.reserveCapacity(NackGenerator.batch)
    }

    /// Bytes of rewriting memory that a router for `capacity` endpoints needs.
    public static func memoryByteCount(capacity: Int) -> Int {
        Slab<HeaderRewriter>.byteCount(capacity: capacity * Limits.subscribersPerEndpoint)
    }

    // MARK: Shared by the extensions

    func isOpen(_ endpoint: EndpointIndex) -> Bool {
        endpoint.slot >= 0 && endpoint.slot < capacity && endpoints[endpoint.slot].isOpen
    }

    /// The endpoint's timers need service at `instant`, if not earlier.
    mutating func schedule(_ endpoint: Int, at instant: Instant) {
        if instant < deadlines[endpoint] { deadlines[endpoint] = instant }
        if instant < deadline { deadline = instant }
    }

    mutating func nextSource() -> UInt64 {
        lastSource += 1
        return lastSource
    }

    mutating func setLevel(_ level: Endpoint.Levels, _ isSet: Bool, of endpoint: Int) {
        guard endpoints[endpoint].levels.contains(level) != isSet else { return }
        if isSet {
            endpoints[endpoint].levels.insert(level)
        } else {
            endpoints[endpoint].levels.remove(level)
        }
        eventWork.add(endpoint)
    }

    /// RTP or RTCP came from the peer.
    mutating func noteMedia(of endpoint: Int, now: Instant) {
        self.now = now
        endpoints[endpoint].lastMedia = now
        guard !endpoints[endpoint].levels.contains(.media) else { return }
        setLevel(.media, true, of: endpoint)
        schedule(endpoint, at: now + Limits.mediaSilence)
    }
}
