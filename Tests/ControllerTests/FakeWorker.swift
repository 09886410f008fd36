import Foundation
import Logging
import Session
import Store

/// A worker without media: heartbeats, takes commands, answers them.
actor FakeWorker {
    nonisolated let id: WorkerID
    nonisolated let incarnation: String
    private let store: any ClusterStore
    private let sessionLimit: Int
    private let reactors: Int
    private let timeToLive: Duration
    private var tasks: [Task<Void, Never>] = []
    private var held: [SessionID: Assignment] = [:]
    private(set) var commands: [CommandEnvelope] = []
    /// Why an operation is refused; nil when it is done.
    private var refusal: @Sendable (Session.Operation) -> Refusal? = { _ in nil }
    /// Whether commands are answered.
    private var isAnswering = true

    /// - Parameter timeToLive: long, unless the test is about running out, so that a busy machine kills nobody.
    init(
        _ id: String, incarnation: String = "a", limit: Int = 1000, reactors: Int = 1,
        timeToLive: Duration = .seconds(600), store: any ClusterStore
    ) {
        self.timeToLive = timeToLive
        self.id = WorkerID(id)
        self.incarnation = incarnation
        self.store = store
        sessionLimit = limit
        self.reactors = reactors
    }

    func start() async throws {
        var cursor = try await store.receiveCommands(for: id, after: .latest, wait: .zero).cursor
        await beat(for: timeToLive)
        tasks.append(
            Task {
                while !Task.isCancelled {
                    try? await Task.sleep(for: .milliseconds(250))
                    if !Task.isCancelled { await beat(for: timeToLive) }
                }
            })
        tasks.append(
            Task {
                while !Task.isCancelled {
                    guard let batch = try? await store.receiveCommands(for: id, after: cursor, wait: .seconds(1))
                    else { continue }
                    cursor = batch.cursor
                    for command in batch.elements { await take(command) }
                }
            })
    }

    /// As kill -9: no word of goodbye.
    func stop() async {
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
        tasks = []
    }

    /// Stops, and what was left of its last heartbeat's time passes at once.
    func kill() async {
        await stop()
        await beat(for: .milliseconds(1))
    }

    func refuse(_ refusal: @escaping @Sendable (Session.Operation) -> Refusal?) { self.refusal = refusal }

    /// What was asked in one unit, in order.
    func operations(in unit: SessionID) -> [Session.Operation] {
        commands.filter { $0.session == unit }.map(\.operation)
    }

    func setAnswering(_ isAnswering: Bool) { self.isAnswering = isAnswering }

    func emit(
        _ body: SessionEvent.Body, in session: SessionID, epoch: Epoch, to controller: ControllerID
    ) async throws {
        try await store.publish([.event(SessionEvent(session: session, body: body), epoch)], to: controller)
    }

    private func beat(for timeToLive: Duration) async {
        var load = WorkerLoad()
        load.sessions = held.count
        load.sessionLimit = sessionLimit
        let report = WorkerReport(
            id: id, incarnation: incarnation, processID: 1, host: "host", load: load, capabilities: ["sfu", "media"],
            reactors: reactors)
        guard let answer = try? await store.heartbeat(report, timeToLive: timeToLive) else { return }
        if answer.isRegistration {
            let fenced = try? await store.reconcile(id, incarnation: incarnation, holding: Array(held.values))
            for session in fenced ?? [] { held[session] = nil }
        }
    }

    private func take(_ command: CommandEnvelope) async {
        commands.append(command)
        guard isAnswering else { return }
        let outcome: Outcome
        if let epoch = held[command.session]?.epoch, epoch > command.epoch {
            outcome = .refused(Refusal(.staleEpoch, "an older epoch"))
        } else {
            held[command.session] = Assignment(
                session: command.session, worker: id, incarnation: incarnation, epoch: command.epoch,
                controller: command.controller)
            if command.operation == .closeSession { held[command.session] = nil }
            if let refusal = refusal(command.operation) {
                outcome = .refused(refusal)
            } else if case .openPipe = command.operation {
                outcome = .openedPipe(OpenedPipe(network: "n", addresses: ["127.0.0.1:40000", "192.0.2.1:40000"]))
            } else {
                outcome = .done
            }
        }
        try? await store.publish([.reply(command.id, outcome)], to: command.controller)
    }
}

/// Collects a session's events.
actor EventLog {
    private(set) var events: [SessionEvent.Body] = []

    private(set) var positions: [String] = []

    func append(_ event: SessionEvent) {
        events.append(event.body)
        if let position = event.position { positions.append(position) }
    }

    var losses: [Refusal] {
        events.compactMap { if case .sessionLost(let refusal) = $0 { refusal } else { nil } }
    }
}
