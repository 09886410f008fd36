import Controller
import Session
import Store
import Testing

/// What a controller does about a store that lost its data, beyond what workers put back.
struct LostDataTests {
    private let s1 = SessionID("s1")

    /// No worker holds an empty session, so that none puts it back.
    @Test(arguments: StoreKind.allCases)
    func anEmptySessionThatTheStoreForgotIsPlacedAnewUnderAHigherEpoch(_ kind: StoreKind) async throws {
        var settings = impatientSettings()
        settings.orphanInterval = .milliseconds(300)
        try await withCluster(kind, settings: settings) { world in
            let worker = try await world.startWorker("w1")
            #expect(try await eventually { (try? await world.director.open(s1)) != nil })
            let before = try #require(try await world.store.session(s1)?.assignment)
            try await world.flush()
            #expect(try await eventually { try await world.store.session(s1) != nil })
            let after = try #require(try await world.store.session(s1)?.assignment)
            #expect(after.controller == before.controller && after.epoch > before.epoch)
            await worker.kill()
        }
    }

    /// After lost data another controller may have been given it: workers let go of what is not in the store, and do so
    /// again each time that this one's clients come back.
    @Test(arguments: StoreKind.allCases)
    func aSessionThatTheStoreGivesToAnotherIsGivenUp(_ kind: StoreKind) async throws {
        var settings = impatientSettings()
        // Time for the other to be first.
        settings.orphanInterval = .seconds(2)
        settings.disownedGrace = .milliseconds(200)
        try await withCluster(kind, settings: settings) { world in
            let worker = try await world.startWorker("w1")
            let log = await world.log(of: s1)
            #expect(try await eventually { (try? await world.director.open(s1)) != nil })
            try await world.flush()
            var theirs: Assignment?
            #expect(
                try await eventually {
                    theirs = try? await world.store.assign(
                        s1, controller: ControllerID("c2"), request: PlacementRequest(epochFloor: Epoch(100)))
                    return theirs != nil
                })
            #expect(try await eventually { await log.losses.map(\.reason) == [.workerLost] })
            #expect(try await world.store.session(s1)?.assignment == theirs)
            await worker.kill()
        }
    }

    /// While this controller counted as dead another one closed what it had; no worker puts that back.
    @Test func aSessionWithEndpointsThatTheStoreDoesNotKnowIsGivenUp() async throws {
        var settings = impatientSettings()
        settings.orphanInterval = .milliseconds(100)
        settings.disownedGrace = .milliseconds(300)
        try await withCluster(.memory, settings: settings) { world in
            let worker = try await world.startWorker("w1")
            let log = await world.log(of: s1)
            #expect(try await eventually { (try? await world.director.open(s1)) != nil })
            let specification = EndpointSpecification(localUfrag: "u-a", localPassword: "p")
            _ = try await world.director.perform(.openEndpoint(EndpointID("a"), specification), in: s1)
            let assignment = try #require(try await world.store.session(s1)?.assignment)
            try await world.store.release(s1, controller: assignment.controller, epoch: assignment.epoch)
            #expect(try await eventually { await log.losses.map(\.reason) == [.workerLost] })
            await worker.kill()
        }
    }
}
