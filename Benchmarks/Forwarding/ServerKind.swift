/// The servers that the benchmark knows.
public enum ServerKind: String, Sendable, Codable, Hashable, CaseIterable {
    /// This checkout's Apus: `apus up` with one worker and one reactor.
    case apus
    /// The same with all in one process: no memory file that outlives a media process, and nobody who would go on.
    case apusEmbedded = "apus-embedded"
    /// The same as ``apus``, for subscribers that do not say what arrived: no congestion control, pacing or allocation.
    case apusWithoutFeedback = "apus-without-feedback"
    /// The ideal loop in C, with one `UDP_SEGMENT` send for each burst of a subscriber.
    case limit
    /// The ideal loop with one `sendto` for each packet.
    case limitSendto = "limit-sendto"
    /// Debian's Janus as it comes.
    case janus
    /// Debian's Janus with `event_loops = 2`.
    case janusTuned = "janus-tuned"

    /// For tables.
    public var title: String {
        switch self {
        case .apus: "Apus"
        case .apusEmbedded: "Apus, embedded"
        case .apusWithoutFeedback: "Apus, no feedback"
        case .limit: "limit (GSO)"
        case .limitSendto: "limit (sendto)"
        case .janus: "Janus, default"
        case .janusTuned: "Janus, event_loops=2"
        }
    }

    /// Whether it can send a chosen encoding of a simulcast publisher.
    var hasSimulcast: Bool { self != .limit && self != .limitSendto }
}

/// What the publishers send.
public enum Content: String, Sendable, Codable, Hashable, CaseIterable {
    /// 30 frames of 5 packets of 1200 bytes a second: trains of equal packets, the best case for `UDP_SEGMENT`.
    case uniform
    /// Frame sizes of an encoder; packets of a frame differ by a byte.
    case real
    /// Ten speakers, each 50 packets of 120 bytes a second.
    case audio
    /// Three encodings, of which subscribers change theirs during the measurement.
    case simulcast

    public var title: String {
        switch self {
        case .uniform: "uniform video"
        case .real: "real frame sizes"
        case .audio: "audio, 10 speakers"
        case .simulcast: "simulcast, switching"
        }
    }

    var publishers: Int { self == .audio ? 10 : 1 }
}
