import Testing

@testable import Gallery
@testable import Kurento

/// group-call and the composite room.
@Suite(.timeLimit(.minutes(1)))
struct RoomTests {
    private let bench = Bench()

    private func join(_ name: String, _ room: String = "lobby", at path: String = "/groupcall") async throws -> Page {
        let page = try await bench.page(path)
        await page.say("joinRoom", ["name": .string(name), "room": .string(room), "sdpOffer": .string(name)])
        return page
    }

    private func names(_ message: JSONValue?) -> [JSONValue] {
        if case .array(let names)? = message?["data"] { names } else { [] }
    }

    @Test func whoComesIsToldOfTheOthersAndTheyOfHim() async throws {
        let ada = try await join("ada")
        #expect(ada.heard("existingParticipants").count == 1 && names(ada.heard("existingParticipants").first) == [])
        let bob = try await join("bob")
        let eve = try await join("eve")
        let elsewhere = try await join("ada", "other")
        #expect(names(eve.heard("existingParticipants").first) == ["ada", "bob"])
        #expect(ada.heard("newParticipantArrived").compactMap { $0["name"] } == ["bob", "eve"])
        #expect(bob.heard("newParticipantArrived").compactMap { $0["name"] } == ["eve"])
        #expect(names(elsewhere.heard("existingParticipants").first) == [])
        #expect(await bench.kurento.ordered("MediaPipeline").count == 2)
    }

    @Test func everybodyGetsEverybody() async throws {
        let ada = try await join("ada")
        let source = try #require(await bench.kurento.newest("WebRtcEndpoint"))
        await ada.say("receiveVideoFrom", ["sender": "ada", "sdpOffer": "camera"])
        #expect(ada.heard("receiveVideoAnswer").first == ["id": "receiveVideoAnswer", "name": "ada", "sdpAnswer": "answer to camera"])
        let bob = try await join("bob")
        await bob.candidate("early", ["name": "ada"])
        await bob.say("receiveVideoFrom", ["sender": "ada", "sdpOffer": "screen"])
        let sink = try #require(await bench.kurento.newest("WebRtcEndpoint"))
        let calls = await bench.kurento.calls
        #expect(calls.contains("connect \(source) > \(sink)") && calls.contains("addIceCandidate \(sink) early"))
        await bench.kurento.raise("IceCandidateFound", on: sink, ["candidate": ["candidate": "c"]])
        #expect(await bob.wait(for: "iceCandidate")["name"] == "ada")
        await bob.candidate("own", ["name": "bob"])
        let outgoing = try #require(await bench.kurento.ordered("WebRtcEndpoint").dropFirst().first)
        #expect(await bench.kurento.calls.last == "addIceCandidate \(outgoing) own")
        await bob.say("receiveVideoFrom", ["sender": "eve", "sdpOffer": "screen"])
        #expect(bob.heard("error").first?["message"] == "eve is not in this room")
    }

    @Test(arguments: [true, false]) func whoLeavesIsTakenAway(byWord: Bool) async throws {
        let ada = try await join("ada")
        let bob = try await join("bob")
        await bob.say("receiveVideoFrom", ["sender": "ada", "sdpOffer": "screen"])
        if byWord { await ada.say("leaveRoom") } else { await ada.close() }
        #expect(bob.heard("participantLeft").compactMap { $0["name"] } == ["ada"])
        // Left: what bob sends.
        #expect(await bench.kurento.ordered("WebRtcEndpoint").count == 1)
        #expect(await bench.kurento.ordered("MediaPipeline").count == 1)
        await bob.close()
        #expect(await bench.kurento.alive.isEmpty)
        #expect(names(try await join("ada").heard("existingParticipants").first) == [])
    }

    @Test func aNameIsInARoomOnceAndPeopleAreInOneRoom() async throws {
        let ada = try await join("ada")
        let second = try await join("ada")
        #expect(second.heard("error").count == 1 && second.heard("existingParticipants").isEmpty)
        let bob = try await join("bob")
        await ada.say("joinRoom", ["name": "ada", "room": "other"])
        #expect(bob.heard("participantLeft").count == 1)
        await second.candidate("c", ["name": "ada"])
        #expect(second.heard("error").last?["message"] == "Join a room first")
    }

    @Test func aRoomTakesSoMany() async throws {
        for number in 0..<Limits.participants { _ = try await join("p\(number)") }
        let late = try await join("late")
        #expect(late.heard("error").first?["message"]?.asString?.contains("people in this room already") == true)
        for number in 1..<Limits.rooms { _ = try await join("p", "room \(number)") }
        #expect(try await join("p", "one more").heard("error").count == 1)
    }

    @Test func aJoinThatFailsLeavesNothing() async throws {
        await bench.kurento.refuse("create WebRtcEndpoint", "full")
        #expect(try await join("ada").heard("error").first?["message"] == "full")
        #expect(await bench.kurento.alive.isEmpty)
        await bench.kurento.allowAll()
        #expect(try await join("ada").heard("existingParticipants").count == 1)
    }

    @Test func manyWhoComeAndGoAtOnceLeaveNothing() async throws {
        let bench = bench
        await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<24 {
                group.addTask {
                    let page = try await bench.page("/groupcall")
                    for round in 0..<3 {
                        let room = JSONValue.string("r\((number + round) % 2)")
                        await page.say("joinRoom", ["name": .string("p\(number)"), "room": room])
                        await page.say("receiveVideoFrom", ["sender": .string("p\(number ^ 2)"), "sdpOffer": "x"])
                    }
                    await page.close()
                }
            }
        }
        #expect(await bench.kurento.alive.isEmpty)
        #expect(await bench.kurento.connectionCount == 0)
    }

    // MARK: The composite room

    @Test func aCompositeRoomHasAPortForEach() async throws {
        let ada = try await join("ada", at: "/composite")
        #expect(ada.heard("startResponse").first?["sdpAnswer"] == "answer to ada")
        let bob = try await join("bob", at: "/composite")
        #expect(names(ada.heard("participants").last) == ["ada", "bob"])
        #expect(names(bob.heard("participants").last) == ["ada", "bob"])
        let ports = await bench.kurento.ordered("HubPort")
        let endpoints = await bench.kurento.ordered("WebRtcEndpoint")
        try #require(ports.count == 2 && endpoints.count == 2)
        #expect(await bench.kurento.ordered("Composite").count == 1)
        let calls = await bench.kurento.calls
        for (port, endpoint) in zip(ports, endpoints) {
            #expect(calls.contains("connect \(endpoint) > \(port)") && calls.contains("connect \(port) > \(endpoint)"))
        }
        await ada.say("leaveRoom")
        #expect(names(bob.heard("participants").last) == ["bob"])
        #expect(await bench.kurento.ordered("HubPort") == [ports[1]])
        await bob.close()
        #expect(await bench.kurento.alive.isEmpty)
    }

    @Test func aCompositeRoomThatCannotBeMadeLeavesNothing() async throws {
        await bench.kurento.refuse("create Composite", "Factory 'Composite' not found")
        let ada = try await join("ada", at: "/composite")
        #expect(ada.heard("error").first?["message"] == "Factory 'Composite' not found")
        #expect(await bench.kurento.alive.isEmpty)
        await bench.kurento.allowAll()
        await ada.say("joinRoom", ["name": "ada", "room": "lobby", "sdpOffer": "ada"])
        #expect(ada.heard("startResponse").count == 1)
        #expect(try await join("ada", at: "/composite").heard("error").count == 1)
    }
}
