import Access
import Controller
import Session
import Signaling

/// What operators can have a controller do.
struct ControllerControl: ClusterControl {
    let director: Director
    /// Nil without keys in the settings: then no token is good.
    let keys: AccessKeys?

    func drain(_ worker: WorkerID, within time: Duration) async throws(Refusal) {
        try await director.drain(worker, within: time)
    }

    func undrain(_ worker: WorkerID) async throws(Refusal) { try await director.undrain(worker) }

    func upgrade(_ worker: WorkerID) async throws(Refusal) -> HandOver { try await director.upgrade(worker) }

    func isOperator(_ token: String) async -> Bool { (try? await keys?.verify(token))?.isOperator ?? false }
}
