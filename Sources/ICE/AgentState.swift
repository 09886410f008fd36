/// Where an ``Agent`` is; the names are those of `RTCIceConnectionState`.
public enum AgentState: UInt8, Sendable, BitwiseCopyable {
    /// Nothing is known of the peer yet.
    case new
    /// Checks run (or, for a lite agent, are awaited) and no pair works yet.
    case checking
    /// A pair works; none is nominated.
    case connected
    /// The nominated pair works.
    case completed
    /// Two consecutive consent checks went unanswered; sending is still allowed. Goes back to
    /// `connected` or `completed` with the next answer.
    case disconnected
    /// No pair worked in time, or consent expired (RFC 7675): nothing may be sent until a restart.
    case failed
    /// ``Agent/close()`` was called.
    case closed

    /// Whether media may be sent.
    public var isUsable: Bool { self == .connected || self == .completed || self == .disconnected }
}
