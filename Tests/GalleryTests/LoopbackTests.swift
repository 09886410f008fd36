import Testing

@testable import Gallery
@testable import Kurento

/// hello-world, and what differs from it by an element in between.
@Suite(.timeLimit(.minutes(1)))
struct LoopbackTests {
    private let bench = Bench()

    @Test func anOfferIsAnsweredAndTheCameraComesBack() async throws {
        let page = try await bench.page("/helloworld")
        await page.say("start", ["sdpOffer": "mine"])
        #expect(page.heard("startResponse").first?["sdpAnswer"] == "answer to mine")
        let endpoint = try #require(await bench.kurento.newest("WebRtcEndpoint"))
        let calls = await bench.kurento.calls
        #expect(calls.contains("connect \(endpoint) > \(endpoint)"))
        // Candidates come when somebody listens and the answer is known.
        #expect(calls.last == "gatherCandidates \(endpoint)")
        #expect(calls.firstIndex(of: "subscribe IceCandidateFound \(endpoint)") != nil)
    }

    @Test func theOtherWordsAreAnsweredInTheSame() async throws {
        let page = try await bench.page("/helloworld")
        await page.say("PROCESS_SDP_OFFER", ["sdpOffer": "mine"])
        #expect(page.heard("PROCESS_SDP_ANSWER").first?["sdpAnswer"] == "answer to mine")
        let endpoint = try #require(await bench.kurento.newest("WebRtcEndpoint"))
        let found: JSONValue = ["__type__": "IceCandidate", "candidate": "c", "sdpMid": "0", "sdpMLineIndex": 0]
        await bench.kurento.raise("IceCandidateFound", on: endpoint, ["candidate": found])
        let told = await page.wait(for: "ADD_ICE_CANDIDATE")
        #expect(told["candidate"] == ["candidate": "c", "sdpMid": "0", "sdpMLineIndex": 0])
        await page.candidate("up", id: "ADD_ICE_CANDIDATE")
        #expect(await bench.kurento.calls.last == "addIceCandidate \(endpoint) up")
        await page.say("START")
        #expect(page.heard("ERROR").count == 1)
        await page.say("STOP")
        #expect(await bench.kurento.alive.isEmpty)
    }

    @Test func candidatesThatCameBeforeTheOfferAreNotLost() async throws {
        let page = try await bench.page("/helloworld")
        await page.candidate("early")
        await page.say("start", ["sdpOffer": "mine"])
        await page.candidate("late")
        let calls = await bench.kurento.calls.filter { $0.hasPrefix("addIceCandidate") }
        let endpoint = try #require(await bench.kurento.newest("WebRtcEndpoint"))
        #expect(calls == ["addIceCandidate \(endpoint) early", "addIceCandidate \(endpoint) late"])
    }

    @Test func nothingStaysOfAPageThatLeaves() async throws {
        let page = try await bench.page("/helloworld")
        await page.say("start", ["sdpOffer": "mine"])
        await page.say("start", ["sdpOffer": "again"])
        #expect(await bench.kurento.ordered("MediaPipeline").count == 1)
        await page.close()
        #expect(await bench.kurento.alive.isEmpty)
        #expect(await bench.kurento.connectionCount == 0)
        #expect(await bench.kurento.calls.last == "closeSession")
    }

    @Test(arguments: ["create WebRtcEndpoint", "processOffer", "connect", "subscribe"])
    func whatTheServerRefusesIsToldAndLeavesNothing(call: String) async throws {
        await bench.kurento.refuse(call, "not today")
        let page = try await bench.page("/helloworld")
        await page.say("start", ["sdpOffer": "mine"])
        #expect(page.heard("error").first?["message"] == "not today")
        #expect(page.heard("startResponse").isEmpty)
        #expect(await bench.kurento.alive.isEmpty)
        await bench.kurento.allowAll()
        await page.say("start", ["sdpOffer": "mine"])
        #expect(page.heard("startResponse").count == 1)
    }

    @Test func aLostWorkerIsTold() async throws {
        let page = try await bench.page("/helloworld")
        await page.say("start", ["sdpOffer": "mine"])
        let endpoint = try #require(await bench.kurento.newest("WebRtcEndpoint"))
        await bench.kurento.raise("Error", on: endpoint, ["description": "the worker was lost"])
        #expect(await page.wait(for: "error")["message"] == "the worker was lost")
        await page.say("start", ["sdpOffer": "again"])
        #expect(page.heard("startResponse").count == 2)
        #expect(await bench.kurento.ordered("MediaPipeline").count == 1)
    }

    @Test func codesThatAreFoundAreTold() async throws {
        let page = try await bench.page("/codes")
        await page.say("start", ["sdpOffer": "mine"])
        let filter = try #require(await bench.kurento.newest("ZBarFilter"))
        let endpoint = try #require(await bench.kurento.newest("WebRtcEndpoint"))
        let calls = await bench.kurento.calls
        #expect(calls.contains("connect \(endpoint) > \(filter)") && calls.contains("connect \(filter) > \(endpoint)"))
        #expect(!calls.contains("connect \(endpoint) > \(endpoint)"))
        await bench.kurento.raise("CodeFound", on: filter, ["codeType": "QR-Code", "value": "hello", "source": "x"])
        let told = await page.wait(for: "codeFound")
        #expect(told == ["id": "codeFound", "codeType": "QR-Code", "value": "hello"])
    }

    @Test func typedTextNeedsADataChannel() async throws {
        let page = try await bench.page("/showdatachannel")
        await page.say("start", ["sdpOffer": "mine"])
        let endpoint = try #require(await bench.kurento.newest("WebRtcEndpoint"))
        #expect(await bench.kurento.constructors[endpoint]?["useDataChannels"] == true)
        let element = try #require(await bench.kurento.newest("datachannelexample.KmsShowData"))
        #expect(await bench.kurento.calls.contains("connect \(element) > \(endpoint)"))
    }
}
