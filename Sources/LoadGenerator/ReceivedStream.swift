package import RTP
package import Wire

/// One SSRC that a subscriber receives.
package struct ReceivedStream: Sendable {
    package let ssrc: UInt32
    /// Of the client's sections.
    package let section: Int
    /// The stream that this one repairs, by index; nil for media.
    package let repairs: Int?
    /// Of the repaired stream, for RTX.
    package let payloadType: UInt8
    package var verifier: StreamVerifier
    package var nacks: NackGenerator
    package var statistics: ReceiverStatistics
    package var hasAsked = false
    package var newest = SequenceNumber(0)
    var gaps = GapWatch()
    var pictures = PictureCounter()

    package init(
        ssrc: UInt32, section: Int, repairs: Int?, payloadType: UInt8, verifier: StreamVerifier, nacks: NackGenerator,
        statistics: ReceiverStatistics
    ) {
        self.ssrc = ssrc
        self.section = section
        self.repairs = repairs
        self.payloadType = payloadType
        self.verifier = verifier
        self.nacks = nacks
        self.statistics = statistics
    }
}

/// What a subscriber has agreed on for one section.
package struct ReceivedSection: Sendable {
    package let publisher: Int
    package let kind: MediaKind
    package let mid: HeaderExtensionValue?
    package let payloadType: UInt8
    package let rtxPayloadType: UInt8?
    package let clockRate: UInt32
    package let extensions: ExtensionIDs
    package let takesNacks: Bool
    package let hasTransportFeedback: Bool
    package let hasMaximumBitrate: Bool
    /// Index of its media stream, once known.
    package var stream: Int?
    /// Verified media has come.
    package var hasMedia = false

    package init(_ section: ClientSection) throws(LoadError) {
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
