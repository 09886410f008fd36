public import Wire

/// What an ``Agent`` tells its owner.
public enum Event: Hashable, Sendable {
    case stateChanged(AgentState)
    /// From now on send to `tuple`. May come more than once: nomination, address change, restart.
    case pairSelected(local: Candidate, remote: Candidate, tuple: Tuple)
}

/// A datagram to send.
public struct Transmit: Hashable, Sendable {
    /// The local socket to send from and the address to send to.
    public var tuple: Tuple
    public var bytes: [UInt8]
}

/// What became of a signalled candidate. None of these is an error to signal back.
public enum CandidateResult: Hashable, Sendable {
    /// In use from now on.
    case added
    /// Known already (perhaps as peer reflexive; its type and priority are now the signalled ones).
    case duplicate
    /// Waits for the credentials of its generation.
    case queued
    /// The empty line: the peer has no more.
    case endOfCandidates
    /// Of no use here, and counted; see ``Agent/ignoredCandidates``.
    case ignored(CandidateError)
}
