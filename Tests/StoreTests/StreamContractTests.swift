import Session
import Store
import Testing

struct StreamContractTests {
    private let w1 = WorkerID("w1")
    private let c1 = ControllerID("c1")

    @Test(arguments: StoreKind.allCases)
    func commandsComeInOrderAndOnceAfterTheCursor(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            let store = world.store
            try await store.send(command("old"), to: w1)
            var cursor = try await store.receiveCommands(for: w1, after: .latest, wait: .seconds(5)).cursor
            for index in 0..<600 { try await store.send(command("\(index)"), to: w1) }
            try await store.send(command("other"), to: WorkerID("w2"))
            var received: [String] = []
            while true {
                let batch = try await store.receiveCommands(for: w1, after: cursor, wait: .zero)
                if batch.elements.isEmpty { break }
                cursor = batch.cursor
                received += batch.elements.map(\.id.rawValue)
            }
            #expect(received == (0..<600).map { "\($0)" })
        }
    }

    @Test(arguments: StoreKind.allCases)
    func aReaderWakesWhenSomethingIsSent(_ kind: StoreKind) async throws {
        try await withStores(kind, count: 2) { world in
            let (reader, writer) = (world.stores[0], world.stores[1])
            async let batch = reader.receiveMessages(for: c1, after: .beginning, wait: .seconds(5))
            try await Task.sleep(for: .milliseconds(50))
            let messages: [WorkerMessage] = [
                .reply(CommandID("1"), .done), .event(SessionEvent.sample(.connected), Epoch(2)),
                .reply(CommandID("2"), .refused(Refusal(.notFound, "gone"))),
            ]
            try await writer.publish(messages, to: c1)
            let received = try await batch
            #expect(received.elements == messages)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func anEmptyReadReturnsWhenItsWaitIsOver(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            let batch = try await world.store.receiveCommands(for: w1, after: .beginning, wait: .milliseconds(50))
            #expect(batch.elements.isEmpty)
            #expect(batch.cursor == .beginning)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func aCancelledReaderReturnsAtOnce(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            let store = world.store
            let reader = Task { try await store.receiveCommands(for: w1, after: .beginning, wait: .seconds(5)) }
            try await Task.sleep(for: .milliseconds(100))
            let start = ContinuousClock.now
            reader.cancel()
            #expect(try await reader.value.elements.isEmpty)
            #expect(ContinuousClock.now - start < .seconds(4))
        }
    }

    @Test(arguments: StoreKind.allCases)
    func readingGoesOnAfterAllDataIsLost(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            let store = world.store
            for index in 0..<10 { try await store.send(command("\(index)"), to: w1) }
            var cursor = try await store.receiveCommands(for: w1, after: .beginning, wait: .zero).cursor
            try await world.flush()
            try await store.send(command("new"), to: w1)
            var received: [String] = []
            for _ in 0..<3 where received.isEmpty {
                let batch = try await store.receiveCommands(for: w1, after: cursor, wait: .milliseconds(100))
                cursor = batch.cursor
                received += batch.elements.map(\.id.rawValue)
            }
            #expect(received == ["new"])
        }
    }

    @Test(arguments: StoreKind.allCases)
    func aStreamThatNobodyReadsIsBounded(_ kind: StoreKind) async throws {
        try await withStores(kind) { world in
            let store = world.store
            for _ in 0..<192 {
                try await withThrowingTaskGroup { group in
                    for index in 0..<64 { group.addTask { try await store.send(command("\(index)"), to: w1) } }
                    try await group.waitForAll()
                }
            }
            var count = 0
            var cursor = StreamCursor.beginning
            while true {
                let batch = try await store.receiveCommands(for: w1, after: cursor, wait: .zero)
                if batch.elements.isEmpty { break }
                count += batch.elements.count
                cursor = batch.cursor
            }
            #expect((10_000...11_500).contains(count))
        }
    }
}

extension SessionEvent {
    static func sample(_ state: ICEState) -> SessionEvent {
        SessionEvent(session: SessionID("s1"), body: .iceStateChanged(EndpointID("e1"), state))
    }
}
