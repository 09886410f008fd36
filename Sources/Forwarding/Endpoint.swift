import RTP
import Wire

/// One endpoint as the router sees it: its sections, who feeds it, its timers and what was reported.
struct Endpoint {
    var isOpen = false
    /// The transport is up.
    var isConnected = false
    /// Slots of publishers and subscribers, in the order of the media sections.
    var publishers: [Int32] = []
    var subscribers: [Int32] = []
    /// Which endpoint feeds the sections that send audio and video; -1 none.
    var audioSource: Int32 = -1
    var videoSource: Int32 = -1
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
    var isTransportFeedbackDue = false
    var isReportDue = false
    var nextTransportFeedback = Instant.distantFuture
    var nextReport = Instant.distantFuture
    /// When RTP or RTCP arrived last.
    var lastMedia = Instant.origin
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

        static func flowingIn(_ kind: MediaKind) -> Levels { kind == .audio ? .audioIn : .videoIn }
        static func flowingOut(_ kind: MediaKind) -> Levels { kind == .audio ? .audioOut : .videoOut }

        init(rawValue: UInt8) { self.rawValue = rawValue }
        init() { rawValue = 0 }
    }

    /// Marks in ``payloadOwners``.
    static let noOwner: Int32 = -1
    static let ambiguousOwner: Int32 = -2

    func source(of kind: MediaKind) -> Int32 { kind == .audio ? audioSource : videoSource }

    mutating func setSource(_ source: Int32, of kind: MediaKind) {
        if kind == .audio { audioSource = source } else { videoSource = source }
    }
}
