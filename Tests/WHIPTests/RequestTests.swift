import Session
import Testing

@testable import WHIP

private func respond(_ request: GatewayRequest, _ stage: Stage = Stage()) async -> GatewayResponse {
    await stage.gateway.respond(to: request)
}

@Test(arguments: ["GET", "HEAD", "PUT", "DELETE", "PATCH", "BREW"])
func anEndpointTakesOffersOnly(_ method: String) async {
    for endpoint in ["whip", "whep"] {
        let response = await respond(GatewayRequest(method: method, path: [endpoint, "lobby"]))
        #expect(response.status == 405)
        #expect(response["Allow"] == "OPTIONS, POST")
    }
}

@Test(arguments: ["GET", "HEAD", "PUT", "POST"]) func aResourceTakesPatchAndDeleteOnly(_ method: String) async {
    let response = await respond(GatewayRequest(method: method, path: ["whip", "lobby", "x"]))
    #expect(response.status == 405)
    #expect(response["Allow"] == "DELETE, OPTIONS, PATCH")
}

@Test func optionsTellWhatIsTaken() async {
    let endpoint = await respond(GatewayRequest(method: "OPTIONS", path: ["whip", "lobby"]))
    #expect(endpoint.status == 200)
    #expect(endpoint["Accept-Post"] == "application/sdp")
    let resource = await respond(GatewayRequest(method: "OPTIONS", path: ["whep", "lobby", "x"]))
    #expect(resource["Accept-Patch"] == "application/trickle-ice-sdpfrag")
}

@Test(arguments: [nil, "text/plain", "application/json", "application/sdpx"])
func anOfferOfAnotherTypeIsRefused(_ type: String?) async {
    let response = await respond(
        GatewayRequest(method: "POST", path: ["whip", "lobby"], contentType: type, body: Offers.publisher))
    #expect(response.status == 415)
    #expect(response["Accept-Post"] == "application/sdp")
}

@Test func theTypesParametersAndCaseDoNotMatter() async {
    let response = await respond(
        GatewayRequest(
            method: "POST", path: ["whip", "lobby"], contentType: "Application/SDP ; charset=utf-8",
            body: Offers.publisher))
    #expect(response.status == 201)
}

@Test(arguments: [
    ("", "SDP: the description is empty"), ("hello", "SDP line 1"),
    (Offers.publisher.replacing("a=ice-ufrag:peer\r\n", with: ""), "a=ice-ufrag"),
    (Offers.publisher.replacing("a=mid:1", with: "a=mid:0"), "a=mid"),
]) func aMalformedOfferIsRefusedWithWhatToMend(_ offer: String, _ hint: String) async {
    let response = await respond(
        GatewayRequest(method: "POST", path: ["whip", "lobby"], contentType: "application/sdp", body: offer))
    #expect(response.status == 400)
    #expect(response.body.contains(hint), "\(response.body)")
}

@Test(arguments: [
    ("whip", Offers.player, "offer a=sendonly"), ("whep", Offers.publisher, "offer a=recvonly"),
    ("whip", Offers.publisher.replacing("VP8", with: "VP7"), "no video codec is common"),
    ("whip", Offers.silent, "offer a=sendonly"),
]) func anOfferThatCannotBeUsedIsRefusedWhole(_ endpoint: String, _ offer: String, _ hint: String) async {
    let stage = Stage()
    let response = await stage.post("/\(endpoint)/lobby", offer)
    #expect(response.status == 422)
    #expect(response.body.contains(hint), "\(response.body)")
    #expect(await stage.plane.closed.count == 1)
}

@Test(arguments: ["", "a b", "ä", "a/b", "room:x", String(repeating: "x", count: 65)])
func aRoomsNameThatNeedsEscapesIsRefused(_ name: String) async {
    let response = await respond(
        GatewayRequest(method: "POST", path: ["whip", name], contentType: "application/sdp", body: Offers.publisher))
    #expect(response.status == 400)
    #expect(response.body.contains("the room's name"))
}

@Test func whatIsTooLargeIsRefused() async {
    let response = await respond(
        GatewayRequest(
            method: "POST", path: ["whip", "lobby"], contentType: "application/sdp",
            body: Offers.publisher + String(repeating: "a=x\r\n", count: 20_000)))
    #expect(response.status == 413)
}

@Test(arguments: [["whip"], [], ["whip", "a", "b", "layer"], ["whep", "a", "b", "c"], ["whep", "a", "b", "layer", "d"]])
func unknownPathsAreNotFound(_ path: [String]) async {
    #expect(await respond(GatewayRequest(method: "GET", path: path)).status == 404)
}

@Test func aResourceIsFoundUnderItsOwnRoomAndRoleOnly() async {
    let stage = Stage()
    let location = await stage.post("/whip/lobby", Offers.publisher)["Location"] ?? ""
    #expect(await stage.delete(location.replacing("lobby", with: "other")).status == 404)
    #expect(await stage.delete(location.replacing("whip", with: "whep")).status == 404)
    #expect(await stage.delete("/whip/lobby/AAAAAAAAAAAAAAAAAAAAAA").status == 404)
    #expect(await stage.delete(location).status == 200)
}

@Test func theServersLimitsAreKept() async {
    let stage = Stage {
        $0.resourceLimit = 2
        $0.roomLimit = 1
    }
    #expect(await stage.post("/whip/lobby", Offers.publisher).status == 201)
    let other = await stage.post("/whip/other", Offers.publisher)
    #expect(other.status == 503)
    #expect(other["Retry-After"] == "5")
    #expect(await stage.post("/whep/lobby", Offers.player).status == 201)
    #expect(await stage.post("/whep/lobby", Offers.player).status == 503)
}

@Test func requestsAreCounted() async {
    let stage = Stage()
    let location = await stage.post("/whip/lobby", Offers.publisher)["Location"]
    _ = await stage.post("/whep/lobby", "nonsense")
    _ = await stage.delete(location)
    _ = await respond(GatewayRequest(method: "BREW", path: ["whep", "lobby"]), stage)
    typealias Kind = GatewayStatistics.RequestKind
    #expect(
        await stage.gateway.statistics.requests == [
            Kind(endpoint: "whip", method: "POST", status: 201): 1,
            Kind(endpoint: "whep", method: "POST", status: 400): 1,
            Kind(endpoint: "whip", method: "DELETE", status: 200): 1,
            Kind(endpoint: "whep", method: "other", status: 405): 1,
        ])
}

// MARK: Tokens

private func guarded(_ grant: TokenGrant) -> Stage {
    Stage {
        $0.checkToken = { token, ignoresExpiry in
            switch token {
            case "good": .valid(grant)
            case "old": ignoresExpiry ? .valid(grant) : .invalid("the token has expired")
            default: .invalid("the token is not valid")
            }
        }
    }
}

@Test func withoutAValidTokenNobodyComesIn() async {
    let stage = guarded(TokenGrant(room: "lobby", canPublish: true, canSubscribe: true))
    let missing = await stage.post("/whip/lobby", Offers.publisher)
    #expect(missing.status == 401)
    #expect(missing["WWW-Authenticate"] == "Bearer realm=\"apus\"")
    for token in ["bad", "old", ""] {
        let response = await stage.post("/whip/lobby", Offers.publisher, token: token)
        #expect(response.status == 401)
        #expect(response["WWW-Authenticate"]?.hasPrefix("Bearer") == true)
    }
    #expect(await stage.post("/whip/lobby", Offers.publisher, token: "good").status == 201)
    #expect(await stage.plane.opened.count == 1)
}

@Test func aTokenIsGoodForItsRoomAndDirectionOnly() async {
    let publisher = guarded(TokenGrant(room: "lobby", canPublish: true, canSubscribe: false))
    #expect(await publisher.post("/whep/lobby", Offers.player, token: "good").status == 403)
    #expect(await publisher.post("/whip/other", Offers.publisher, token: "good").status == 403)
    let player = guarded(TokenGrant(room: "lobby", canPublish: false, canSubscribe: true))
    #expect(await player.post("/whip/lobby", Offers.publisher, token: "good").status == 403)
    #expect(await player.post("/whep/lobby", Offers.player, token: "good").status == 201)
    let none = guarded(TokenGrant(room: nil, canPublish: true, canSubscribe: true))
    #expect(await none.post("/whip/lobby", Offers.publisher, token: "good").status == 403)
}

@Test func aTokenThatHasExpiredStillEndsWhatItBegan() async {
    let stage = guarded(TokenGrant(room: "lobby", canPublish: true, canSubscribe: true))
    let location = await stage.post("/whip/lobby", Offers.publisher, token: "good")["Location"] ?? ""
    let path = location.split(separator: "/").map(String.init)
    #expect(await respond(GatewayRequest(method: "DELETE", path: path), stage).status == 401)
    #expect(
        await respond(GatewayRequest(method: "DELETE", path: path, authorization: "bearer old"), stage).status == 200)
}
