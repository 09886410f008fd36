/// Faults that the cluster's simulator plants in the control plane, to see whether it finds them
/// (`apus sim explore --plants`). Nothing in production can set one: only this package's own code reaches them.
package enum PlantedBug: String, Hashable, Sendable, CaseIterable {
    // Of the worker.
    /// Does what comes under a lower epoch than it has seen.
    case epochsIgnored
    /// Keeps what the store tells it to let go.
    case nothingLetGo
    /// Compares what it holds with the store only at its start.
    case reconciledOnce
    /// Lets a reactor that stood still send before it has asked what is still its own.
    case fenceLiftedUnasked
    /// Forgets messages that the store did not take.
    case messagesForgotten
    // Of the controller.
    /// Closed sessions that the store could not be told about are forgotten.
    case releaseNotRetried
    /// Hands every event over twice.
    case eventsDoubled
    /// Declares workers dead whose heartbeats the store could not take.
    case outagesKill
    /// Judges workers by the store alone, however well they are heard directly.
    case heartbeatsUnheard
    /// Closes the sessions of other controllers as orphans, and the store lets it.
    case orphansOfOthers
    /// An operation without a reply waits for ever.
    case callsNotExpired
    /// Tells nobody that a session is lost.
    case lossNotTold
    // Of the store.
    /// A loss leaves the epoch as it was.
    case lossKeepsEpoch
    /// Placement counts what workers report and not what is assigned.
    case countsNotReserved
    /// Placement gives new sessions to workers that are being drained.
    case drainIgnored
    /// An assignment that is asked for again is made again.
    case assignmentRepeated
    /// A release takes effect whatever became of the session since.
    case releaseUnfenced
}
