import DTLS
import ICE
import RTP
import SDP
import Testing
import Wire

@testable import LoadGenerator

struct NegotiationTests {
    private static let certificate = try! Certificate()

    private func client(
        _ role: ClientNegotiation.Role, publishers: Range<Int> = 0..<3, video: VideoPattern? = .uniform
    ) -> ClientNegotiation {
        var random = SeededRandom(seed: 4)
        let credentials = Credentials(random: &random)
        let isPublisher = if case .publisher = role { true } else { false }
        let layout = SectionLayout(publishers: publishers, video: video, hasAudio: true, isPublisher: isPublisher)
        let fingerprint = Self.certificate.fingerprint
        return ClientNegotiation(
            role: role, address: SocketAddress(ip: IPAddress(ipv4: 0x7F00_0001), port: 5_000),
            credentials: credentials,
            capabilities: layout.capabilities(
                ice: ICEParameters(ufrag: credentials.ufrag, password: credentials.password, trickles: false),
                fingerprint: SDP.Fingerprint(algorithm: fingerprint.algorithm, value: fingerprint.value),
                random: &random),
            layout: layout)
    }

    private func server(_ direction: MediaDirection, sources: Int = 0) -> EndpointCapabilities {
        func kind(_ base: KindCapabilities, first: UInt32) -> KindCapabilities {
            var kind = base
            kind.headerExtensions += [HeaderExtensionURI.rid, HeaderExtensionURI.repairedRid]
            kind.direction = direction
            kind.maxSections = 8
            kind.sources = (0..<sources).map {
                LocalSource(ssrc: first + UInt32($0) * 2, rtxSSRC: first + UInt32($0) * 2 + 1, trackID: "t\($0)")
            }
            return kind
        }
        return EndpointCapabilities(
            audio: kind(.defaultAudio, first: 100), video: kind(.defaultVideo, first: 200),
            ice: ICEParameters(ufrag: "server00", password: "serverserverserverserver"),
            fingerprint: SDP.Fingerprint(
                algorithm: Self.certificate.fingerprint.algorithm, value: Self.certificate.fingerprint.value),
            cname: "server", acceptsSimulcast: true)
    }

    private let candidate = "candidate:1 1 udp 2130706431 127.0.0.1 4000 typ host"

    @Test func aSubscriberOffersOneSectionForEachStreamOfEachPublisher() throws {
        let client = client(.subscriber(0))
        let offer = try SessionDescription(parsing: client.offer())
        #expect(offer.media.map(\.kind) == [.video, .video, .video, .audio, .audio, .audio])
        #expect(offer.media.allSatisfy { $0.direction == .recvonly && $0.sources.isEmpty })
        #expect(offer.media[0].candidates.count == 1 && offer.media[0].candidates[0].contains(" 127.0.0.1 5000 "))
        let answer = try Negotiator.answer(to: offer, with: server(.sendonly, sources: 3))
        try client.accept(answer: answer.localDescription.adding(candidates: [candidate]).text)
        let result = try #require(client.result)
        #expect(result.media.map(\.publisher) == [0, 1, 2, 0, 1, 2])
        #expect(result.media.map { $0.parameters.encodings.first?.ssrc } == [200, 202, 204, 100, 102, 104])
        #expect(result.path.isControlling && result.path.remote.ufrag == "server00")
        #expect(result.path.candidates == [candidate])
    }

    @Test func theServerMayOfferAndSayWhosePublisherASectionIs() throws {
        let client = client(.subscriber(0))
        let offer = Negotiator.offer(with: server(.sendonly, sources: 2), kinds: [.audio, .video, .audio, .video])
        let answer = try client.answer(
            to: offer.adding(candidates: [candidate]).text, publishers: [2, 1, 0, 2])
        let result = try #require(client.result)
        #expect(result.media.map(\.publisher) == [2, 1, 0, 2])
        #expect(result.media.map(\.kind) == [.audio, .video, .audio, .video])
        #expect(!result.path.isControlling)
        let description = try SessionDescription(parsing: answer)
        #expect(description.media.allSatisfy { !$0.isRejected && $0.direction == .recvonly })
        #expect(description.media[0].candidates.count == 1)
    }

    @Test func aSimulcastPublisherOffersItsEncodingsByRID() throws {
        let client = client(.publisher(1), publishers: 1..<2, video: .simulcast)
        let offer = try SessionDescription(parsing: client.offer())
        #expect(offer.media.map(\.kind) == [.video, .audio])
        #expect(offer.media[0].rids.map(\.id) == SectionLayout.rids && offer.media[0].sources.isEmpty)
        let negotiation = try Negotiator.answer(to: offer, with: server(.recvonly))
        #expect(
            negotiation.media[0].receive.encodings.map(\.rid) == SectionLayout.rids)
        try client.accept(answer: negotiation.localDescription.adding(candidates: [candidate]).text)
        let ids = ExtensionIDs(try #require(client.result?.media.first).parameters)
        #expect(ids.rid != 0 && ids.repairedRID != 0)
        #expect(ids.mid != 0 && client.result?.media.map(\.publisher) == [1, 1])
    }

    @Test func anAnswerWithoutCandidateIsRefusedWithItsReason() throws {
        let client = client(.subscriber(0))
        let answer = try Negotiator.answer(
            to: SessionDescription(parsing: client.offer()), with: server(.sendonly, sources: 3))
        let error = #expect(throws: SDPError.self) { try client.accept(answer: answer.localDescription.text) }
        #expect(error?.problem.contains("no candidate") == true && client.result == nil)
    }

    @Test func anAnswerNeedsAnOffer() {
        let client = client(.subscriber(0))
        #expect(throws: SDPError.self) { try client.accept(answer: "v=0") }
    }
}
