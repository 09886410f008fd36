import RTP
import Wire

/// One endpoint as the router sees it: its sections, who feeds it, its timers and what was reported.
struct Endpoint: ~Copyable {
    var isOpen = false
    /// The transport is up.
    var isConnected = false
    /// Slots of publishers and subscribers, in the order of the media sections.
    var publishers: [Int32] = []
    var subscribers: [Int32] = []
    /// What feeds the sections that send.
    var feeds: [Feed] = []
    /// What its peer wants of layered video.
    var layers: [LayerSelection] = []
    /// Its speaker group; ``noGroup`` without.
    var speakers: UInt32 = Self.noGroup
    /// When its group is looked at next.
    var nextSpeakers = Instant.distantFuture
    var streams = StreamTable()
    /// Per payload type the publisher's slot that alone receives it, or a negative mark.
    var payloadOwners: [Int32] = []
    /// Our SSRC in RTCP about what we receive (RFC 3550 section 6.4.2) and our canonical name.
    var ssrc: UInt32 = 0
    var cname = ""

    /// Transport-wide congestion control was negotiated with this extension id; 0 when not.
    var transportSequenceID: UInt8 = 0
    /// Only REMB was negotiated (draft-alvestrand-rmcat-remb-03).
    var wantsREMB = false
    var recorder: TransportFeedbackRecorder?
    /// Where RFC 8888 was negotiated.
    var streamRecorder: CongestionControlRecorder?
    var isTransportFeedbackDue = false
    var isReportDue = false
    var nextTransportFeedback = Instant.distantFuture
    var nextReport = Instant.distantFuture
    /// When RTP or RTCP arrived last.
    var lastMedia = Instant.origin
    /// Whether the peer is sent to.
    var circuit = Circuit()
    /// The peer's last REMB in bits per second.
    var remb: UInt64 = 0

    /// What is so, and what the owner was told.
    var levels = Levels()
    var reportedLevels = Levels()

    /// States that events report.
    struct Levels: OptionSet, BitwiseCopyable {
        let rawValue: UInt8
        static let audioIn = Levels(rawValue: 1)
        static let videoIn = Levels(rawValue: 2)
        static let audioOut = Levels(rawValue: 4)
        static let videoOut = Levels(rawValue: 8)
        static let media = Levels(rawValue: 16)
        static let circuitBroken = Levels(rawValue: 32)

        static func flowingIn(_ kind: MediaKind) -> Levels { kind == .audio ? .audioIn : .videoIn }
        static func flowingOut(_ kind: MediaKind) -> Levels { kind == .audio ? .audioOut : .videoOut }

        init(rawValue: UInt8) { self.rawValue = rawValue }
        init() { rawValue = 0 }
    }

    /// Marks in ``payloadOwners``.
    static let noOwner: Int32 = -1
    static let ambiguousOwner: Int32 = -2

    static let noGroup = UInt32.max

    /// A source endpoint of one kind, for all sections that send the kind or for one of them.
    struct Feed {
        var kind: MediaKind
        /// Counted among the sending sections of the kind; -1 all.
        var section: Int32
        var source: Int32
    }

    /// The most that is wanted in one section, or in all (-1).
    struct LayerSelection: BitwiseCopyable {
        var section: Int32
        var spatial: UInt8
        var temporal: UInt8
        /// Whose turn is first where the path has no room for all, and how large it is shown.
        var priority: UInt8 = 1
        var pixels = UInt32.max
    }

    /// The feed of exactly this section, or of all when `section` is -1.
    func feed(_ kind: MediaKind, section: Int32) -> Int32? {
        for feed in feeds where feed.kind == kind && feed.section == section { return feed.source }
        return nil
    }

    func isFed(by source: Int32, _ kind: MediaKind) -> Bool {
        feeds.contains { $0.kind == kind && $0.source == source }
    }

    func selection(ofSection section: Int32) -> LayerSelection? {
        layers.first { $0.section == section } ?? layers.first { $0.section == -1 }
    }
}
