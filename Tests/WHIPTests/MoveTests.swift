import RTP
import Session
import Testing

@testable import WHIP

extension Stage {
    func events(_ path: String?, method: String = "GET") async -> GatewayResponse {
        await gateway.respond(
            to: GatewayRequest(
                method: method, path: ((path ?? "") + "/events").split(separator: "/").map(String.init)))
    }

    func secret(_ response: GatewayResponse) -> String {
        response["Location"]?.split(separator: "/").last.map(String.init) ?? ""
    }

    func flow(_ id: EndpointID, _ kinds: MediaKind...) async {
        for kind in kinds { await plane.emit(.mediaFlowingIn(id, kind, isFlowing: true)) }
    }
}

private func first(_ response: GatewayResponse) async -> String? {
    guard let events = response.events else { return nil }
    for await event in events { return event }
    return nil
}

/// What a stream of events tells until it ends.
func all(_ response: GatewayResponse) async -> [String] {
    guard let events = response.events else { return [] }
    var found: [String] = []
    for await event in events { found.append(event) }
    return found
}

@Test func bothKindsOfClientsAreToldWhereTheirEventsAre() async throws {
    let stage = Stage()
    let publisher = await stage.post("/whip/lobby", Offers.publisher)
    let player = await stage.post("/whep/lobby", Offers.player)
    for (response, relation, kinds) in [
        (publisher, "urn:apus:whip:ext:server-sent-events", "reconnect,encodings"),
        (player, "urn:ietf:params:whep:ext:core:server-sent-events", "reconnect"),
    ] {
        let path = try #require(response["Location"])
        let links = response.headers.filter { $0.name == "Link" }.map(\.value)
        #expect(links.contains("<\(path)/events>; rel=\"\(relation)\"; events=\"\(kinds)\""))
        let stream = await stage.events(path)
        #expect(stream.status == 200 && stream["Content-Type"] == "text/event-stream" && stream.events != nil)
        let asked = await stage.events(path, method: "POST")
        #expect(asked.status == 201 && asked["Location"] == path + "/events")
        #expect(await stage.events(path, method: "HEAD").events == nil)
        #expect(await stage.events(path, method: "PUT").status == 405)
    }
    #expect(await stage.events("/whip/lobby/unknown").status == 404)
}

@Test func whenTheWorkerIsLostEveryoneIsToldAndMayComeAgainAtOnce() async throws {
    let stage = Stage()
    let publisher = await stage.post("/whip/lobby?publisher=ada", Offers.publisher)
    let player = await stage.post("/whep/lobby?publisher=ada", Offers.player)
    let heard = (await stage.events(publisher["Location"]), await stage.events(player["Location"]))
    await stage.plane.emit(.iceStateChanged(stage.plane.endpoints[0], .connected))
    await stage.plane.emit(.sessionLost(Refusal(.workerLost, "worker w1 stopped")))
    let told = (await all(heard.0), await all(heard.1))
    #expect(told.0.count == 1 && told.1.count == 1)
    for (text, url) in [(told.0.first, "/whip/lobby?publisher=ada"), (told.1.first, "/whep/lobby?publisher=ada")] {
        let text = try #require(text)
        #expect(text.hasPrefix("event: reconnect\ndata: {\"reconnect\":\"\(url)\",\"reason\":\"workerLost\",\"media\":false,"))
        #expect(text.hasSuffix("}\n\n"))
    }
    #expect(await stage.events(publisher["Location"]).status == 404)
    #expect(await stage.delete(player["Location"]).status == 404)
    // The name is free.
    #expect(await stage.post("/whip/lobby?publisher=ada", Offers.publisher).status == 201)
    #expect(await stage.plane.opened.count == 2)
}

@Test func anEndpointThatIsLostAloneEndsAloneAndItsNameIsFree() async throws {
    let stage = Stage()
    let publisher = await stage.post("/whip/lobby?publisher=ada", Offers.publisher)
    let player = await stage.post("/whep/lobby", Offers.player)
    let heard = await stage.events(publisher["Location"])
    let id = try #require(await stage.plane.endpoints.first)
    await stage.plane.emit(.iceStateChanged(id, .connected))
    await stage.plane.emit(.endpointLost(id, Refusal(.workerLost, "worker w1 stopped")))
    // At once, though what is left of the former self is still being tidied up.
    #expect(await stage.post("/whip/lobby?publisher=ada", Offers.publisher).status == 201)
    #expect(await all(heard).first?.contains("\"reason\":\"workerLost\"") == true)
    #expect(await stage.events(player["Location"]).status == 200)
    #expect(await stage.plane.opened.count == 1)
    #expect(
        await stage.eventually {
            let routes = await stage.plane.routes
            return routes.count == 2 && routes.allSatisfy { $0.source != id }
        })
}

@Test func whoListensLateHearsWhatStillHoldsAndWhoListensAgainIsTheOnlyOne() async throws {
    let stage = Stage()
    let player = await stage.post("/whep/lobby", Offers.player)
    let former = await stage.events(player["Location"])
    await stage.plane.emit(.moveAdvised(stage.plane.endpoints[0]))
    let text = try #require(await first(stage.events(player["Location"])))
    #expect(text.contains("\"reconnect\":\"/whep/lobby?replaces=\(stage.secret(player))\""))
    #expect(text.contains("\"reason\":\"draining\",\"media\":true,\"within\":0"))
    // Ended when the other began.
    #expect(await all(former).count == 1)
}

@Test func aPublisherIsFollowedWhenAllItsMediaHaveComeNotBefore() async throws {
    let stage = Stage()
    let former = await stage.post("/whip/lobby?publisher=ada", Offers.publisher)
    _ = await stage.post("/whip/lobby?publisher=bob", Offers.publisher)
    _ = await stage.post("/whep/lobby", Offers.players(2))
    var ids = await stage.plane.endpoints
    await stage.plane.emit(.iceStateChanged(ids[0], .connected))
    await stage.flow(ids[0], .audio, .video)
    let before = await stage.plane.routes
    let next = await stage.post("/whip/lobby?replaces=\(stage.secret(former))", Offers.publisher)
    #expect(next.status == 201)
    ids = await stage.plane.endpoints
    await stage.flow(ids[3], .audio)
    for _ in 0..<50 { await Task.yield() }
    #expect(await stage.plane.routes == before)
    await stage.flow(ids[3], .video)
    let after = Set(before.map { route in
        var route = route
        if route.source == ids[0] { route.source = ids[3] }
        return route
    })
    #expect(after != before)
    #expect(await stage.eventually { await stage.plane.routes == after })
    // It has the name, and the former one can go without a trace.
    #expect(await stage.delete(former["Location"]).status == 200)
    #expect(await stage.plane.routes == after)
    await stage.plane.emit(.iceStateChanged(ids[3], .connected))
    #expect(await stage.post("/whip/lobby?publisher=ada", Offers.publisher).status == 409)
    _ = await stage.delete(next["Location"])
    #expect(await stage.plane.routes.count == 2)
}

@Test func aPublisherWhoseFormerSelfEndsFirstTakesItsPlaceWithoutMedia() async throws {
    let stage = Stage()
    let former = await stage.post("/whip/lobby", Offers.publisher)
    _ = await stage.post("/whip/lobby", Offers.publisher)
    _ = await stage.post("/whep/lobby", Offers.player)
    _ = await stage.post("/whip/lobby?replaces=\(stage.secret(former))", Offers.publisher)
    let ids = await stage.plane.endpoints
    _ = await stage.delete(former["Location"])
    #expect(await stage.plane.routes.count == 2)
    #expect(await stage.plane.routes.allSatisfy { $0.source == ids[3] })
}

@Test func ofTwoThatWouldFollowOneTheLaterDoesAndAFollowerMayBeFollowed() async throws {
    let stage = Stage()
    let former = await stage.post("/whip/lobby", Offers.publisher)
    _ = await stage.post("/whep/lobby", Offers.player)
    let path = "/whip/lobby?replaces=\(stage.secret(former))"
    let vain = await stage.post(path, Offers.publisher)
    let second = await stage.post(path, Offers.publisher)
    #expect(await stage.delete(vain["Location"]).status == 404)
    var ids = await stage.plane.endpoints
    await stage.flow(ids[3], .audio)
    #expect(await stage.eventually { await stage.plane.routes.allSatisfy { $0.source == ids[3] } })
    _ = await stage.post("/whip/lobby?replaces=\(stage.secret(second))", Offers.publisher)
    ids = await stage.plane.endpoints
    await stage.flow(ids[4], .audio)
    #expect(await stage.eventually { await stage.plane.routes.allSatisfy { $0.source == ids[4] } })
    // What nobody plays any more still keeps the room, and goes with the last.
    #expect(await stage.gateway.statistics.publishers == 3)
}

@Test func aPlayerThatComesAgainGetsTheSamePlacesAndLayers() async throws {
    let stage = Stage()
    let ada = await stage.post("/whip/lobby?publisher=ada", Offers.simulcast)
    for name in ["bob", "eve"] { _ = await stage.post("/whip/lobby?publisher=\(name)", Offers.simulcast) }
    let former = await stage.post("/whep/lobby", Offers.players(2))
    let ids = await stage.plane.endpoints
    // Places are not in the order of coming any more.
    _ = await stage.delete(ada["Location"])
    let mid = "{\"mediaId\":\"1\",\"encodingId\":\"q\"}"
    #expect(await stage.layers(former["Location"], mid).status == 200)
    func places(_ sink: EndpointID) async -> Set<String> {
        Set(await stage.plane.routes.filter { $0.sink == sink }.map { "\($0.kind) \($0.section ?? 0) \($0.source)" })
    }
    let before = await places(ids[3])
    #expect(before.count == 4)
    let selections = await stage.plane.selections.count
    let next = await stage.post("/whep/lobby?replaces=\(stage.secret(former))", Offers.players(2))
    let id = try #require(await stage.plane.endpoints.last)
    #expect(next.status == 201 && id != ids[3])
    #expect(await places(id) == before)
    #expect(await places(ids[3]) == before)
    #expect(await stage.plane.selections.count == selections + 1)
}

@Test func whatIsGoneCannotBeReplacedButItsHolderComesInAllTheSame() async {
    let stage = Stage()
    let former = await stage.post("/whip/lobby", Offers.publisher)
    _ = await stage.post("/whep/lobby", Offers.player)
    _ = await stage.delete(former["Location"])
    #expect(await stage.post("/whip/lobby?replaces=\(stage.secret(former))", Offers.publisher).status == 201)
    #expect(await stage.eventually { await stage.plane.routes.count == 2 })
    // A secret of another room says nothing here.
    let other = await stage.post("/whip/cellar", Offers.publisher)
    #expect(await stage.post("/whip/lobby?replaces=\(stage.secret(other))", Offers.publisher).status == 201)
    #expect(await stage.gateway.statistics.publishers == 3)
}
