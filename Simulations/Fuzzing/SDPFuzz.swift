import RTP
import SDP
import Wire

/// Parses the input as an offer, answers it and takes it as an answer: none of it may trap, and what was parsed
/// must come back from its own text unchanged.
public enum SDPFuzz {
    public static func run(_ input: RawSpan) {
        let text = String(decoding: input.copied(), as: UTF8.self)
        guard let offer = try? SessionDescription(parsing: text) else { return }
        checkRoundTrip(offer)
        runPlain(offer)
        for isRich in [false, true] {
            let local = capabilities(isRich: isRich)
            if let negotiation = try? Negotiator.answer(to: offer, with: local) {
                let candidates = negotiation.remoteCandidates.map(\.candidate)
                let answer = negotiation.localDescription.adding(candidates: candidates)
                checkRoundTrip(answer)
                precondition(answer.media.count == offer.media.count, "an answer has the offer's sections")
                let isUsed = !negotiation.media.isEmpty || negotiation.dataChannels != nil
                precondition(isUsed, "a session carries something")
            }
            _ = try? Negotiator.accept(answer: offer, to: Negotiator.offer(with: local), with: local)
        }
    }

    /// The same as plain RTP.
    private static func runPlain(_ offer: SessionDescription) {
        for suites in [[], CryptoSuite.allCases] {
            let local = plainCapabilities(suites)
            if let negotiation = try? PlainNegotiator.answer(to: offer, with: local) {
                checkRoundTrip(negotiation.localDescription)
                precondition(negotiation.localDescription.media.count == offer.media.count, "the offer's sections")
                precondition((1...2).contains(negotiation.media.count), "one of a kind")
            }
            _ = try? PlainNegotiator.accept(answer: offer, to: PlainNegotiator.offer(with: local), with: local)
        }
    }

    private static func plainCapabilities(_ suites: [CryptoSuite]) -> PlainCapabilities {
        var local = PlainCapabilities(
            suites: suites, inline: [UInt8](repeating: 7, count: 46),
            address: PlainAddress(
                connection: ConnectionData(address: "192.0.2.1"), audioPort: 40_200, videoPort: 40_202),
            cname: "fuzz")
        local.audio.sources = [LocalSource(ssrc: 1, trackID: "a")]
        local.video.sources = [LocalSource(ssrc: 2, trackID: "v")]
        return local
    }

    /// Writing normalises, and so may pass a limit that the input just kept; nothing else may differ.
    private static func checkRoundTrip(_ description: SessionDescription) {
        do throws(SDPError) {
            let again = try SessionDescription(parsing: description.text)
            precondition(again == description, "parsing the written text gives the description")
        } catch {
            precondition(error.reason == .overLimit, "the written text is well-formed")
        }
    }

    private static func capabilities(isRich: Bool) -> EndpointCapabilities {
        var local = EndpointCapabilities(
            ice: ICEParameters(ufrag: "fuzz", password: "0123456789abcdef01234567", isLite: isRich),
            fingerprint: Fingerprint(
                algorithm: "sha-256", value: Array(repeating: "AB", count: 32).joined(separator: ":")),
            cname: "fuzz", acceptsDataChannels: isRich, acceptsSimulcast: isRich)
        local.audio.sources = [LocalSource(ssrc: 1, trackID: "a")]
        local.video.sources = [LocalSource(ssrc: 2, rtxSSRC: 3, trackID: "v")]
        if isRich {
            local.video.headerExtensions.append("urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id")
            local.audio.maxSections = 8
            local.video.maxSections = 8
            local.video.maxReceiveKbps = 500
        }
        return local
    }
}
