public import Wire

/// Watches what all processes of a call send and receive, from outside and by its own means, for two things that must
/// never happen:
///
/// - I9: SRTP to a path without consent (RFC 7675). A path has it for thirty seconds after an answer to a STUN request
///   that was sent on it; towards a peer of an ICE lite agent, after an authenticated request from there.
/// - I12: two different packets under one SRTP index of one key and SSRC (RFC 3711 section 9.1). Repeating the very
///   same packet is no harm, and what a sender does for a peer that takes no RTX. SSRCs are unique in a call, so that
///   they stand for their keys.
public final class MediaMonitor {
    /// All in one place: every packet looks at it twice.
    private var watch = MediaWatch()

    public init() {}

    /// What was seen that must not be, in order; only the first ones.
    public var violations: [String] { watch.violations }
    public var violationCount: Int { watch.violationCount }
    /// SRTP and SRTCP packets that were looked at.
    public var packets: UInt64 { watch.packets }

    /// A process is about to send a datagram.
    public func sends(_ bytes: RawSpan, from local: SocketAddress, to remote: SocketAddress, process: Int, now: Instant)
    {
        watch.sends(bytes, MediaWatch.Path(local: local, remote: remote), process: process, now: now)
    }

    /// A process got a datagram. `isLite`: it is an ICE lite agent, to which requests are consent.
    public func receives(
        _ bytes: RawSpan, at local: SocketAddress, from remote: SocketAddress, isLite: Bool, now: Instant
    ) {
        guard bytes.byteCount >= 20, bytes.uint8(at: 0) < 4 else { return }
        watch.receives(bytes, MediaWatch.Path(local: local, remote: remote), isLite: isLite, now: now)
    }

    /// Something else that must not be was seen.
    func report(_ text: String, _ now: Instant) { watch.report(text, now) }
}
