import SDP
import Session
import Testing

@testable import WHIP

private let candidate = "candidate:1 1 udp 2122260223 198.51.100.7 61764 typ host"

private func fragment(_ ufrag: String = "peer", _ password: String = "peerpeerpeerpeerpeerpeer", _ lines: String...)
    -> String
{
    (["a=ice-ufrag:\(ufrag)", "a=ice-pwd:\(password)", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0"] + lines)
        .map { $0 + "\r\n" }.joined()
}

private func publisher(_ stage: Stage) async -> (location: String?, tag: String?) {
    let response = await stage.post("/whip/lobby", Offers.publisher)
    await stage.plane.forgetOperations()
    return (response["Location"], response["ETag"])
}

@Test func trickledCandidatesReachTheWorker() async {
    let stage = Stage()
    let (location, tag) = await publisher(stage)
    let response = await stage.patch(
        location, fragment("peer", "peerpeerpeerpeerpeerpeer", "a=\(candidate)", "a=\(candidate)"), ifMatch: tag)
    #expect(response.status == 204)
    #expect(response.body.isEmpty)
    #expect(response["ETag"] == nil)
    let added = await stage.plane.operations.compactMap { operation in
        if case .addCandidate(_, let text) = operation { text } else { nil }
    }
    #expect(added == [candidate])
}

@Test(arguments: [
    "candidate:1 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active",
    "candidate:1 1 udp 2122260223 1b5e0a3e.local 61764 typ host", "candidate:nonsense",
]) func candidatesThatNoWorkerCanUseAreDroppedInSilence(_ text: String) async {
    let stage = Stage()
    let (location, tag) = await publisher(stage)
    #expect(
        await stage.patch(location, fragment("peer", "peerpeerpeerpeerpeerpeer", "a=\(text)"), ifMatch: tag).status
            == 204)
    #expect(await stage.plane.operations.isEmpty)
}

/// Nobody can open a connection to a peer that only opens them; one that accepts them can be asked.
@Test func aCandidateThatAcceptsTCPIsForTheWorker() async {
    let stage = Stage()
    let (location, tag) = await publisher(stage)
    let line = "a=candidate:1 1 tcp 1518214911 192.0.2.1 443 typ host generation 0 tcptype passive"
    #expect(
        await stage.patch(location, fragment("peer", "peerpeerpeerpeerpeerpeer", line), ifMatch: tag).status == 204)
    #expect(await stage.plane.operations.count == 1)
}

@Test(arguments: [
    ("1b5e0a3e.local", true), ("a.b.local", false), ("example.com", false), ("localhost", false), ("192.0.2.1", true),
]) func namesOfMDNSAreForAWorkerThatResolvesThem(_ address: String, _ isUsable: Bool) async {
    let stage = Stage { $0.resolvesNames = true }
    let (location, tag) = await publisher(stage)
    let line = "a=candidate:1 1 udp 2122260223 \(address) 61764 typ host"
    #expect(
        await stage.patch(location, fragment("peer", "peerpeerpeerpeerpeerpeer", line), ifMatch: tag).status == 204)
    #expect(await stage.plane.operations.isEmpty == !isUsable)
}

@Test func aGenerationTakesSoManyCandidates() async {
    let stage = Stage()
    let (location, tag) = await publisher(stage)
    for block in 0..<4 {
        let lines = (0..<50).map { "a=candidate:1 1 udp 1 198.51.100.7 \(1000 + block * 50 + $0) typ host\r\n" }
        #expect(await stage.patch(location, fragment() + lines.joined(), ifMatch: tag).status == 204)
    }
    #expect(await stage.plane.operations.count == Limits.candidatesPerGeneration)
}

@Test(arguments: ["*", "\"*\""]) func otherCredentialsRestartICE(_ ifMatch: String) async throws {
    let stage = Stage()
    let (location, tag) = await publisher(stage)
    let response = await stage.patch(
        location, fragment("newU", "newpnewpnewpnewpnewpnewp", "a=\(candidate)"), ifMatch: ifMatch)
    #expect(response.status == 200)
    #expect(response["Content-Type"] == "application/trickle-ice-sdpfrag")
    let newTag = try #require(response["ETag"])
    #expect(newTag != tag)
    let answer = try TrickleFragment(parsing: response.body)
    #expect(answer.candidates == ["candidate:1 1 udp 2130706431 192.0.2.1 40000 typ host"])
    #expect(answer.hasEndOfCandidates)
    #expect(answer.iceOptions == ["trickle"])
    let operations = await stage.plane.operations
    guard case .restartEndpoint(let id, let restart) = operations.first else {
        Issue.record("no restart: \(operations)")
        return
    }
    #expect(restart.remoteUfrag == "newU" && restart.remotePassword == "newpnewpnewpnewpnewpnewp")
    #expect(answer.iceUfrag == restart.localUfrag && answer.icePassword == restart.localPassword)
    #expect(operations.dropFirst() == [.addCandidate(id, candidate)])
    // The former generation is over.
    #expect(await stage.patch(location, fragment(), ifMatch: tag).status == 412)
    #expect(await stage.patch(location, fragment("newU", "newpnewpnewpnewpnewpnewp"), ifMatch: newTag).status == 204)
}

@Test func aRestartWhoseResponseWasLostIsAnsweredAgain() async {
    let stage = Stage()
    let (location, _) = await publisher(stage)
    let body = fragment("newU", "newpnewpnewpnewpnewpnewp", "a=\(candidate)")
    let first = await stage.patch(location, body, ifMatch: "*")
    await stage.plane.forgetOperations()
    let second = await stage.patch(location, body, ifMatch: "*")
    #expect(second.status == 200)
    #expect(second["ETag"] == first["ETag"])
    #expect(second.body == first.body)
    #expect(await stage.plane.operations.isEmpty)
}

/// Its sender does not look for an answer, so the former generation must live on.
@Test func aTrickleIsNoRestartWhateverItsCredentials() async {
    let stage = Stage()
    let (location, tag) = await publisher(stage)
    let response = await stage.patch(location, fragment("newU", "newpnewpnewpnewpnewpnewp"), ifMatch: tag)
    #expect(response.status == 412)
    #expect(response.body.contains("If-Match: *"))
    #expect(await stage.plane.operations.isEmpty)
    #expect(await stage.patch(location, fragment(), ifMatch: tag).status == 204)
}

@Test func theSameCredentialsUnderAnAsteriskAreATrickle() async {
    let stage = Stage()
    let (location, _) = await publisher(stage)
    #expect(await stage.patch(location, fragment(), ifMatch: "*").status == 204)
    #expect(await stage.plane.operations.isEmpty)
}

@Test func aRestartThatTheWorkerRefusesLeavesTheSessionAsItWas() async {
    let stage = Stage()
    let (location, tag) = await publisher(stage)
    await stage.plane.refuse { operation in
        if case .restartEndpoint = operation { Refusal(.timedOut, "slow") } else { nil }
    }
    let response = await stage.patch(location, fragment("newU", "newpnewpnewpnewpnewpnewp"), ifMatch: "*")
    #expect(response.status == 503)
    #expect(await stage.patch(location, fragment(), ifMatch: tag).status == 204)
}

@Test func aPatchNeedsTheRightTagAndType() async {
    let stage = Stage()
    let (location, tag) = await publisher(stage)
    #expect(await stage.patch(location, fragment(), ifMatch: nil).status == 428)
    #expect(await stage.patch(location, fragment(), ifMatch: "\"other\"").status == 412)
    #expect(await stage.patch(location, fragment(), ifMatch: "\"other\", \(tag ?? "")").status == 204)
    let path = (location ?? "").split(separator: "/").map(String.init)
    let response = await stage.gateway.respond(
        to: GatewayRequest(
            method: "PATCH", path: path, contentType: "application/sdp", ifMatch: tag, body: fragment()))
    #expect(response.status == 415)
    #expect(response["Accept-Patch"] == "application/trickle-ice-sdpfrag")
}

@Test(arguments: [
    ("", "the fragment is empty"), ("hello", "no type=value"), (fragment("x"), "a=ice-ufrag"),
    (fragment("newU", "short"), "a=ice-pwd"), ("a=ice-ufrag:newU\r\n", "a=ice-pwd is missing"),
    ("a=ice-pwd:newpnewpnewpnewpnewpnewp\r\n", "without its a=ice-ufrag"),
    (fragment("peer", "otherotherotherotherothe"), "a=ice-pwd has changed"),
    (fragment() + "a=ice-ufrag:two2\r\n", "two values"),
]) func aMalformedFragmentIsRefusedWithWhatToMend(_ body: String, _ hint: String) async {
    let stage = Stage()
    let (location, _) = await publisher(stage)
    let response = await stage.patch(location, body, ifMatch: "*")
    #expect(response.status == 400)
    #expect(response.body.contains(hint), "\(response.body)")
    #expect(await stage.plane.operations.isEmpty)
}
