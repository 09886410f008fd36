import Session
import Store
import Testing

struct EventContractTests {
    private func event(_ time: Int64, _ name: String = "drained") -> ClusterEvent {
        ClusterEvent(
            time: time, level: "notice", event: name, message: "\u{1F600} \"quoted\"", details: ["worker": "w1"])
    }

    @Test(arguments: StoreKind.allCases)
    func theNewestEventsAreKeptForEveryController(_ kind: StoreKind) async throws {
        try await withStores(kind, count: 2) { world in
            let (store, other) = (world.stores[0], world.stores[1])
            #expect(try await store.events(limit: 10).isEmpty)
            for time in 1...300 { try await store.note(event(Int64(time))) }
            #expect(try await other.events(limit: 3) == [event(300), event(299), event(298)])
            #expect(try await other.events(limit: 1000).count == 256)
            #expect(try await other.events(limit: 0).isEmpty)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func anOrderReachesItsWorkerOnce(_ kind: StoreKind) async throws {
        try await withStores(kind, count: 2) { world in
            let (store, other) = (world.stores[0], world.stores[1])
            let worker = WorkerID("w1")
            func order(_ number: Int) -> WorkerOrder {
                WorkerOrder(
                    id: CommandID("c1-a-\(number)"), kind: .upgrade, controller: ControllerID("c1"), deadline: 9)
            }
            try await store.send(order(1), to: worker)
            let start = try await other.receiveOrders(for: worker, after: .latest, wait: .zero)
            #expect(start.elements.isEmpty, "what was ordered before is another process's")
            try await store.send(order(2), to: worker)
            try await store.send(order(3), to: WorkerID("w2"))
            let batch = try await other.receiveOrders(for: worker, after: start.cursor, wait: .seconds(1))
            #expect(batch.elements == [order(2)])
            let rest = try await other.receiveOrders(for: worker, after: batch.cursor, wait: .milliseconds(50))
            #expect(rest.elements.isEmpty)
        }
    }
}
