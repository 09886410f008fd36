import Session
import Testing

@testable import WHIP

/// Records without a store.
actor FakeMemory: SignalingMemory {
    private(set) var records: [String: [String: String]] = [:]
    private var failure: RecordFailure?

    func keep(_ changes: RecordChanges, in record: String, about session: SessionID?) async throws(RecordFailure) {
        if let failure { throw failure }
        guard changes.isWhole || records[record] != nil else { throw .missing }
        var texts = changes.isWhole ? [:] : records[record] ?? [:]
        for (name, text) in changes.texts { texts[name] = text }
        records[record] = texts
    }

    func claim(_ record: String, isPatient: Bool) async throws(Refusal) -> [String: String]? { records[record] }
    func forget(_ record: String) async { records[record] = nil }
    func giveUp(_ records: [String], with sessions: [SessionID]) async {}
    func onWanted(_ give: @escaping @Sendable (String) async -> Void) async {}
    func onLapse(_ check: @escaping @Sendable () async -> Void) async {}

    func fail(_ failure: RecordFailure?) { self.failure = failure }
}

@Test func aRoomGoesOnInAnotherProcess() async throws {
    let memory = FakeMemory()
    let first = Stage(memory: memory)
    let publisher = await first.post("/whip/lobby?publisher=ada", Offers.simulcast)
    let player = await first.post("/whep/lobby", Offers.player)
    #expect(await first.layers(player["Location"], #"{"temporalLayerId": 1}"#).status == 200)
    let shown = await first.layers(player["Location"]).body
    #expect(await memory.records["room:lobby"]?.count == 2)

    let second = Stage(memory: memory)
    #expect(await second.layers(player["Location"]).body == shown, "feeds and layers are as they were")
    #expect(await second.plane.adopted == [SessionID("room:lobby")])
    #expect(await second.plane.opened.isEmpty)
    let trickle = "a=ice-ufrag:zzzz\r\na=ice-pwd:0123456789abcdef01234567\r\n"
    #expect(await second.patch(player["Location"], trickle, ifMatch: "\"x\"").status == 412)
    let restarted = await second.patch(player["Location"], trickle, ifMatch: "*")
    #expect(restarted.status == 200 && restarted["ETag"] != player["ETag"])
    let late = await second.post("/whep/lobby", Offers.player)
    #expect(late.status == 201)
    #expect(await second.plane.routes.count == 2, "who comes afterwards is fed by who was there before")
    #expect(await second.delete(publisher["Location"]).status == 200)
    #expect(await second.delete(player["Location"]).status == 200)
    #expect(await second.delete(player["Location"]).status == 404)
    #expect(await memory.records["room:lobby"]?.count == 1)
    #expect(await second.delete(late["Location"]).status == 200)
    #expect(await memory.records.isEmpty)
    #expect(await second.plane.closed == [SessionID("room:lobby")])
}

@Test func roomsThatNobodyServesAreInheritedAndOthersAreNot() async throws {
    let memory = FakeMemory()
    let first = Stage(memory: memory)
    _ = await first.post("/whip/lobby", Offers.publisher)
    let second = Stage(memory: memory)
    #expect(await second.gateway.inherit(SessionID("room:lobby")))
    #expect(await second.gateway.statistics.publishers == 1)
    #expect(await !second.gateway.inherit(SessionID("room:unknown")))
    #expect(await !second.gateway.inherit(SessionID("pipeline")))
    // ICE fails here as it does everywhere.
    let endpoint = try #require(await first.plane.endpoints.first)
    await second.plane.emit(.iceStateChanged(endpoint, .failed))
    #expect(await second.eventually { await second.gateway.statistics.rooms == 0 })
}

@Test func aMemoryThatIsAwayCostsNothingAndOneThatSaysNoTakesTheRoom() async throws {
    let memory = FakeMemory()
    let stage = Stage(memory: memory)
    await memory.fail(.unavailable)
    #expect(await stage.post("/whip/lobby", Offers.publisher).status == 201)
    #expect(await memory.records.isEmpty)
    await memory.fail(nil)
    #expect(await stage.eventually { await memory.records["room:lobby"]?.count == 1 })
    await memory.fail(.taken)
    _ = await stage.post("/whep/lobby", Offers.player)
    #expect(await stage.gateway.statistics.rooms == 0)
    #expect(await stage.plane.disowned == [SessionID("room:lobby")])
    #expect(await stage.plane.closed.isEmpty)
}
