import RTP
import Session
import Testing

@testable import WHIP

private func notice(_ q: Bool, _ h: Bool, _ f: Bool) -> String {
    "event: encodings\ndata: {\"encodings\":[{\"active\":\(q),\"rid\":\"q\"},{\"active\":\(h),\"rid\":\"h\"},"
        + "{\"active\":\(f),\"rid\":\"f\"}],\"mid\":\"1\"}\n\n"
}

@Test func aPublisherIsToldWhichEncodingsAreWantedInTheWordsOfItsOffer() async throws {
    let stage = Stage()
    let publisher = await stage.post("/whip/lobby", Offers.simulcast)
    let id = try #require(await stage.plane.endpoints.first)
    let heard = await stage.events(publisher["Location"])
    // Who begins sends all: no word is needed.
    await stage.plane.emit(.encodingsWanted(id, mid: "1", active: [true, true, true]))
    await stage.plane.emit(.encodingsWanted(id, mid: "1", active: [true, false, false]))
    await stage.plane.emit(.encodingsWanted(id, mid: "1", active: [true, false, false]))
    await stage.plane.emit(.encodingsWanted(id, mid: "1", active: [true, true, true]))
    _ = await stage.delete(publisher["Location"])
    #expect(await all(heard) == [notice(true, false, false), notice(true, true, true)])
}

@Test func whoListensLateHearsTheNewestOfEncodingsAndWhereToConnectAnew() async throws {
    let stage = Stage()
    let publisher = await stage.post("/whip/lobby", Offers.simulcast)
    let id = try #require(await stage.plane.endpoints.first)
    await stage.plane.emit(.encodingsWanted(id, mid: "1", active: [true, false, false]))
    await stage.plane.emit(.encodingsWanted(id, mid: "1", active: [true, true, false]))
    await stage.plane.emit(.moveAdvised(id))
    let heard = await stage.events(publisher["Location"])
    _ = await stage.delete(publisher["Location"])
    let told = await all(heard)
    #expect(told.first == notice(true, true, false))
    #expect(told.count == 2 && told.last?.hasPrefix("event: reconnect\n") == true)
}

@Test func whoTakesTheRoomOverKnowsWhatThePublisherWasTold() async throws {
    let memory = FakeMemory()
    let first = Stage(memory: memory)
    let publisher = await first.post("/whip/lobby", Offers.simulcast)
    let id = try #require(await first.plane.endpoints.first)
    await first.plane.emit(.encodingsWanted(id, mid: "1", active: [true, false, false]))
    #expect(
        await first.eventually {
            let texts = await memory.records["room:lobby"]?.values.map { $0 } ?? []
            return texts.contains { $0.contains(#""encodings":{"1":[true,false,false]}"#) }
        })
    let second = Stage(memory: memory)
    let heard = await second.events(publisher["Location"])
    // Another media process says first that all are wanted: here that is news.
    await second.plane.emit(.encodingsWanted(id, mid: "1", active: [true, true, true]))
    _ = await second.delete(publisher["Location"])
    #expect(await all(heard) == [notice(true, false, false), notice(true, true, true)])
}

@Test func whatCannotBeNamedIsNotTold() async throws {
    let stage = Stage()
    let publisher = await stage.post("/whip/lobby", Offers.simulcast)
    let player = await stage.post("/whep/lobby", Offers.player)
    let ids = await stage.plane.endpoints
    let heard = await stage.events(publisher["Location"])
    await stage.plane.emit(.encodingsWanted(ids[0], mid: "7", active: [true, false]))
    await stage.plane.emit(.encodingsWanted(ids[0], mid: "1", active: [true, false, false, false, false]))
    await stage.plane.emit(.encodingsWanted(ids[1], mid: "1", active: [true, false]))
    _ = await stage.delete(publisher["Location"])
    #expect(await all(heard).isEmpty)
    let links = player.headers.filter { $0.name == "Link" }.map(\.value)
    #expect(links.contains { $0.hasSuffix("events=\"reconnect\"") })
}

@Test func anOperatorMayLeaveAllEncodingsOn() async throws {
    let stage = Stage { $0.switchesEncodings = false }
    let publisher = await stage.post("/whip/lobby", Offers.simulcast)
    let id = try #require(await stage.plane.endpoints.first)
    let links = publisher.headers.filter { $0.name == "Link" }.map(\.value)
    #expect(links.contains { $0.hasSuffix("events=\"reconnect\"") })
    let heard = await stage.events(publisher["Location"])
    await stage.plane.emit(.encodingsWanted(id, mid: "1", active: [true, false, false]))
    _ = await stage.delete(publisher["Location"])
    #expect(await all(heard).isEmpty)
}
