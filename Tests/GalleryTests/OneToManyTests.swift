import Testing

@testable import Gallery
@testable import Kurento

@Suite(.timeLimit(.minutes(1)))
struct OneToManyTests {
    private let bench = Bench()

    private func presenter() async throws -> Page {
        let page = try await bench.page("/call")
        await page.say("presenter", ["sdpOffer": "mine"])
        return page
    }

    private func viewer() async throws -> Page {
        let page = try await bench.page("/call")
        await page.say("viewer", ["sdpOffer": "watch"])
        return page
    }

    private func accepted(_ sdp: String, _ id: String) -> JSONValue {
        ["id": .string(id), "response": "accepted", "sdpAnswer": .string("answer to \(sdp)")]
    }

    @Test func viewersGetWhatThePresenterSends() async throws {
        let presenter = try await presenter()
        #expect(presenter.heard("presenterResponse") == [accepted("mine", "presenterResponse")])
        let source = try #require(await bench.kurento.newest("WebRtcEndpoint"))
        for count in 1...2 {
            let viewer = try await viewer()
            #expect(viewer.heard("viewerResponse") == [accepted("watch", "viewerResponse")])
            let endpoint = try #require(await bench.kurento.newest("WebRtcEndpoint"))
            #expect(await bench.kurento.calls.contains("connect \(source) > \(endpoint)"))
            #expect(await bench.kurento.ordered("WebRtcEndpoint").count == 1 + count)
        }
        #expect(await bench.kurento.ordered("MediaPipeline").count == 1)
    }

    @Test func withoutAPresenterThereIsNothingToView() async throws {
        let viewer = try await viewer()
        #expect(viewer.heard("viewerResponse").first?["response"] == "rejected")
        #expect(viewer.heard("viewerResponse").first?["message"]?.asString?.contains("Nobody is presenting") == true)
    }

    @Test func thereIsOnePresenter() async throws {
        let first = try await presenter()
        let second = try await presenter()
        #expect(second.heard("presenterResponse").first?["response"] == "rejected")
        await first.say("viewer", ["sdpOffer": "watch"])
        await first.say("presenter", ["sdpOffer": "again"])
        #expect(first.heard("viewerResponse").first?["response"] == "rejected")
        #expect(first.heard("presenterResponse").last?["response"] == "rejected")
        // What it presents goes on.
        #expect(await bench.kurento.ordered("WebRtcEndpoint").count == 1)
        await first.say("stop")
        await second.say("presenter", ["sdpOffer": "mine"])
        #expect(second.heard("presenterResponse").last?["response"] == "accepted")
    }

    @Test(arguments: [true, false]) func whenThePresenterGoesTheViewersAreTold(byWord: Bool) async throws {
        let presenter = try await presenter()
        let viewer = try await viewer()
        if byWord { await presenter.say("stop") } else { await presenter.close() }
        #expect(viewer.heard("stopCommunication").count == 1)
        #expect(await bench.kurento.alive.isEmpty)
    }

    @Test func whenTheWorkerIsLostAllAreTold() async throws {
        let presenter = try await presenter()
        let viewer = try await viewer()
        let source = try #require(await bench.kurento.ordered("WebRtcEndpoint").first)
        await bench.kurento.raise("Error", on: source, ["description": "lost"])
        _ = await presenter.wait(for: "stopCommunication")
        #expect(viewer.heard("stopCommunication").count == 1)
    }

    @Test func aViewerThatLeavesTakesOnlyItsOwn() async throws {
        let presenter = try await presenter()
        let viewer = try await viewer()
        await viewer.close()
        #expect(await bench.kurento.ordered("WebRtcEndpoint").count == 1)
        #expect(presenter.heard("stopCommunication").isEmpty)
    }

    @Test func aBadOfferIsRejectedAndLeavesTheStageFree() async throws {
        await bench.kurento.refuse("processOffer", "not an offer")
        let page = try await presenter()
        #expect(page.heard("presenterResponse").first?["message"] == "not an offer")
        #expect(await bench.kurento.alive.isEmpty)
        await bench.kurento.allowAll()
        #expect(try await presenter().heard("presenterResponse").first?["response"] == "accepted")
    }

    @Test func candidatesWaitUntilThePageHasSaidWhatItIs() async throws {
        let page = try await bench.page("/call")
        await page.candidate("early")
        await page.say("presenter", ["sdpOffer": "mine"])
        let endpoint = try #require(await bench.kurento.newest("WebRtcEndpoint"))
        #expect(await bench.kurento.calls.contains("addIceCandidate \(endpoint) early"))
        // Who has chosen one application is in no other.
        await page.say("register", ["name": "ada"])
        #expect(page.heard("registerResponse").isEmpty && page.heard("error").count == 1)
    }
}
