import UnixSignals

/// Runs `body` until it ends or SIGINT or SIGTERM comes; the signal cancels it, and it ends cleanly.
func runUntilSignal(_ body: @escaping @Sendable () async throws -> Void) async throws {
    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
    try await withThrowingTaskGroup(of: Bool.self) { group in
        group.addTask {
            try await body()
            return false
        }
        group.addTask {
            for await _ in signals { return true }
            return true
        }
        _ = try await group.next()
        group.cancelAll()
        // What the body throws because it was cancelled is not a failure.
        while let result = await group.nextResult() {
            if case .failure(let error) = result, !(error is CancellationError) { throw error }
        }
    }
}
