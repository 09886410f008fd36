import Logging
import Session
import Settings
import Store
import Worker

/// `apus up --embedded`: the same controller and workers over the in-memory store, in one process.
struct EmbeddedCluster: Sendable {
    let settings: ClusterSettings
    let kurento: KurentoSettings?

    func run() async throws {
        ProcessHeaps.share()
        let settings = settings
        let kurento = kurento
        try await runUntilSignal {
            let store = InMemoryStore()
            let tap = EventTap()
            Task { await tap.run(store) }
            var agents: [WorkerAgent] = []
            var relays: [WorkerRelay] = []
            var uploads: [UploadServer] = []
            for index in 0..<settings.workers.count {
                let id = WorkerID("w\(index + 1)")
                let logger = makeLogger("apus.worker.\(id)", settings, tap: tap)
                let configuration = try WorkerAssembly.configuration(id: id, index: index, settings: settings)
                let listener = try WorkerAssembly.uploads(index: index, settings: settings)
                if let server = try await UploadServer(configuration, listener, settings: settings, logger: logger) {
                    uploads.append(server)
                }
                agents.append(try WorkerAgent(configuration, store: store, logger: logger))
            }
            for index in 0..<settings.workers.count {
                let logger = makeLogger("apus.worker.w\(index + 1)", settings)
                if let relay = try await WorkerRelay(index: index, settings: settings, logger: logger) {
                    relays.append(relay)
                }
            }
            let controller = try await ControllerAssembly(
                id: ControllerID("c1"), settings: settings, kurento: kurento, store: store,
                logger: makeLogger("apus.controller.c1", settings, tap: tap))
            Progress.done("store", "in memory")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for agent in agents { group.addTask { try await agent.run() } }
                group.addTask { try await controller.run() }
                group.addTask { try await Readiness.announce(settings) }
                defer { group.cancelAll() }
                while try await group.next() != nil {}
            }
            for relay in relays { await relay.stop() }
            for server in uploads { await server.stop() }
        }
    }
}
