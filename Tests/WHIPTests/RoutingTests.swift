import RTP
import Session
import Testing

@testable import WHIP

private func ids(_ names: String) -> [EndpointID?] { names.map { $0 == "-" ? nil : EndpointID(String($0)) } }

private func assigned(_ current: String, _ publishers: String, companions: String = "") -> String {
    Feeds.assign(ids(current), publishers: ids(publishers).compactMap { $0 }, companions: ids(companions))
        .map { $0?.rawValue ?? "-" }.joined()
}

@Test func sectionsAreFilledInTheOrderInWhichPublishersCame() {
    #expect(assigned("---", "ab") == "ab-")
    #expect(assigned("-", "ab") == "a")
    #expect(assigned("", "ab") == "")
}

@Test func aSectionKeepsItsPublisherWhileThatOneLives() {
    #expect(assigned("b-", "ab") == "ba")
    #expect(assigned("ab", "bc") == "cb")
    #expect(assigned("abc", "c") == "--c")
}

@Test func soundGoesWithItsPicture() {
    #expect(assigned("--", "abc", companions: "cb") == "cb")
    // Whoever has no picture is still heard where there is a place.
    #expect(assigned("--", "ab", companions: "b-") == "ba")
    #expect(assigned("b-", "ab", companions: "-b") == "ba")
}

@Test func eachPlaceOfAPlayerShowsAnotherPublisher() async {
    let stage = Stage()
    for _ in 0..<3 { _ = await stage.post("/whip/lobby", Offers.publisher) }
    _ = await stage.post("/whep/lobby", Offers.players(2))
    let ids = await stage.plane.endpoints
    let expected = Set(
        (0..<2).flatMap { place in
            MediaKind.allCases.map { Route(source: ids[place], sink: ids[3], kind: $0, section: place) }
        })
    #expect(await stage.plane.routes == expected)
}

@Test func whenAPublisherLeavesTheNextOneTakesItsPlace() async {
    let stage = Stage()
    let first = await stage.post("/whip/lobby", Offers.publisher)
    for _ in 0..<2 { _ = await stage.post("/whip/lobby", Offers.publisher) }
    _ = await stage.post("/whep/lobby", Offers.players(2))
    let ids = await stage.plane.endpoints
    _ = await stage.delete(first["Location"])
    let routes = await stage.plane.routes
    #expect(routes.count == 4)
    #expect(routes.contains(Route(source: ids[2], sink: ids[3], kind: .video, section: 0)))
    #expect(routes.contains(Route(source: ids[1], sink: ids[3], kind: .video, section: 1)))
}

@Test func soundAndPictureMayComeFromTwoPublishers() async {
    let stage = Stage()
    _ = await stage.post("/whip/lobby", Offers.audioOnly)
    _ = await stage.post("/whip/lobby", Offers.videoOnly)
    _ = await stage.post("/whep/lobby", Offers.player)
    let ids = await stage.plane.endpoints
    #expect(
        await stage.plane.routes == [
            Route(source: ids[0], sink: ids[2], kind: .audio, section: 0),
            Route(source: ids[1], sink: ids[2], kind: .video, section: 0),
        ])
}

@Test func aPlayerMayChooseItsPublisher() async {
    let stage = Stage()
    _ = await stage.post("/whip/lobby?publisher=ada", Offers.publisher)
    _ = await stage.post("/whip/lobby?publisher=bob", Offers.publisher)
    _ = await stage.post("/whep/lobby?publisher=bob", Offers.players(2))
    let ids = await stage.plane.endpoints
    #expect(Set(await stage.plane.routes.map(\.source)) == [ids[1]])
    #expect(await stage.plane.routes.count == 2)
}

@Test func aPublishersNameGoesOverOnlyWhenItsHolderIsCutOff() async {
    let stage = Stage()
    _ = await stage.post("/whip/lobby?publisher=ada", Offers.publisher)
    _ = await stage.post("/whep/lobby?publisher=ada", Offers.player)
    let ids = await stage.plane.endpoints
    await stage.plane.emit(.iceStateChanged(ids[0], .connected))
    let refused = await stage.post("/whip/lobby?publisher=ada", Offers.publisher)
    #expect(refused.status == 409)
    #expect(refused.body.contains("`ada`"))
    await stage.plane.emit(.iceStateChanged(ids[0], .disconnected))
    #expect(await stage.post("/whip/lobby?publisher=ada", Offers.publisher).status == 201)
    let successor = await stage.plane.endpoints[2]
    #expect(await stage.eventually { Set(await stage.plane.routes.map(\.source)) == [successor] })
    #expect(await stage.gateway.statistics.publishers == 1)
}

@Test func aFeedThatTheWorkerRefusedIsTriedAgainWithTheNextChange() async {
    let stage = Stage()
    _ = await stage.post("/whip/lobby", Offers.publisher)
    await stage.plane.refuse { operation in
        if case .connect = operation { Refusal(.timedOut, "slow") } else { nil }
    }
    #expect(await stage.post("/whep/lobby", Offers.player).status == 201)
    #expect(await stage.plane.routes.isEmpty)
    await stage.plane.refuse(nil)
    _ = await stage.post("/whip/lobby", Offers.publisher)
    #expect(await stage.eventually { await stage.plane.routes.count == 2 })
}

// MARK: Layers

@Test func aPlayerSeesAndChoosesThePublishersEncodings() async {
    let stage = Stage()
    _ = await stage.post("/whip/lobby?publisher=ada", Offers.simulcast)
    let player = await stage.post("/whep/lobby", Offers.player)
    let location = player["Location"]
    #expect(player["Link"] == "<\(location ?? "")/layer>; rel=\"urn:ietf:params:whep:ext:core:layer\"")
    let list = await stage.layers(location)
    #expect(list.status == 200)
    #expect(
        list.body
            == #"{"1":{"layers":[{"encodingId":"q","spatialLayerId":0},{"encodingId":"h","spatialLayerId":1},"#
            + #"{"encodingId":"f","spatialLayerId":2}],"publisher":"ada"}}"#)
    for body in [
        #"{"encodingId":"q"}"#, #"{"mediaId":"1","rid":"h","temporalLayerId":1}"#, #"{"mediaId":1,"maxSpatialLayerId":2}"#,
        #"{"spatialLayerId":2,"maxSpatialLayerId":1,"maxTemporalLayerId":0}"#, "{}",
    ] {
        #expect(await stage.layers(location, body).status == 200, "\(body)")
    }
    #expect(
        await stage.plane.selections == [
            LayerSelection(section: 0, spatial: 0), LayerSelection(section: 0, spatial: 1, temporal: 1),
            LayerSelection(section: 0, spatial: 2), LayerSelection(section: 0, spatial: 1, temporal: 0),
            LayerSelection(section: 0),
        ])
}

@Test(arguments: [
    ("nonsense", 400, "malformed"), (#"{"spatialLayerId":-1}"#, 400, "`spatialLayerId`"),
    (#"{"temporalLayerId":"high"}"#, 400, "`temporalLayerId`"), (#"{"encodingId":7}"#, 400, "`encodingId`"),
    (#"{"encodingId":"x"}"#, 404, "q, h, f"), (#"{"mediaId":"0"}"#, 404, "it has 1"),
]) func aLayerThatThereIsNotIsRefused(_ body: String, _ status: Int, _ hint: String) async {
    let stage = Stage()
    _ = await stage.post("/whip/lobby", Offers.simulcast)
    let location = await stage.post("/whep/lobby", Offers.player)["Location"]
    let response = await stage.layers(location, body)
    #expect(response.status == status)
    #expect(response.body.contains(hint), "\(response.body)")
    #expect(await stage.plane.selections.isEmpty)
}

@Test func anEncodingIsChosenAnewWhenAnotherPublisherFeedsTheSection() async {
    let stage = Stage()
    let first = await stage.post("/whip/lobby", Offers.simulcast)
    let other = ["q", "h", "f"].reduce(Offers.simulcast) { $0.replacing("a=rid:\($1) send", with: "a=rid:\($1)x send") }
        .replacing("send q;h;f", with: "send fx;qx;hx")
    _ = await stage.post("/whip/lobby", other.replacing("qx", with: "q"))
    let location = await stage.post("/whep/lobby", Offers.player)["Location"]
    #expect(await stage.layers(location, #"{"encodingId":"q"}"#).status == 200)
    _ = await stage.delete(first["Location"])
    #expect(await stage.plane.selections.map(\.spatial) == [0, 1])
}

@Test func encodingsCountByTheirNamesNotByTheirOrder() async {
    let stage = Stage()
    _ = await stage.post("/whip/lobby", Offers.simulcast.replacing("send q;h;f", with: "send f;h;q"))
    let location = await stage.post("/whep/lobby", Offers.player)["Location"]
    #expect(await stage.layers(location).body.contains(#"[{"encodingId":"q","spatialLayerId":0}"#))
    #expect(await stage.layers(location, #"{"encodingId":"f"}"#).status == 200)
    #expect(await stage.plane.selections == [LayerSelection(section: 0, spatial: 2)])
}

@Test func layersAreAPlayersMatter() async {
    let stage = Stage()
    let location = await stage.post("/whip/lobby", Offers.publisher)["Location"]
    #expect(await stage.layers(location).status == 404)
    let waiting = await stage.post("/whep/other", Offers.player)["Location"]
    #expect(await stage.layers(waiting).body == #"{"1":{"layers":[]}}"#)
    #expect(await stage.layers(waiting, #"{"encodingId":"q"}"#).status == 409)
    #expect(await stage.layers(waiting, #"{"spatialLayerId":0}"#).status == 200)
}
