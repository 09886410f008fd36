import Controller
import Session
import Store
import Testing

/// A hub and its ports meet in one process.
struct HubTests {
    private func element(_ name: String, _ specification: ElementSpecification, on stage: ShardStage) async throws {
        _ = try await stage.director.perform(.openElement(EndpointID(name), specification), in: stage.session)
    }

    private func port(_ order: Int) -> ElementSpecification {
        .hubPort(HubPortSpecification(hub: EndpointID("hub"), order: order))
    }

    private func elements(_ operations: [Session.Operation]) -> [String] {
        operations.compactMap { if case .openElement(let id, _) = $0 { id.rawValue } else { nil } }
    }

    @Test(arguments: StoreKind.allCases)
    func portsAreWhereTheirHubIsFullOrNot(_ kind: StoreKind) async throws {
        try await withCluster(kind, settings: ShardStage.settings()) { world in
            let stage = try await ShardStage(world)
            try await stage.open("a")
            try await element("hub", .composite(CompositeSpecification()), on: stage)
            try await stage.open("b")
            for order in 1...3 { try await element("p\(order)", port(order), on: stage) }
            #expect(await elements(stage.first.operations(in: stage.session)) == ["hub", "p1", "p2", "p3"])
            #expect(await stage.second.operations(in: stage.further).openedEndpoints.map(\.rawValue) == ["b"])
            await stage.stop()
        }
    }

    @Test func portsOfAHubThatIsNoElementAreTogether() async throws {
        try await withCluster(.memory, settings: ShardStage.settings()) { world in
            let stage = try await ShardStage(world)
            try await stage.open("a", "b", "c")
            for order in 1...3 { try await element("p\(order)", port(order), on: stage) }
            #expect(await elements(stage.second.operations(in: stage.further)) == ["p1", "p2", "p3"])
            await stage.stop()
        }
    }

    @Test func aWorkerWithoutRoomForAPortIsNotPassedOver() async throws {
        try await withCluster(.memory, settings: ShardStage.settings()) { world in
            let stage = try await ShardStage(world)
            try await element("hub", .composite(CompositeSpecification()), on: stage)
            await stage.first.refuse { operation in
                if case .openElement = operation { Refusal(.overLimit, "full") } else { nil }
            }
            let refused = await #expect(throws: Refusal.self) { try await element("p1", port(1), on: stage) }
            #expect(refused?.reason == .overLimit)
            #expect(await stage.second.commands.isEmpty)
            // What was refused has left nothing behind.
            await stage.first.refuse { _ in nil }
            try await element("p1", port(1), on: stage)
            #expect(await elements(stage.first.operations(in: stage.session)) == ["hub", "p1", "p1"])
            await stage.stop()
        }
    }
}
