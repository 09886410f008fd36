import RTP
import SDP
import Session
import Testing

@testable import Kurento

@Suite(.timeLimit(.minutes(1)))
struct NegotiationTests {
    private let bench = Bench()

    private func endpoint(_ client: Client) async -> String {
        await client.endpoint(await client.create("MediaPipeline"))
    }

    private func negotiated() async -> [NegotiatedEndpoint] {
        await bench.plane.operations.compactMap { if case .negotiateEndpoint(_, let what) = $0 { what } else { nil } }
    }

    @Test func theHelloWorldOrderWorks() async throws {
        let client = await bench.client()
        _ = await client.exchange(#"{"jsonrpc":"2.0","id":0,"method":"ping","params":{"interval":5000}}"#)
        let description = await client.request("describe", ["object": "manager_ServerManager"])
        let session = description["result"]?["sessionId"]
        #expect(await client.invokeRequest("manager_ServerManager", "getInfo")["result"]?["sessionId"] == session)
        let endpoint = await endpoint(client)
        for number in 1...4 {
            let reply = await client.invokeRequest(
                endpoint, "addIceCandidate",
                [
                    "candidate": [
                        "__module__": "kurento", "__type__": "IceCandidate",
                        "candidate": .string(
                            "candidate:\(number) 1 udp 2122260223 198.51.100.\(number) 5000 typ host "
                                + "generation 0 ufrag abcd network-id 1"),
                        "sdpMid": "0", "sdpMLineIndex": 0,
                    ]
                ])
            #expect(reply["result"]?["value"] == .null)
        }
        await client.subscribe(endpoint, "IceCandidateFound")
        await client.subscribe(endpoint, "IceGatheringDone")
        let answer = await client.invoke(endpoint, "processOffer", ["offer": .string(Offer.text())]).asString ?? ""
        #expect(await client.events.isEmpty)
        _ = await client.invoke(endpoint, "gatherCandidates")
        _ = await client.invoke(endpoint, "connect", ["sink": .string(endpoint)])
        let parsed = try SessionDescription(parsing: answer)
        #expect(parsed.media.map(\.mid) == ["0", "1"])
        #expect(parsed.media.allSatisfy { !$0.isRejected && !$0.hasEndOfCandidates })
        #expect(parsed.media.first?.candidates.count == 2)
        let events = await client.events(3)
        #expect(events.map { $0["type"] } == ["IceCandidateFound", "IceCandidateFound", "IceGatheringDone"])
        let kinds = await bench.plane.operations.map { operation in
            switch operation {
            case .openEndpoint: "open"
            case .addCandidate: "candidate"
            case .negotiateEndpoint: "negotiate"
            case .connect(let route): "\(route.kind)"
            default: "?"
            }
        }
        #expect(
            kinds == ["open", "candidate", "candidate", "candidate", "candidate", "negotiate", "audio", "video"])
    }

    @Test func anOfferIsAnsweredWithWhatTheWorkerIsTold() async throws {
        let client = await bench.client()
        let endpoint = await endpoint(client)
        await client.subscribe(endpoint, "MediaSessionStarted")
        let answer = await client.invoke(endpoint, "processOffer", ["offer": .string(Offer.text())]).asString ?? ""
        let parsed = try SessionDescription(parsing: answer)
        guard case .openEndpoint(let id, let specification)? = await bench.plane.operations.first else {
            return #expect(Bool(false), "not opened")
        }
        #expect(id == endpointID(endpoint))
        #expect(specification.localUfrag.utf8.count >= 8 && specification.localPassword.utf8.count >= 24)
        #expect(answer.contains("a=ice-ufrag:\(specification.localUfrag)\r\n"))
        #expect(answer.contains("a=ice-pwd:\(specification.localPassword)\r\n"))
        let told = try #require(await negotiated().first)
        #expect(told.remoteUfrag == "abcd")
        #expect(told.media.map(\.mid) == ["0", "1"])
        #expect(told.media.map(\.kind) == [.audio, .video])
        #expect(told.media[1].receive.codecs.first?.name.uppercased() == "VP8")
        let ssrcs = told.media.flatMap(\.send.encodings).compactMap(\.ssrc)
        #expect(ssrcs.count == 2 && Set(ssrcs).count == 2)
        #expect(ssrcs.allSatisfy { answer.contains("a=ssrc:\($0) ") })
        #expect(parsed.media.count == 2)
        #expect(await client.events(1).map { $0["type"] } == ["MediaSessionStarted"])
        #expect(await client.invoke(endpoint, "getLocalSessionDescriptor").asString == answer)
        #expect(await client.invoke(endpoint, "getRemoteSessionDescriptor").asString == Offer.text())
    }

    @Test func candidatesWithinTheOfferReachTheWorkerAfterIt() async {
        let client = await bench.client()
        let endpoint = await endpoint(client)
        let candidate = "candidate:7 1 udp 2122260223 198.51.100.7 5000 typ host"
        let tcp = "candidate:8 1 tcp 1518280447 198.51.100.7 9 typ host tcptype active"
        _ = await client.invoke(
            endpoint, "processOffer", ["offer": .string(Offer.text(candidates: [candidate, tcp]))])
        #expect(await bench.plane.operations.last == .addCandidate(endpointID(endpoint), candidate))
    }

    @Test func theServerCanMakeTheOffer() async throws {
        let client = await bench.client()
        let callee = await endpoint(client)
        let caller = await client.endpoint(await client.create("MediaPipeline"))
        let offer = await client.invoke(caller, "generateOffer").asString ?? ""
        #expect(offer.contains("a=setup:actpass"))
        let answer = await client.invoke(callee, "processOffer", ["offer": .string(offer)]).asString ?? ""
        let result = await client.invokeRequest(caller, "processAnswer", ["answer": .string(answer)])
        #expect(result["error"] == nil)
        let roles = await bench.plane.operations.compactMap { operation -> Bool? in
            if case .openEndpoint(_, let specification) = operation { specification.isOfferer } else { nil }
        }
        #expect(roles == [false, false, true])
        let both = await negotiated()
        #expect(both.count == 2)
        #expect(both.map(\.isDTLSClient).sorted { !$0 && $1 } == [false, true])
        #expect(await client.error(caller, "processAnswer", ["answer": .string(answer)]).code == 40210)
        #expect(await client.error(caller, "generateOffer").code == 40208)
    }

    @Test func offerOptionsTakeAwayReceiving() async throws {
        let client = await bench.client()
        let endpoint = await endpoint(client)
        let text = await client.invoke(
            endpoint, "generateOffer", ["options": ["offerToReceiveVideo": false]]).asString ?? ""
        let offer = try SessionDescription(parsing: text)
        #expect(offer.media.map(\.direction) == [.sendrecv, .sendonly])
    }

    @Test func negotiationOutOfOrderHasItsOwnErrors() async {
        let client = await bench.client()
        let endpoint = await endpoint(client)
        #expect(await client.error(endpoint, "getLocalSessionDescriptor").code == 40202)
        #expect(await client.error(endpoint, "getRemoteSessionDescriptor").code == 40203)
        #expect(await client.error(endpoint, "processAnswer", ["answer": "v=0"]).code == 40209)
        let empty = await client.error(endpoint, "processOffer", ["offer": ""])
        #expect(empty.code == 40201)
        #expect(empty.message == "Empty offer not valid")
        #expect(await client.error(endpoint, "processOffer", ["offer": "nonsense"]).code == 40201)
        _ = await client.invoke(endpoint, "processOffer", ["offer": .string(Offer.text())])
        let again = await client.error(endpoint, "processOffer", ["offer": .string(Offer.text())])
        #expect(again.code == 40208)
        #expect(again["data"]?["type"] == "SDP_END_POINT_ALREADY_NEGOTIATED")
        #expect(await client.error(endpoint, "generateOffer").code == 40208)
        #expect(await client.error(endpoint, "processAnswer", ["answer": "v=0"]).code == 40209)
    }

    @Test func aFailedOfferCanBeRepeated() async {
        let client = await bench.client()
        let endpoint = await endpoint(client)
        await bench.plane.refuseNext(Refusal(.timedOut, "no answer"))
        #expect(await client.error(endpoint, "processOffer", ["offer": .string(Offer.text())]).code == 40003)
        #expect(await client.invoke(endpoint, "processOffer", ["offer": .string(Offer.text())]).asString != nil)
    }

    @Test func receiveOnlyEndpointsAnswerAccordingly() async throws {
        let client = await bench.client()
        let pipeline = await client.create("MediaPipeline")
        let endpoint = await client.create("WebRtcEndpoint", ["mediaPipeline": .string(pipeline), "recvonly": true])
        _ = await client.invoke(endpoint, "processOffer", ["offer": .string(Offer.text())])
        let told = try #require(await negotiated().first)
        #expect(told.media.map(\.direction) == [.recvonly, .recvonly])
    }

    @Test func candidatesAreCheckedBeforeTheyAreTaken() async {
        let client = await bench.client()
        let endpoint = await endpoint(client)
        func add(_ text: String, mid: String = "0") async -> JSONValue {
            await client.invokeRequest(
                endpoint, "addIceCandidate",
                ["candidate": ["candidate": .string(text), "sdpMid": .string(mid), "sdpMLineIndex": 0]])
        }
        await bench.plane.forgetOperations()
        let good = "candidate:1 1 udp 1 2001:db8::7 5000 typ host"
        #expect(await add(good)["error"] == nil)
        #expect(await add("a=" + good)["error"] == nil)
        // Accepted, though nothing can be sent there: end of candidates, TCP, an mDNS name.
        #expect(await add("")["error"] == nil)
        #expect(await add("candidate:1 1 tcp 1 192.0.2.7 9 typ host tcptype active")["error"] == nil)
        #expect(await add("candidate:1 1 udp 1 0a1b.local 5000 typ host")["error"] == nil)
        #expect(await bench.plane.operations == Array(repeating: .addCandidate(endpointID(endpoint), good), count: 2))
        for bad in [good + "\r\na=x", "hello", "candidate:1 1 udp", good + String(repeating: " x", count: 600)] {
            #expect(await add(bad)["error"]?.code == 40401)
        }
        #expect(await add(good, mid: "0\r\n")["error"]?.code == 40401)
        await bench.plane.refuseNext(Refusal(.invalid, "not an address of this family"))
        #expect(await add(good)["error"]?.code == 40401)
        for _ in 0..<Limits.candidatesPerEndpoint { _ = await add(good) }
        #expect(await add(good)["error"]?.code == 40401)
    }

    @Test func gatheringBeforeNegotiationTellsCandidatesOnceThereIsAMid() async {
        let client = await bench.client()
        let endpoint = await endpoint(client)
        await client.subscribe(endpoint, "IceGatheringDone")
        _ = await client.invoke(endpoint, "gatherCandidates")
        _ = await client.value("ping")
        #expect(await client.events.isEmpty)
        _ = await client.invoke(endpoint, "processOffer", ["offer": .string(Offer.text())])
        #expect(await client.events(1).count == 1)
    }

    @Test func anExternalAddressReplacesTheWorkersInCandidates() async {
        let client = await bench.client()
        let endpoint = await endpoint(client)
        #expect(await client.error(endpoint, "setExternalIPv4", ["externalIPv4": "::1"]).code == 40107)
        _ = await client.invoke(endpoint, "setExternalIPv4", ["externalIPv4": "203.0.113.9"])
        let answer = await client.invoke(endpoint, "processOffer", ["offer": .string(Offer.text())]).asString ?? ""
        #expect(answer.contains("203.0.113.9 40000 typ host"))
        #expect(!answer.contains("192.0.2.1 40000"))
        #expect(answer.contains("2001:db8::1 40000"))
    }

    @Test func formerEventNamesAreServedUnderTheirNames() async {
        let client = await bench.client()
        let endpoint = await endpoint(client)
        await client.subscribe(endpoint, "OnIceGatheringDone")
        _ = await client.invoke(endpoint, "processOffer", ["offer": .string(Offer.text())])
        _ = await client.invoke(endpoint, "gatherCandidates")
        let event = await client.events(1).first
        #expect(event?["type"] == "OnIceGatheringDone")
        #expect(event?["data"]?["type"] == "OnIceGatheringDone")
        #expect(event?["data"]?["timestamp"] == "1795384158")
        #expect(await client.invoke(endpoint, "getGStreamerDot").asString?.hasPrefix("digraph") == true)
    }
}
