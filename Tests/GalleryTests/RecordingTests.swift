import Testing

@testable import Gallery
@testable import Kurento

/// hello-world-recording, hello-world-repository and player.
@Suite(.timeLimit(.minutes(1)))
struct RecordingTests {
    private let bench = Bench()
    private let connected: JSONValue = ["oldState": "DISCONNECTED", "newState": "CONNECTED"]

    private func uri(_ type: String) async -> String? {
        guard let object = await bench.kurento.newest(type) else { return nil }
        return await bench.kurento.constructors[object]?["uri"]?.asString
    }

    @Test(arguments: [
        ("video-and-audio", "WEBM", ["AUDIO", "VIDEO"]), ("video-only", "WEBM_VIDEO_ONLY", ["VIDEO"]),
        ("audio-only", "WEBM_AUDIO_ONLY", ["AUDIO"]),
    ])
    func whatIsAskedForIsRecorded(mode: String, profile: String, kinds: [String]) async throws {
        let page = try await bench.page("/recording")
        await page.say("start", ["sdpOffer": "mine", "mode": .string(mode)])
        #expect(page.heard("startResponse").first?["sdpAnswer"] == "answer to mine")
        let recorder = try #require(await bench.kurento.newest("RecorderEndpoint"))
        let endpoint = try #require(await bench.kurento.newest("WebRtcEndpoint"))
        #expect(await bench.kurento.constructors[recorder]?["mediaProfile"] == .string(profile))
        #expect(await bench.kurento.constructors[recorder]?["uri"] == "file:///media/gallery/c1-1.webm")
        let calls = await bench.kurento.calls
        let recorded = kinds.map { "connect \(endpoint) > \(recorder) \($0)" }
        #expect(calls.filter { $0.hasPrefix("connect") } == ["connect \(endpoint) > \(endpoint)"] + recorded)
        #expect(calls.last == "record \(recorder)")
        await bench.kurento.raise("Recording", on: recorder)
        _ = await page.wait(for: "recording")
    }

    @Test func aRecordingIsWholeBeforeThePageIsTold() async throws {
        let page = try await bench.page("/recording")
        await page.say("start", ["sdpOffer": "mine"])
        let recorder = try #require(await bench.kurento.newest("RecorderEndpoint"))
        await page.say("stop")
        #expect(page.ids.last == "stopped")
        #expect(await bench.kurento.calls.contains("stopAndWait \(recorder)"))
        #expect(await bench.kurento.ordered("RecorderEndpoint").isEmpty)
        #expect(await bench.kurento.ordered("WebRtcEndpoint").isEmpty)
    }

    @Test func whatWasRecordedIsPlayedOnceThePageIsConnected() async throws {
        let page = try await bench.page("/recording")
        await page.say("play", ["sdpOffer": "mine"])
        #expect(page.heard("error").first?["message"]?.asString?.contains("Nothing has been recorded") == true)
        await page.say("start", ["sdpOffer": "mine"])
        await page.say("play", ["sdpOffer": "mine"])
        #expect(page.heard("error").count == 2)
        await page.say("stop")
        await page.say("play", ["sdpOffer": "watch"])
        #expect(page.heard("playResponse").first?["sdpAnswer"] == "answer to watch")
        #expect(await uri("PlayerEndpoint") == "file:///media/gallery/c1-1.webm")
        let player = try #require(await bench.kurento.newest("PlayerEndpoint"))
        let endpoint = try #require(await bench.kurento.newest("WebRtcEndpoint"))
        #expect(await !bench.kurento.calls.contains("play \(player)"))
        await bench.kurento.raise("ConnectionStateChanged", on: endpoint, connected)
        await bench.kurento.raise("ConnectionStateChanged", on: endpoint, connected)
        await bench.kurento.raise("EndOfStream", on: player)
        _ = await page.wait(for: "playEnd")
        #expect(await bench.kurento.calls.count { $0 == "play \(player)" } == 1)
        #expect(await bench.kurento.ordered("PlayerEndpoint").isEmpty)
        // It can be seen again, and a late word of the first time ends nothing.
        await page.say("play", ["sdpOffer": "again"])
        await bench.kurento.raise("EndOfStream", on: player)
        let second = try #require(await bench.kurento.newest("WebRtcEndpoint"))
        await bench.kurento.raise("IceCandidateFound", on: second, ["candidate": ["candidate": "c"]])
        _ = await page.wait(for: "iceCandidate")
        #expect(page.heard("playResponse").count == 2 && page.heard("playEnd").count == 1)
        await page.say("stopPlay")
        #expect(await bench.kurento.ordered("PlayerEndpoint").isEmpty)
        await page.close()
        #expect(await bench.kurento.alive.isEmpty)
    }

    @Test func twoPagesNeverShareAFileAndPlacesAreGivenBack() async throws {
        var pages: [Page] = []
        var uris: Set<String> = []
        for _ in 0..<Limits.recordings {
            let page = try await bench.page("/recording")
            await page.say("start", ["sdpOffer": "mine"])
            uris.insert(try #require(await uri("RecorderEndpoint")))
            pages.append(page)
        }
        #expect(uris.count == Limits.recordings)
        let late = try await bench.page("/recording")
        await late.say("start", ["sdpOffer": "mine"])
        #expect(late.heard("error").first?["message"]?.asString?.contains("places for recordings are taken") == true)
        await pages[3].close()
        // What holds the place may live a moment longer than the page.
        while late.heard("startResponse").isEmpty { await late.say("start", ["sdpOffer": "mine"]) }
        #expect(await uri("RecorderEndpoint") == "file:///media/gallery/c1-4.webm")
    }

    @Test func aRecordingEndsByItself() async throws {
        let bench = Bench { $0.recordingTime = .milliseconds(20) }
        let page = try await bench.page("/recording")
        await page.say("start", ["sdpOffer": "mine"])
        _ = await page.wait(for: "stopped")
        #expect(await bench.kurento.ordered("RecorderEndpoint").isEmpty)
        await page.say("play", ["sdpOffer": "mine"])
        #expect(page.heard("playResponse").count == 1)
    }

    @Test func aRecorderThatFailsIsTold() async throws {
        let page = try await bench.page("/recording")
        await page.say("start", ["sdpOffer": "mine"])
        let recorder = try #require(await bench.kurento.newest("RecorderEndpoint"))
        await bench.kurento.raise("Error", on: recorder, ["description": "no space left"])
        #expect(await page.wait(for: "error")["message"] == "no space left")
        await page.say("start", ["sdpOffer": "mine", "mode": "smell"])
        #expect(page.heard("error").count == 2)
    }

    /// Their pages take what they do not know for a fault, and start anew.
    @Test func theTutorialsPagesHearNoWordThatTheyDoNotKnow() async throws {
        let page = try await bench.page("/repository")
        await page.say("start", ["sdpOffer": "mine"])
        let recorder = try #require(await bench.kurento.newest("RecorderEndpoint"))
        for event in ["Recording", "Paused"] { await bench.kurento.raise(event, on: recorder) }
        await page.say("stop")
        await page.say("play", ["sdpOffer": "watch"])
        let endpoint = try #require(await bench.kurento.newest("WebRtcEndpoint"))
        await bench.kurento.raise("ConnectionStateChanged", on: endpoint, connected)
        await bench.kurento.raise("EndOfStream", on: try #require(await bench.kurento.newest("PlayerEndpoint")))
        _ = await page.wait(for: "playEnd")
        #expect(page.ids == ["startResponse", "playResponse", "playEnd"])
        let watcher = try await bench.page("/senddatachannel")
        await watcher.say("start", ["sdpOffer": "mine"])
        let shown = try #require(await bench.kurento.newest("WebRtcEndpoint"))
        await bench.kurento.raise("ConnectionStateChanged", on: shown, connected)
        await bench.kurento.raise("EndOfStream", on: try #require(await bench.kurento.newest("PlayerEndpoint")))
        _ = await watcher.wait(for: "playEnd")
        #expect(watcher.ids == ["startResponse", "playEnd"])
    }

    @Test func aRepositoryGetsNewNames() async throws {
        let bench = Bench { $0.repository = "http://repository.example.com/calls" }
        var uris: Set<String> = []
        let page = try await bench.page("/repository")
        for _ in 0..<3 {
            await page.say("start", ["sdpOffer": "mine"])
            let recorder = try #require(await bench.kurento.newest("RecorderEndpoint"))
            uris.insert(await bench.kurento.constructors[recorder]?["uri"]?.asString ?? "")
            await page.say("stop")
        }
        #expect(uris.count == 3)
        #expect(uris.allSatisfy { $0.hasPrefix("http://repository.example.com/calls/c1-") && $0.hasSuffix(".webm") })
    }

    @Test func withoutADirectoryNothingIsRecorded() async throws {
        let bench = Bench { $0.directory = nil }
        let page = try await bench.page("/recording")
        await page.say("start", ["sdpOffer": "mine"])
        #expect(page.heard("error").first?["message"]?.asString?.contains("files.roots") == true)
        #expect(await bench.kurento.alive.isEmpty)
    }

    // MARK: The player

    @Test func aPlayerTellsWhatItPlaysAndWhereItIs() async throws {
        let page = try await bench.page("/player")
        await page.say("start", ["sdpOffer": "mine"])
        #expect(page.heard("error").first?["message"] == "`start` needs `videourl`")
        await page.say("start", ["sdpOffer": "mine", "videourl": "http://example.com/a.webm"])
        #expect(await uri("PlayerEndpoint") == "http://example.com/a.webm")
        let player = try #require(await bench.kurento.newest("PlayerEndpoint"))
        let endpoint = try #require(await bench.kurento.newest("WebRtcEndpoint"))
        await bench.kurento.raise("ConnectionStateChanged", on: endpoint, connected)
        let expected: JSONValue = [
            "id": "videoInfo", "isSeekable": true, "initSeekable": 0, "endSeekable": 6000, "videoDuration": 6000,
        ]
        #expect(await page.wait(for: "videoInfo") == expected)
        await page.say("getPosition")
        #expect(page.heard("position").first?["position"] == 1500)
        await page.say("pause")
        await page.say("resume")
        await page.say("doSeek", ["position": 3000])
        let calls = await bench.kurento.calls.suffix(3)
        #expect(calls == ["pause \(player)", "play \(player)", "setPosition \(player) 3000"])
        await bench.kurento.refuse("setPosition", "Seek failed")
        await page.say("doSeek", ["position": 9000])
        #expect(page.heard("seek").first?["message"] == "Seek failed")
        await bench.kurento.raise("EndOfStream", on: player)
        _ = await page.wait(for: "playEnd")
        #expect(await bench.kurento.alive.isEmpty)
    }

    @Test func aFileThatIsNotThereEndsThePlay() async throws {
        let page = try await bench.page("/player")
        await page.say("start", ["sdpOffer": "mine", "videourl": "none.webm"])
        let player = try #require(await bench.kurento.newest("PlayerEndpoint"))
        await bench.kurento.raise("Error", on: player, ["description": "no such file"])
        _ = await page.wait(for: "playEnd")
        #expect(page.heard("error").first?["message"] == "no such file")
        await page.say("start", ["sdpOffer": "mine", "videourl": .string(String(repeating: "x", count: 3000))])
        #expect(page.heard("error").last?["message"] == "The address is too long")
        // Nothing plays: nothing to do, and no fault.
        for word in ["pause", "resume", "getPosition", "debugDot", "stop"] { await page.say(word) }
        await page.say("doSeek", ["position": 1])
        #expect(page.heard("error").count == 2)
    }

    @Test func codesOfAVideoGoOverADataChannel() async throws {
        let page = try await bench.page("/senddatachannel")
        await page.say("start", ["sdpOffer": "mine"])
        #expect(await uri("PlayerEndpoint") == "file:///media/gallery/barcodes.webm")
        let player = try #require(await bench.kurento.newest("PlayerEndpoint"))
        let element = try #require(await bench.kurento.newest("datachannelexample.KmsSendData"))
        let endpoint = try #require(await bench.kurento.newest("WebRtcEndpoint"))
        #expect(await bench.kurento.constructors[endpoint]?["useDataChannels"] == true)
        let calls = await bench.kurento.calls.filter { $0.hasPrefix("connect") }
        #expect(calls == ["connect \(player) > \(element)", "connect \(element) > \(endpoint)"])
    }
}
