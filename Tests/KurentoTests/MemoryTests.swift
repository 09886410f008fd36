import Session
import Testing

@testable import Kurento

/// Records without a store.
actor FakeMemory: SignalingMemory {
    private(set) var records: [String: [String: String]] = [:]
    private(set) var writes = 0
    private var failure: RecordFailure?
    private var refusal: Refusal?
    private(set) var givenUp: [String] = []
    private var give: (@Sendable (String) async -> Void)?

    func keep(_ changes: RecordChanges, in record: String, about session: SessionID?) async throws(RecordFailure) {
        if let failure { throw failure }
        writes += 1
        guard changes.isWhole || records[record] != nil else { throw .missing }
        var texts = changes.isWhole ? [:] : records[record] ?? [:]
        for (name, text) in changes.texts { texts[name] = text }
        records[record] = texts
    }

    func claim(_ record: String, isPatient: Bool) async throws(Refusal) -> [String: String]? {
        if let refusal { throw refusal }
        return records[record]
    }

    func forget(_ record: String) async { records[record] = nil }
    func giveUp(_ records: [String], with sessions: [SessionID]) async { givenUp += records }
    func onLapse(_ check: @escaping @Sendable () async -> Void) async {}
    func onWanted(_ give: @escaping @Sendable (String) async -> Void) async { self.give = give }

    func fail(_ failure: RecordFailure?) { self.failure = failure }
    func refuse(_ refusal: Refusal?) { self.refusal = refusal }
    func lose() { records = [:] }
}

/// A process's end is no end for its clients.
@Suite struct MemoryTests {
    /// Two lives of one controller over one memory; ids go on counting.
    private func benches() -> (memory: FakeMemory, first: Bench, second: Bench) {
        let memory = FakeMemory()
        let first = Bench(memory: memory)
        let second = Bench(memory: memory) { configuration in
            let draw = configuration.drawIdentifier
            configuration.drawIdentifier = { "v" + draw() }
        }
        return (memory, first, second)
    }

    private func eventually(_ condition: () async -> Bool) async -> Bool {
        for _ in 0..<1000 {
            if await condition() { return true }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return false
    }

    @Test func aSessionGoesOnInAnotherProcess() async throws {
        let (_, first, second) = benches()
        await second.plane.allowAdoption()
        let one = await first.client()
        let pipeline = await one.create("MediaPipeline", session: "s")
        let source = await one.endpoint(pipeline)
        let pass = await one.create("PassThrough", ["mediaPipeline": .string(pipeline)])
        let sink = await one.endpoint(pipeline)
        for (from, to) in [(source, pass), (pass, sink)] {
            _ = await one.invoke(from, "connect", ["sink": .string(to)])
        }
        _ = await one.invoke(source, "addTag", ["key": "k", "value": "v"])
        _ = await one.invoke(source, "setName", ["name": "source"])
        _ = await one.invoke(source, "setMaxVideoRecvBandwidth", ["maxVideoRecvBandwidth": 500])
        let answer = await one.invoke(source, "processOffer", ["offer": .string(Offer.text())])
        let offer = await one.invoke(sink, "generateOffer")
        await one.subscribe(source, "IceCandidateFound")
        await one.subscribe(source, "MediaStateChanged")

        let two = await second.client()
        #expect(await two.request("connect", ["sessionId": "s"])["result"]?["sessionId"] == "s")
        #expect(await two.invoke(pipeline, "getChildren").strings == [source, pass, sink])
        #expect(await two.invoke(source, "getTag", ["key": "k"]) == "v")
        #expect(await two.invoke(source, "getName") == "source")
        #expect(await two.invoke(source, "getMaxVideoRecvBandwidth") == 500)
        #expect(await two.invoke(source, "getLocalSessionDescriptor") == answer)
        #expect(await two.invoke(source, "getRemoteSessionDescriptor").asString == Offer.text())
        #expect(await two.error(source, "processOffer", ["offer": .string(Offer.text())]).code == 40208)
        let before = await second.plane.operations
        #expect(!before.contains { if case .connect = $0 { true } else { false } }, "routes are there already")
        _ = await two.invoke(pass, "disconnect", ["sink": .string(sink)])
        #expect(await second.plane.routes.count == 2)
        // An offer of the former process is accepted with what it was made with.
        let text = try #require(offer.asString)
        let accepted = await two.invoke(sink, "processAnswer", ["answer": .string(Offer.answer(to: text))])
        #expect(accepted == offer)

        await second.plane.emit(.mediaStateChanged(endpointID(source), isConnected: true), in: SessionID(short(pipeline)))
        let events = await two.events(1)
        #expect(events[0]["type"] == "MediaStateChanged" && events[0]["object"] == .string(source))
        _ = await two.request("release", ["object": .string(pipeline)])
        #expect(await second.plane.closed == [SessionID(short(pipeline))])
    }

    @Test func eventsWaitForAClientThatIsAwayAndOutliveTheProcess() async {
        let (memory, first, second) = benches()
        await second.plane.allowAdoption()
        let one = await first.client()
        let pipeline = await one.create("MediaPipeline", session: "s")
        let endpoint = await one.endpoint(pipeline)
        await one.subscribe(endpoint, "MediaStateChanged")
        await first.server.connectionClosed(one.connection)
        await first.plane.emit(.mediaStateChanged(endpointID(endpoint), isConnected: true), at: "c1 7-0")
        #expect(
            await eventually {
                let records = await memory.records
                return records["pipeline:\(short(pipeline))"]?["at"] == "c1 7-0"
                    && records["session:s"]?["events"]?.contains("MediaStateChanged") == true
            })
        let two = await second.client()
        let frames = await two.send(#"{"jsonrpc":"2.0","id":1,"method":"connect","params":{"sessionId":"s"}}"#)
        #expect(frames.count == 2 && frames[0].contains("\"result\"") && frames[1].contains("MediaStateChanged"))
        #expect(await second.plane.adoptedAfter == ["c1 7-0"])
        #expect(await eventually { await memory.records["session:s"]?["events"] == "[]" }, "and is told once")
    }

    @Test func nothingIsWrittenForARequestThatChangesNothing() async {
        let (memory, first, _) = benches()
        let client = await first.client()
        let pipeline = await client.create("MediaPipeline", session: "s")
        let writes = await memory.writes
        for _ in 0..<5 { _ = await client.invoke(pipeline, "getName") }
        #expect(await memory.writes == writes)
        #expect(await memory.records.keys.sorted() == ["pipeline:\(short(pipeline))", "session:s"])
        _ = await client.request("release", ["object": .string(pipeline)])
        #expect(await eventually { await memory.records.isEmpty })
    }

    @Test func aMemoryThatIsAwayCostsNoServiceAndIsToldLater() async {
        let (memory, first, _) = benches()
        await memory.fail(.unavailable)
        let client = await first.client()
        let pipeline = await client.create("MediaPipeline", session: "s")
        #expect(await client.invoke(pipeline, "getName") == .string(pipeline))
        #expect(await memory.records.isEmpty)
        await memory.fail(nil)
        #expect(await eventually { await memory.records.count == 2 })
        // What it has lost is written whole.
        await memory.lose()
        _ = await client.invoke(pipeline, "addTag", ["key": "k", "value": "v"])
        #expect(await eventually { await memory.records["pipeline:\(short(pipeline))"]?.count == 1 })
    }

    @Test func whoIsToldThatAnotherHasItLetsGoWithoutTouchingTheMedia() async {
        let (memory, first, _) = benches()
        let client = await first.client()
        let pipeline = await client.create("MediaPipeline", session: "s")
        await memory.fail(.taken)
        _ = await client.invoke(pipeline, "addTag", ["key": "k", "value": "v"])
        #expect(await client.error(pipeline, "getName").code == 40101)
        #expect(await first.plane.closed.isEmpty)
        #expect(await first.plane.disowned == [SessionID(short(pipeline))])
    }

    @Test func aPipelineWhoseMediaIsGoneComesBackAsLost() async {
        let (_, first, second) = benches()
        let one = await first.client()
        let pipeline = await one.create("MediaPipeline", session: "s")
        await one.subscribe(pipeline, "Error")
        let two = await second.client()
        let frames = await two.send(#"{"jsonrpc":"2.0","id":1,"method":"connect","params":{"sessionId":"s"}}"#)
        #expect(frames.contains { $0.contains("\"Error\"") })
        #expect(await two.error(pipeline, "getChildren").message.contains("was lost"))
    }

    @Test func errorsTellWhereASessionIsAndWhetherItIsKnown() async {
        let (memory, _, second) = benches()
        let client = await second.client()
        #expect(await client.request("connect", ["sessionId": "s"])["error"]?.code == 40007)
        await memory.refuse(Refusal(.elsewhere, "controller c2 has it"))
        let elsewhere = await client.request("connect", ["sessionId": "s"])["error"] ?? .null
        #expect(elsewhere.code == 40003 && elsewhere.message.contains("c2"))
        await memory.refuse(Refusal(.storeUnavailable, "away", retryAfter: 1))
        #expect(await client.request("connect", ["sessionId": "s"])["error"]?.code == 40009)
        #expect(await client.create("MediaPipeline", session: "s") != "", "other requests are served")
    }

    @Test func aSessionIsGivenUpUnlessOthersHereShareItsPipeline() async {
        let (memory, first, _) = benches()
        let one = await first.client()
        let two = await first.client()
        let pipeline = await one.create("MediaPipeline", session: "a b")
        _ = await two.request("describe", ["object": .string(pipeline), "sessionId": "t"])
        await first.server.giveUp("session:a%20b")
        #expect(await memory.givenUp.isEmpty)
        await first.server.connectionClosed(two.connection)
        await first.server.giveUp("session:a%20b")
        #expect(await memory.givenUp.sorted() == ["pipeline:\(short(pipeline))", "session:a%20b", "session:t"])
        #expect(await one.error(pipeline, "getName").code == 40101)
        #expect(await first.plane.closed.isEmpty)
    }

    @Test func namesOfSessionsAreNamesOfRecords() {
        for name in ["1111", "a b", "50%", "é/\n", ""] {
            let record = Notebook.record(ofSession: name)
            #expect(record.utf8.allSatisfy { (0x21...0x7E).contains($0) } && Notebook.session(of: record) == name)
        }
        #expect(Notebook.session(of: "pipeline:x") == nil)
    }
}
