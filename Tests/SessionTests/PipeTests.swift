import Foundation
import RTP
import Testing
import Wire

@testable import Session

@Suite struct PipeTests {
    private func makeKey(_ seed: UInt64) -> PipeKey {
        var random = SeededRandom(seed: seed)
        return PipeKey(using: &random)
    }

    // MARK: Keys

    @Test func aKeySurvivesTheStoreAndNothingElseDoes() throws {
        let key = makeKey(1)
        let text = String(decoding: try JSONEncoder().encode(key), as: UTF8.self)
        #expect(text.count == 58)
        #expect(try JSONDecoder().decode(PipeKey.self, from: Data(text.utf8)) == key)
        let wrong = [
            "\"\"", "\"00\"", "7", "null", "[]", text.uppercased(), String(text.dropLast(3)) + "\"",
            String(text.dropLast()) + "00\"", "\"" + String(repeating: "g", count: 56) + "\"",
            "\"" + String(repeating: "é", count: 28) + "\"",
        ]
        for text in wrong {
            #expect(throws: DecodingError.self, "\(text)") {
                try JSONDecoder().decode(PipeKey.self, from: Data(text.utf8))
            }
        }
        #expect(PipeKey(key: [1], salt: []) == nil)
    }

    @Test func nothingThatPrintsAPipeShowsItsKeys() throws {
        let key = makeKey(2)
        let specification = PipeSpecification(sendKey: key, receiveKey: makeKey(3), localSSRC: 1, remoteSSRC: 2)
        let operation = Session.Operation.openPipe(EndpointID("p"), specification)
        var dumped = ""
        dump(operation, to: &dumped)
        let hexadecimal = String(decoding: try JSONEncoder().encode(key), as: UTF8.self).dropFirst().dropLast()
        let list = key.key.prefix(4).map(String.init).joined(separator: ", ")
        for text in ["\(operation)", String(reflecting: operation), dumped, "\(key)", "\([key])", "\(Optional(key) as Any)"] {
            #expect(!text.contains(hexadecimal) && !text.contains(list), "\(text)")
            #expect(text.contains("(a key)"))
        }
    }

    @Test func everyKeyIsAnother() {
        var generator = SystemRandomNumberGenerator()
        let keys = (0..<100).map { _ in PipeKey(using: &generator) }
        #expect(Set(keys.map(\.key)).count == 100 && Set(keys.map(\.salt)).count == 100)
    }

    // MARK: The way

    private func end(_ network: String, _ addresses: String...) -> OpenedPipe {
        OpenedPipe(network: network, addresses: addresses)
    }

    @Test func onOneStackTheLoopbackAddressIsTaken() {
        let one = end("n", "192.0.2.1:40000", "127.0.0.1:40000", "[::1]:40000")
        let other = end("n", "192.0.2.1:40001", "127.0.0.1:40001", "[::1]:40001")
        #expect(PipePath.choose(from: one, to: other) == PipePath(local: "127.0.0.1:40000", remote: "127.0.0.1:40001"))
        let outside = end("n", "198.51.100.9:40002", "192.0.2.1:40002")
        #expect(
            PipePath.choose(from: one, to: outside) == PipePath(local: "192.0.2.1:40000", remote: "192.0.2.1:40002"))
    }

    @Test func betweenHostsTheNearestAddressIsTakenAndNeverLoopback() {
        let one = end("n1", "127.0.0.1:40000", "203.0.113.5:40000", "10.0.3.7:40000", "[2001:db8::1]:40000")
        let other = end("n2", "127.0.0.1:40000", "198.51.100.4:40000", "10.0.3.9:40000")
        #expect(PipePath.choose(from: one, to: other) == PipePath(local: "10.0.3.7:40000", remote: "10.0.3.9:40000"))
        #expect(
            PipePath.choose(from: one, to: end("n2", "[fe80::1]:1", "[2001:db8::2]:40000"))
                == PipePath(local: "[2001:db8::1]:40000", remote: "[2001:db8::2]:40000"))
        // Hosts that do not know where they are are not taken for one.
        let unknown = PipePath.choose(from: end("", "127.0.0.1:1", "192.0.2.1:1"), to: end("", "127.0.0.1:2", "192.0.2.2:2"))
        #expect(unknown == PipePath(local: "192.0.2.1:1", remote: "192.0.2.2:2"))
        #expect(
            PipePath.choose(from: end("", "127.0.0.1:1"), to: end("", "127.0.0.1:2"))
                == PipePath(local: "127.0.0.1:1", remote: "127.0.0.1:2"), "there is nothing else")
    }

    @Test func endsWithoutACommonFamilyHaveNoWay() {
        #expect(PipePath.choose(from: end("n", "192.0.2.1:1"), to: end("n", "[2001:db8::1]:1")) == nil)
        #expect(PipePath.choose(from: end("n"), to: end("n", "192.0.2.1:1")) == nil)
        #expect(PipePath.choose(from: end("n", "nonsense", "192.0.2.1"), to: end("n", "192.0.2.1:1")) == nil)
        let path = PipePath(local: "a", remote: "b")
        #expect(path.reversed == PipePath(local: "b", remote: "a"))
    }

    // MARK: Sections

    private func media(_ mid: String, _ direction: MediaDirection, codecs: Int = 1) -> NegotiatedMedia {
        let codec = CodecParameters(
            name: "VP8", payloadType: 96, clockRate: 90_000,
            feedback: ["goog-remb", "transport-cc", "nack", "ack ccfb"], rtxPayloadType: 97)
        return NegotiatedMedia(
            mid: mid, kind: .video, direction: direction,
            receive: RTPParameters(codecs: Array(repeating: codec, count: codecs)), send: RTPParameters())
    }

    @Test func onlyWhatThePeerSendsIsCarried() {
        var random = SeededRandom(seed: 1)
        let source = [
            media("0", .recvonly), media("1", .sendonly), media("2", .inactive), media("3", .sendrecv),
            media("4", .recvonly, codecs: 0),
        ]
        let sections = PipeSpecification.sections(carrying: source, using: &random)
        #expect(sections.map(\.mid) == ["0", "3"] && sections.allSatisfy { $0.direction == .sendonly })
        #expect(sections.allSatisfy { $0.send.codecs[0].feedback == ["nack"] }, "how packets are reported on is the leg's")
        #expect(PipeSpecification.sections(carrying: source, keeping: sections, using: &random) == sections)
    }

    @Test func everyEncodingOfASimulcastHasAStreamOfItsOwn() {
        var random = SeededRandom(seed: 1)
        func encodings(_ source: [EncodingParameters], keeping former: [NegotiatedMedia] = []) -> [NegotiatedMedia] {
            var media = media("0", .recvonly)
            media.receive.encodings = source
            return PipeSpecification.sections(carrying: [media], keeping: former, using: &random)
        }
        let byRid = encodings(["l", "h"].map { EncodingParameters(rid: $0) })
        #expect(byRid[0].send.encodings.map(\.rid) == ["l", "h"])
        let bySSRC = encodings((1...3).map { EncodingParameters(ssrc: $0, rtxSSRC: $0 + 10) })
        let streams = bySSRC[0].send.encodings.flatMap { [$0.ssrc, $0.rtxSSRC] }
        #expect(streams.count == 6 && Set(streams).count == 6 && !streams.contains(nil) && !streams.contains(1))
        #expect(encodings([EncodingParameters(rid: "only")])[0].send.encodings.map(\.rid) == [nil])
        #expect(encodings([])[0].send.encodings.count == 1)
        // What stays keeps its streams, what is new gets others.
        let more = encodings(["l", "h", "x"].map { EncodingParameters(rid: $0) }, keeping: byRid)
        #expect(Array(more[0].send.encodings.prefix(2)) == byRid[0].send.encodings)
        #expect(more[0].send.encodings.count == 3)
    }

    @Test func aPipeHasABoundedNumberOfStreams() {
        var random = SeededRandom(seed: 1)
        let sections = PipeSpecification.sections(
            carrying: (0..<64).map { media("\($0)", .recvonly) }, using: &random)
        let specification = PipeSpecification(
            sendKey: makeKey(1), receiveKey: makeKey(2), localSSRC: 1, remoteSSRC: 2, media: sections)
        #expect(specification.remoteSSRCs == [2])
        #expect(specification.reversed.remoteSSRCs.count <= 30 && sections.count == 14)
        #expect(specification.reversed.reversed == specification)
    }

    // MARK: Names

    @Test func aShardsNameTellsItsSession() {
        let session = SessionID("abc")
        #expect(session.shard(0) == session && session.shard(1).rawValue == "abc/2")
        #expect(session.shard(7).base == session && session.base == session)
    }

    @Test func pipesLeaveNoTraceInASpecification() {
        var specification = SessionSpecification()
        let pipe = PipeSpecification(sendKey: makeKey(1), receiveKey: makeKey(2), localSSRC: 1, remoteSSRC: 2)
        specification.apply(.openPipe(EndpointID("p"), pipe))
        specification.apply(.connectPipe(EndpointID("p"), PipePath(local: "a", remote: "b")))
        #expect(specification == SessionSpecification())
        // A route from another shard is kept, but is no operation of this one's.
        specification.apply(.openEndpoint(EndpointID("v"), EndpointSpecification(localUfrag: "u", localPassword: "p")))
        specification.apply(.connect(Route(source: EndpointID("far"), sink: EndpointID("v"), kind: .video)))
        #expect(specification.routes.count == 1 && specification.operations.count == 1)
    }
}
