import Foundation
import Logging
import Session
import Store

/// Reads what operators want of a worker's guardian, and answers.
struct GuardianOrders: Sendable {
    let worker: WorkerID
    let store: any ClusterStore
    let logger: Logger

    private static let wait = Duration.seconds(2)
    private static let retryPause = Duration.milliseconds(500)

    /// Until the task is cancelled.
    func obey(_ guardian: MediaGuardian) async {
        var cursor: StreamCursor?
        while !Task.isCancelled {
            do throws(StoreError) {
                // What was ordered before is another process's.
                let start = cursor ?? .latest
                let batch = try await store.receiveOrders(for: worker, after: start, wait: Self.wait)
                cursor = batch.cursor
                for order in batch.elements { await obey(order, guardian) }
            } catch {
                try? await Task.sleep(for: Self.retryPause)
            }
        }
    }

    private func obey(_ order: WorkerOrder, _ guardian: MediaGuardian) async {
        guard order.deadline >= Int64(Date().timeIntervalSince1970 * 1000) else { return }
        let outcome: Outcome
        switch order.kind {
        case .upgrade:
            do throws(Refusal) {
                outcome = .handedOver(try await guardian.upgrade())
            } catch {
                outcome = .refused(error)
            }
        }
        do throws(StoreError) {
            try await store.publish([.reply(order.id, outcome)], to: order.controller)
        } catch {
            logger.warning("the answer to an order was not delivered", metadata: ["error": "\(error)"])
        }
    }
}
