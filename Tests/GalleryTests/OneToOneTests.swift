import Testing

@testable import Gallery
@testable import Kurento

@Suite(.timeLimit(.minutes(1)))
struct OneToOneTests {
    private let bench = Bench()

    private func person(
        _ name: String, _ bench: Bench? = nil, at path: String = "/call"
    ) async throws -> Page {
        let page = try await (bench ?? self.bench).page(path)
        await page.say("register", ["name": .string(name)])
        return page
    }

    private func call(_ page: Page, _ name: String) async {
        await page.say("call", ["from": "x", "to": .string(name), "sdpOffer": "caller"])
    }

    private func accept(_ page: Page) async {
        await page.say("incomingCallResponse", ["callResponse": "accept", "sdpOffer": "callee"])
    }

    private func pair(at path: String = "/call") async throws -> (Page, Page) {
        let (ada, bob) = (try await person("ada", at: path), try await person("bob", at: path))
        await call(ada, "bob")
        await accept(bob)
        return (ada, bob)
    }

    @Test func aNameIsGivenOnce() async throws {
        let ada = try await person("ada")
        #expect(ada.heard("registerResponse").first?["response"] == "accepted")
        #expect(try await person("ada").heard("registerResponse").first?["response"] == "rejected")
        await ada.say("register", ["name": "eve"])
        #expect(ada.heard("registerResponse").last?["response"] == "rejected")
        for name in ["", String(repeating: "x", count: 65)] {
            #expect(try await person(name).heard("registerResponse").first?["response"] == "rejected")
        }
        await ada.close()
        #expect(try await person("ada").heard("registerResponse").first?["response"] == "accepted")
    }

    @Test func twoTalk() async throws {
        let (ada, bob) = try await pair()
        #expect(bob.heard("incomingCall").first?["from"] == "ada")
        #expect(bob.heard("startCommunication").first?["sdpAnswer"] == "answer to callee")
        #expect(
            ada.heard("callResponse")
                == [["id": "callResponse", "response": "accepted", "sdpAnswer": "answer to caller"]])
        let endpoints = await bench.kurento.ordered("WebRtcEndpoint")
        #expect(endpoints.count == 2)
        let calls = await bench.kurento.calls
        #expect(calls.contains("connect \(endpoints[0]) > \(endpoints[1])"))
        #expect(calls.contains("connect \(endpoints[1]) > \(endpoints[0])"))
        #expect(await bench.kurento.ordered("RecorderEndpoint").isEmpty)
    }

    @Test func callersAreToldWhyNot() async throws {
        let (ada, bob) = try await pair()
        let eve = try await person("eve")
        for (name, reason) in [
            ("nobody", "Nobody is registered"), ("bob", "bob is busy"), ("ada", "ada is busy"), ("eve", "your own name"),
        ] {
            await call(eve, name)
            let told = eve.heard("callResponse").last
            #expect(told?["response"] == "rejected")
            #expect(told?["message"]?.asString?.contains(reason) == true, "\(name)")
        }
        await call(ada, "eve")
        #expect(ada.heard("callResponse").last?["message"] == "You are busy yourself")
        #expect(bob.heard("stopCommunication").isEmpty)
        let stranger = try await bench.page("/call")
        await stranger.say("call", ["to": "eve", "sdpOffer": "x"])
        #expect(stranger.heard("error").count == 1)
    }

    @Test func aCallCanBeDeclined() async throws {
        let (ada, bob) = (try await person("ada"), try await person("bob"))
        await call(ada, "bob")
        await bob.say("incomingCallResponse", ["callResponse": "reject", "message": "not now"])
        #expect(ada.heard("callResponse").first?["message"] == "not now")
        await accept(bob)
        #expect(bob.heard("error").count == 1)
        await call(bob, "ada")
        #expect(ada.heard("incomingCall").count == 1)
    }

    @Test func candidatesOfACallThatCameToNothingAreForgotten() async throws {
        let (ada, bob) = (try await person("ada"), try await person("bob"))
        await call(ada, "bob")
        await ada.candidate("of the first")
        await bob.say("incomingCallResponse", ["callResponse": "reject"])
        await call(ada, "bob")
        await ada.candidate("of the second")
        await accept(bob)
        let candidates = await bench.kurento.calls.filter { $0.hasPrefix("addIceCandidate") }
        #expect(candidates.count == 1 && candidates[0].hasSuffix("of the second"))
    }

    @Test(arguments: [true, false]) func hangingUpEndsBothEnds(byWord: Bool) async throws {
        let (ada, bob) = try await pair()
        if byWord { await bob.say("stop") } else { await bob.close() }
        #expect(ada.heard("stopCommunication").count == 1)
        #expect(await bench.kurento.alive.isEmpty)
        let eve = try await person("eve")
        await call(eve, "ada")
        #expect(ada.heard("incomingCall").count == 1)
    }

    @Test func whoStopsRingingFreesTheOther() async throws {
        let (ada, bob) = (try await person("ada"), try await person("bob"))
        await call(ada, "bob")
        await ada.say("stop")
        #expect(bob.heard("stopCommunication").count == 1)
        await call(ada, "bob")
        await bob.close()
        #expect(ada.heard("callResponse").last?["response"] == "rejected")
    }

    @Test func whoDoesNotAnswerIsGivenUp() async throws {
        let kurento = FakeKurento()
        let application = OneToOne(ringingTime: .milliseconds(20))
        func join(_ name: String) async throws -> (Page, Guest) {
            let page = Page()
            let guest = Guest(Visitor(kurento: await KurentoClient.connect(to: kurento), deliver: { page.take($0) }))
            try await application.take(Message(#"{"id":"register","name":"\#(name)"}"#), from: guest)
            return (page, guest)
        }
        let (ada, caller) = try await join("ada")
        let (bob, _) = try await join("bob")
        try await application.take(Message(#"{"id":"call","to":"bob","sdpOffer":"x"}"#), from: caller)
        #expect(await ada.wait(for: "callResponse")["message"] == "bob does not answer")
        #expect(bob.heard("stopCommunication").count == 1)
    }

    @Test func aCallThatCannotBeMadeIsOver() async throws {
        await bench.kurento.refuse("processOffer", "not an offer")
        let (ada, bob) = try await pair()
        #expect(ada.heard("callResponse").first?["message"] == "not an offer")
        #expect(bob.heard("stopCommunication").count == 1)
        #expect(await bench.kurento.alive.isEmpty)
    }

    @Test func aLostWorkerEndsTheCall() async throws {
        let (ada, bob) = try await pair()
        let endpoint = try #require(await bench.kurento.ordered("WebRtcEndpoint").first)
        await bench.kurento.raise("Error", on: endpoint, ["description": "lost"])
        _ = await ada.wait(for: "stopCommunication")
        _ = await bob.wait(for: "stopCommunication")
        #expect(await bench.kurento.alive.isEmpty)
    }

    // MARK: Recorded calls

    @Test func bothSidesAreRecordedAndPlayed() async throws {
        let (ada, bob) = try await pair(at: "/onetoonerecording")
        let recorders = await bench.kurento.ordered("RecorderEndpoint")
        let endpoints = await bench.kurento.ordered("WebRtcEndpoint")
        try #require(recorders.count == 2)
        let calls = await bench.kurento.calls
        for (endpoint, recorder) in zip(endpoints, recorders) {
            #expect(calls.contains("connect \(endpoint) > \(recorder)") && calls.contains("record \(recorder)"))
        }
        await ada.say("play", ["user": "bob", "sdpOffer": "watch"])
        #expect(ada.heard("playResponse").last?["error"] == "bob is being recorded")
        await ada.say("stop")
        await ada.say("play", ["user": "bob", "sdpOffer": "watch"])
        #expect(ada.heard("playResponse").last?["response"] == "accepted")
        let player = try #require(await bench.kurento.newest("PlayerEndpoint"))
        #expect(await bench.kurento.constructors[player]?["uri"] == "file:///media/gallery/c1-2.webm")
        await call(bob, "ada")
        #expect(bob.heard("callResponse").last?["message"] == "ada is busy")
        await bench.kurento.raise("EndOfStream", on: player)
        _ = await ada.wait(for: "playEnd")
        #expect(await bench.kurento.alive.isEmpty)
        await ada.say("play", ["user": "eve", "sdpOffer": "watch"])
        #expect(ada.heard("playResponse").last?["response"] == "rejected")
    }

    @Test func aRecordingOfACallEndsByItselfAndTheCallGoesOn() async throws {
        let bench = Bench { $0.recordingTime = .milliseconds(20) }
        let ada = try await person("ada", bench, at: "/onetoonerecording")
        let bob = try await person("bob", bench, at: "/onetoonerecording")
        await call(ada, "bob")
        await accept(bob)
        let recorders = await bench.kurento.ordered("RecorderEndpoint")
        try #require(recorders.count == 2)
        for recorder in recorders {
            while await !bench.kurento.calls.contains("stopAndWait \(recorder)") { await Task.yield() }
        }
        #expect(await bench.kurento.ordered("WebRtcEndpoint").count == 2)
        #expect(ada.heard("stopCommunication").isEmpty && bob.heard("stopCommunication").isEmpty)
    }

    @Test func callsAreRecordedOnlyWhereThatIsSaid() async throws {
        let (ada, _) = try await pair()
        await ada.say("stop")
        await ada.say("play", ["user": "bob", "sdpOffer": "watch"])
        #expect(ada.heard("playResponse").last?["error"]?.asString?.contains("not recorded") == true)
        let recording = Bench { $0.recordsCalls = true }
        let (eve, kim) = (try await person("eve", recording), try await person("kim", recording))
        await call(eve, "kim")
        await accept(kim)
        #expect(await recording.kurento.ordered("RecorderEndpoint").count == 2)
    }
}
