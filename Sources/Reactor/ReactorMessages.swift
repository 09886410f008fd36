public import Session
public import Wire

/// What the worker asks of a reactor. Carries no answer path of its own: the token comes back.
public enum ReactorCommand: Sendable {
    case perform(Operation, session: SessionID, token: UInt64)
    /// The worker holds a session so from now on; for a successor.
    case hold(SessionID, SessionHold)
    /// The worker has let go of what is no longer its own; the answer to ``ReactorOutput/stoodStill(_:)``.
    case liftFence
    /// What a media element says.
    case element(ElementKey, ElementOutput)
    /// A TCP connection of one of its peers, which another reactor accepted.
    case adopt(StreamHandover)
    case stop
    /// End without goodbyes: the next process goes on with what is in memory.
    case leave
}

/// What a reactor tells its worker.
public enum ReactorOutput: Sendable {
    /// The first thing that a reactor says: what it took over.
    case tookOver(Succession)
    case outcome(Outcome, token: UInt64)
    case event(SessionEvent)
    /// The reactor did not run for so long, which may be longer than the worker's lease; it sends nothing until
    /// ``ReactorCommand/liftFence``.
    case stoodStill(Interval)
    case stopped
}

/// Counters of a reactor since its start, published a few times a second.
public struct ReactorLoad: Sendable {
    public var sessions = 0
    /// Peers and media elements; pipes are counted apart.
    public var endpoints = 0
    /// Ends of pipes to other reactors, and their packets since start, which count below as well.
    public var pipes = 0
    public var pipePacketsReceived: UInt64 = 0
    public var pipePacketsSent: UInt64 = 0
    public var packetsReceived: UInt64 = 0
    public var packetsSent: UInt64 = 0
    public var bytesReceived: UInt64 = 0
    public var bytesSent: UInt64 = 0
    /// Notes for a successor that found no room.
    public var notesLost: UInt64 = 0
    /// By reason label, only those that happened.
    public var drops: [String: UInt64] = [:]
    /// When the loop last came round (monotonic nanoseconds), which is when this was published: a stalled reactor shows
    /// here.
    public var lastTurn: UInt64 = 0

    public init() {}
}

/// What a reactor took over from the process before.
public struct Succession: Sendable {
    /// Sessions that go on, and under whom.
    public var holds: [SessionID: SessionHold] = [:]
    /// Of those, sessions of which something was damaged: they are closed.
    public var lost: Set<SessionID> = []
    /// Sessions over which two processes in a row have ended; they are closed, and to be given to nobody.
    public var quarantined: Set<SessionID> = []
    public var endpoints = 0
    /// Time since the process before last came round; nil where there was none.
    public var standstill: Interval?
    /// Notes that could not be read.
    public var damagedNotes = 0

    public init() {}

    init(damagedNotes: Int) { self.damagedNotes = damagedNotes }
}
