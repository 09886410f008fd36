import LoadGenerator
import RTP
import Session
import Simulator
import Wire

/// What offer and answer of every party come to in a call of a given size: each sends audio and video, and has a
/// section for the audio and one for the video of everybody else. The same seed gives the same SSRCs.
struct CallLayout: Sendable {
    struct Section: Sendable {
        /// Whose media it is.
        var publisher: Int
        var mid: String
        var kind: MediaKind
        /// As they leave their sender: a party, or the server.
        var parameters: RTPParameters
        /// Of the sections of its kind that the server sends in, which one; nil where the party sends.
        var number: Int?
    }

    /// By party.
    let sections: [[Section]]

    private static let opus = CodecParameters(
        name: "opus", payloadType: 111, clockRate: 48_000, channels: 2, feedback: ["transport-cc"])
    private static let vp8 = CodecParameters(
        name: "VP8", payloadType: 96, clockRate: 90_000,
        feedback: ["goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"], rtxPayloadType: 97)
    private static let extensions = [
        HeaderExtensionParameters(uri: HeaderExtensionURI.mid, id: 1),
        HeaderExtensionParameters(uri: HeaderExtensionURI.transportWideCC, id: 2),
    ]

    init(parties: Int, seed: RootSeed) {
        var random = seed.stream("ssrcs")
        var used: Set<UInt32> = []
        func ssrc() -> UInt32 {
            while true {
                let drawn = UInt32(truncatingIfNeeded: random.next())
                if drawn != 0, used.insert(drawn).inserted { return drawn }
            }
        }
        func parameters(_ kind: MediaKind) -> RTPParameters {
            RTPParameters(
                codecs: [kind == .audio ? Self.opus : Self.vp8], headerExtensions: Self.extensions,
                encodings: [EncodingParameters(ssrc: ssrc(), rtxSSRC: kind == .video ? ssrc() : nil)], cname: "sim")
        }
        sections = (0..<parties).map { party in
            var own: [Section] = []
            for kind in MediaKind.allCases {
                own.append(
                    Section(publisher: party, mid: "\(own.count)", kind: kind, parameters: parameters(kind)))
            }
            for (number, other) in (0..<parties).filter({ $0 != party }).enumerated() {
                for kind in MediaKind.allCases {
                    own.append(
                        Section(
                            publisher: other, mid: "\(own.count)", kind: kind, parameters: parameters(kind),
                            number: number))
                }
            }
            return own
        }
    }

    /// The server's view of a party's sections.
    func negotiated(_ party: Int) -> [NegotiatedMedia] {
        sections[party].map { section in
            let isSent = section.number != nil
            return NegotiatedMedia(
                mid: section.mid, kind: section.kind, direction: isSent ? .sendonly : .recvonly,
                receive: isSent ? RTPParameters() : section.parameters,
                send: isSent ? section.parameters : RTPParameters())
        }
    }

    /// What feeds a party's sections.
    func routes(to party: Int) -> [Route] {
        sections[party].compactMap { section in
            section.number.map {
                Route(
                    source: Self.endpoint(section.publisher), sink: Self.endpoint(party), kind: section.kind,
                    section: $0)
            }
        }
    }

    static func endpoint(_ party: Int) -> EndpointID { EndpointID("p\(party)") }
}

extension CallLayout.Section {
    var client: ClientSection {
        ClientSection(publisher: publisher, mid: mid, kind: kind, parameters: parameters)
    }
}
