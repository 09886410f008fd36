package import Session

/// What a ``WorkerAgent`` holds.
package struct WorkerInspection: Sendable {
    package var holding: [Assignment]
    /// Messages that the store has yet to take.
    package var outbox: Int
    /// Commands that a reactor has yet to answer.
    package var waiting: Int
    package var isFenced: Bool
}
