import RTP
import Wire

/// One SSRC that a subscriber receives.
struct ReceivedStream: Sendable {
    let ssrc: UInt32
    /// Of the client's sections.
    let section: Int
    /// The stream that this one repairs, by index; nil for media.
    let repairs: Int?
    /// Of the repaired stream, for RTX.
    let payloadType: UInt8
    var verifier: StreamVerifier
    var nacks: NackGenerator
    var statistics: ReceiverStatistics
    var hasAsked = false
    var newest = SequenceNumber(0)
}

/// What a subscriber has agreed on for one section.
struct ReceivedSection: Sendable {
    let publisher: Int
    let kind: MediaKind
    let mid: HeaderExtensionValue?
    let payloadType: UInt8
    let rtxPayloadType: UInt8?
    let clockRate: UInt32
    let extensions: ExtensionIDs
    let takesNacks: Bool
    let hasTransportFeedback: Bool
    let hasMaximumBitrate: Bool
    /// Index of its media stream, once known.
    var stream: Int?
    /// Verified media has come.
    var hasMedia = false

    init(_ section: ClientSection) throws(LoadError) {
        guard let codec = section.parameters.codecs.first else { throw LoadError("the server agreed on no codec") }
        publisher = section.publisher
        kind = section.kind
        mid = HeaderExtensionValue(section.mid)
        payloadType = codec.payloadType
        rtxPayloadType = codec.rtxPayloadType
        clockRate = codec.clockRate
        extensions = ExtensionIDs(section.parameters)
        takesNacks = codec.feedback.contains("nack")
        hasTransportFeedback = codec.feedback.contains("transport-cc") && extensions.transportSequence != 0
        hasMaximumBitrate = codec.feedback.contains("goog-remb")
    }
}
