import Logging
public import Session
import Store

// Emptying a worker before it is taken away.
extension Director {
    /// The worker gets no new session from now on; what is left on it after `time` is closed, and its clients are told
    /// to come again.
    /// - Throws: `.notFound` for a worker that is not registered, `.storeUnavailable`.
    public func drain(_ worker: WorkerID, within time: Duration) async throws(Refusal) {
        do throws(StoreError) {
            try await store.drain(worker, within: time)
            drainsUnderWay.insert(worker)
            logger.notice(
                "the worker gets no new sessions",
                metadata: [
                    "event": "drain_started", "worker": "\(worker)", "seconds": "\(Int(time / .seconds(1)))",
                ])
        } catch {
            throw await refusal(error, about: worker)
        }
    }

    /// The worker takes new sessions again.
    /// - Throws: as ``drain(_:within:)``.
    public func undrain(_ worker: WorkerID) async throws(Refusal) {
        do throws(StoreError) {
            try await store.undrain(worker)
            drainsUnderWay.remove(worker)
            logger.notice(
                "the worker takes new sessions again", metadata: ["event": "undrained", "worker": "\(worker)"])
        } catch {
            throw await refusal(error, about: worker)
        }
    }

    func refusal(_ error: StoreError, about worker: WorkerID) async -> Refusal {
        guard error == .notFound else { return Self.refusal(error) }
        let known = await workers().map(\.report.id.rawValue).joined(separator: ", ")
        let others = known.isEmpty ? "none is registered" : "registered: \(known)"
        return Refusal(.notFound, "there is no worker `\(worker)`; \(others)")
    }

    /// Every controller may do it: the store gives each session to one of them.
    func endDrains() async {
        guard let closed = try? await store.endDrains(), !closed.isEmpty else { return }
        counters.sessionsDrained += UInt64(closed.count)
        for (worker, sessions) in Dictionary(grouping: closed, by: \.worker).sorted(by: { $0.key < $1.key }) {
            logger.notice(
                "sessions closed: the time of the drain is up",
                metadata: ["event": "sessions_drained", "worker": "\(worker)", "count": "\(sessions.count)"])
        }
    }

    /// Says once of each worker that its drain is over. Drains that another controller began are known by its words.
    func noteDrained() async {
        guard !drainsUnderWay.isEmpty else { return }
        for status in await workers() where drainsUnderWay.contains(status.report.id) {
            if status.state == .drained {
                logger.notice(
                    "the worker has no sessions any more",
                    metadata: ["event": "drained", "worker": "\(status.report.id)"])
            } else if status.drain != nil {
                continue
            }
            drainsUnderWay.remove(status.report.id)
        }
    }
}
