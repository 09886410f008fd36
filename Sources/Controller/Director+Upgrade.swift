import Logging
public import Session
import Store

// Replacing a worker's media process by one of the executable that is on its disk now.
extension Director {
    /// The worker's sessions go on; their packets wait for some milliseconds.
    /// - Throws: `.notFound` for a worker that is not registered, `.noWorker` for one that is dead, `.invalid` when the
    ///   new process does not come up (the old one goes on), `.timedOut`, `.storeUnavailable`.
    public func upgrade(_ worker: WorkerID) async throws(Refusal) -> HandOver {
        guard let status = await workers().first(where: { $0.report.id == worker }) else {
            throw await refusal(.notFound, about: worker)
        }
        guard status.isAlive else { throw Refusal(.noWorker, "worker `\(worker)` is dead") }
        let deadline = settings.upgradeDeadline
        let order = WorkerOrder(
            id: nextCommandID(), kind: .upgrade, controller: id,
            deadline: clock.wallMilliseconds() + Int64(deadline / .milliseconds(1)))
        calls[order.id] = Call(unit: SessionID(""))
        let timer = Task { [clock] in
            guard (try? await clock.sleep(deadline)) != nil else { return }
            self.finish(
                order.id,
                .failure(
                    Refusal(
                        .timedOut,
                        "worker `\(worker)` did not answer in time: under `apus up --embedded` none can be replaced")))
        }
        defer { timer.cancel() }
        do throws(StoreError) {
            try await store.send(order, to: worker)
        } catch {
            calls[order.id] = nil
            throw Self.refusal(error)
        }
        switch await reply(to: order.id) {
        case .success(.handedOver(let handOver)): return handOver
        case .success(.refused(let refusal)), .failure(let refusal): throw refusal
        case .success: throw Refusal(.invalid, "worker `\(worker)` answered something else")
        }
    }
}

extension Director {
    /// What happened in the cluster lately, newest first; what was last read while the store is away.
    public func recentEvents() async -> [ClusterEvent] {
        if let events = try? await store.events(limit: Limits.eventsRead) {
            lastEvents = ClusterEvent.timeline(events, limit: Limits.eventsRead)
        }
        return lastEvents
    }
}
