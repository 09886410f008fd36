import Foundation

/// Runs `body` on a thread of its own. The Kurento target waits for tasks, and a thread of the pool that
/// waits is one on which they cannot run.
func onOwnThread(_ body: @escaping @Sendable () -> Void) async {
    await withCheckedContinuation { continuation in
        Thread {
            body()
            continuation.resume()
        }.start()
    }
}
