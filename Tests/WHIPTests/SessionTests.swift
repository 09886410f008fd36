import SDP
import Session
import Testing

@testable import WHIP

@Test func aPublisherGetsAnAnswerAndTheURLOfItsResource() async throws {
    let stage = Stage { $0.iceServerLinks = ["<stun:stun.example.net>; rel=\"ice-server\""] }
    let response = await stage.post("/whip/lobby", Offers.publisher)
    #expect(response.status == 201)
    #expect(response["Content-Type"] == "application/sdp")
    #expect(response["Accept-Patch"] == "application/trickle-ice-sdpfrag")
    #expect(response["Link"] == "<stun:stun.example.net>; rel=\"ice-server\"")
    let location = try #require(response["Location"])
    #expect(location.hasPrefix("/whip/lobby/"))
    #expect(location.count >= "/whip/lobby/".count + 22)
    let tag = try #require(response["ETag"])
    #expect(tag.hasPrefix("\"") && tag.hasSuffix("\"") && tag.count > 22)
    let answer = try SessionDescription(parsing: response.body)
    #expect(answer.media.map(\.direction) == [.recvonly, .recvonly])
    #expect(answer.media.map(\.setup) == [.passive, .passive])
    #expect(answer.media[0].candidates == ["candidate:1 1 udp 2130706431 192.0.2.1 40000 typ host"])
    #expect(answer.media[0].hasEndOfCandidates)
    #expect(answer.media[1].sources.isEmpty)
}

@Test func aPlayerMayComeFirstAndIsFedWhenAPublisherComes() async throws {
    let stage = Stage()
    let player = await stage.post("/whep/lobby", Offers.player)
    #expect(player.status == 201)
    let answer = try SessionDescription(parsing: player.body)
    #expect(answer.media.map(\.direction) == [.sendonly, .sendonly])
    #expect(answer.media.allSatisfy { !$0.sources.isEmpty })
    #expect(await stage.plane.routes.isEmpty)
    _ = await stage.post("/whip/lobby", Offers.publisher)
    #expect(await stage.eventually { await stage.plane.routes.count == 2 })
    let ids = await stage.plane.endpoints
    #expect(
        await stage.plane.routes == [
            Route(source: ids[1], sink: ids[0], kind: .audio, section: 0),
            Route(source: ids[1], sink: ids[0], kind: .video, section: 0),
        ])
    #expect(await stage.plane.opened == [SessionID("room:lobby")])
}

@Test func aPlayerIsFedBeforeItsAnswerWhenSomebodyPublishes() async {
    let stage = Stage()
    _ = await stage.post("/whip/lobby", Offers.publisher)
    _ = await stage.post("/whep/lobby", Offers.player)
    #expect(await stage.plane.routes.count == 2)
}

@Test func anOfferOfOBSIsAnswered() async throws {
    let stage = Stage()
    let response = await stage.post("/whip/live", Offers.obs)
    #expect(response.status == 201)
    let answer = try SessionDescription(parsing: response.body)
    #expect(answer.media.map { $0.rtpMaps.map(\.name) } == [["opus"], ["H264"]])
    #expect(answer.media.map(\.setup) == [.passive, .passive])
    let negotiated = try #require(await stage.plane.negotiated.first)
    #expect(negotiated.remoteUfrag == "obsU")
    #expect(negotiated.media.map { $0.receive.encodings.map(\.ssrc) } == [[1_371_041_234], [1_371_041_235]])
    let candidates = await stage.plane.operations.filter { if case .addCandidate = $0 { true } else { false } }
    #expect(candidates.count == 1)
}

@Test func simulcastIsAgreedOnWithoutSSRCs() async throws {
    let stage = Stage()
    let answer = try SessionDescription(parsing: await stage.post("/whip/lobby", Offers.simulcast).body)
    #expect(answer.media[1].simulcast == Simulcast(receive: ["q", "h", "f"].map { [SimulcastStream(rid: $0)] }))
    #expect(answer.media[1].rids == ["q", "h", "f"].map { RestrictionID(id: $0, isSend: false) })
    #expect(answer.media[1].extensions.map(\.id) == [4, 10, 11])
    let media = try #require(await stage.plane.negotiated.first?.media)
    #expect(media[1].receive.encodings.map(\.rid) == ["q", "h", "f"])
}

@Test func theLastToLeaveClosesTheRoom() async {
    let stage = Stage()
    let publisher = await stage.post("/whip/lobby", Offers.publisher)
    let player = await stage.post("/whep/lobby", Offers.player)
    #expect(await stage.delete(publisher["Location"]).status == 200)
    #expect(await stage.plane.closed.isEmpty)
    #expect(await stage.delete(player["Location"]).status == 200)
    #expect(await stage.plane.closed == [SessionID("room:lobby")])
    #expect(await stage.delete(player["Location"]).status == 404)
    #expect(await stage.gateway.statistics.rooms == 0)
}

@Test func aRoomOpensAgainAfterItWasClosed() async {
    let stage = Stage()
    for _ in 0..<3 {
        let publisher = await stage.post("/whip/lobby", Offers.publisher)
        #expect(publisher.status == 201)
        #expect(await stage.delete(publisher["Location"]).status == 200)
    }
    #expect(await stage.plane.opened.count == 3)
    #expect(await stage.plane.closed.count == 3)
}

@Test func manyWhoComeAtOnceShareOneRoom() async {
    let stage = Stage()
    await withTaskGroup(of: Int.self) { group in
        for index in 0..<50 {
            let isPublisher = index % 10 == 0
            group.addTask {
                await stage.post(
                    isPublisher ? "/whip/lobby" : "/whep/lobby", isPublisher ? Offers.publisher : Offers.player
                ).status
            }
        }
        for await status in group { #expect(status == 201) }
    }
    #expect(await stage.plane.opened.count == 1)
    #expect(await stage.eventually { await stage.plane.routes.count == 90 })
}

@Test(arguments: [ICEState.failed, .closed]) func aResourceEndsWithItsICE(_ state: ICEState) async {
    let stage = Stage()
    let publisher = await stage.post("/whip/lobby", Offers.publisher)
    let id = await stage.plane.endpoints[0]
    await stage.plane.emit(.iceStateChanged(id, .disconnected))
    #expect(await stage.gateway.statistics.publishers == 1)
    await stage.plane.emit(.iceStateChanged(id, state))
    #expect(await stage.eventually { await stage.plane.closed.count == 1 })
    #expect(await stage.plane.operations.contains(.closeEndpoint(id)))
    #expect(await stage.delete(publisher["Location"]).status == 404)
}

@Test func aPeersGoodbyeEndsItsResource() async {
    let stage = Stage()
    _ = await stage.post("/whep/lobby", Offers.player)
    await stage.plane.emit(.dtlsStateChanged(await stage.plane.endpoints[0], .closed))
    #expect(await stage.eventually { await stage.gateway.statistics.players == 0 })
}

@Test func theLossOfTheWorkerEndsTheRoomAndTheNextOneOpensItAnew() async {
    let stage = Stage()
    let publisher = await stage.post("/whip/lobby", Offers.publisher)
    let player = await stage.post("/whep/lobby", Offers.player)
    await stage.plane.emit(.sessionLost(Refusal(.workerLost, "gone")))
    #expect(await stage.eventually { await stage.gateway.statistics.rooms == 0 })
    for response in [publisher, player] { #expect(await stage.delete(response["Location"]).status == 404) }
    #expect(await stage.post("/whip/lobby", Offers.publisher).status == 201)
    #expect(await stage.plane.opened.count == 2)
}

@Test func whatAFormerControllerLeftInTheSessionIsClosedFirst() async {
    let stage = Stage()
    _ = await stage.post("/whip/lobby", Offers.publisher)
    #expect(await stage.plane.operations.first == .closeSession)
}

@Test(arguments: [
    (Refusal(.noWorker, "no worker is alive"), "no worker is alive"),
    (Refusal(.overLimit, "every worker is full"), "every worker is full"),
    (Refusal(.workerDrained, "the worker is being drained"), "the worker is being drained"),
    (Refusal(.elsewhere, "the session belongs to controller c2"), "controller c2"),
]) func aRoomThatCannotBeOpenedIsRefusedWithItsReason(_ refusal: Refusal, _ reason: String) async {
    let stage = Stage()
    await stage.plane.refuseSessions(refusal)
    let response = await stage.post("/whip/lobby", Offers.publisher)
    #expect(response.status == 503)
    #expect(response["Retry-After"] == "5")
    #expect(response.body.contains(reason))
    // What another controller has is not ours to close.
    #expect(await stage.plane.closed.isEmpty == (refusal.reason == .elsewhere))
    await stage.plane.refuseSessions(nil)
    #expect(await stage.post("/whip/lobby", Offers.publisher).status == 201)
}

@Test func whatTheWorkerRefusesLeavesNothingBehind() async {
    let stage = Stage()
    await stage.plane.refuse { operation in
        if case .negotiateEndpoint = operation { Refusal(.overLimit, "full") } else { nil }
    }
    #expect(await stage.post("/whip/lobby", Offers.publisher).status == 503)
    #expect(await stage.plane.operations.contains(.closeEndpoint(await stage.plane.endpoints[0])))
    #expect(await stage.plane.closed.count == 1)
    #expect(await stage.gateway.statistics.publishers == 0)
}
