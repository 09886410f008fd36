public import Wire

/// Whose packets one component of plain RTP takes. Without ICE nobody has shown that he owns the address that he sends
/// from, so the rule is:
///
/// 1. The first plausible packet decides: from then on its source is the peer.
/// 2. A packet that SRTP authenticates is the peer's wherever it comes from.
/// 3. Without SRTP another source takes over when it has the IP address that signalling names and the present one has
///    not, or when the present one has been silent for ``Limits/latchSilence``: a sender that was started again.
public struct SourceLatch: BitwiseCopyable, Sendable {
    /// By signalling; nil where the peer is known by its packets alone.
    public var signalled: SocketAddress?
    /// Where the peer's packets come from.
    public private(set) var source: SocketAddress?
    private var lastPacket = Instant.origin

    public init(signalled: SocketAddress? = nil) { self.signalled = signalled }

    /// Takes or refuses a packet that is otherwise fine.
    public mutating func admit(
        _ remote: SocketAddress, isAuthentic: Bool, now: Instant
    ) throws(DropReason) {
        if source != remote {
            guard isAuthentic || mayReplace(by: remote, now: now) else { throw .plainForeignSource }
            source = remote
        }
        lastPacket = now
    }

    private func mayReplace(by remote: SocketAddress, now: Instant) -> Bool {
        guard let source else { return true }
        if let signalled, remote.ip == signalled.ip, source.ip != signalled.ip { return true }
        return now - lastPacket >= Limits.latchSilence
    }

    /// Goes on with what another process learned.
    mutating func resume(_ source: SocketAddress?, now: Instant) {
        self.source = source
        lastPacket = now
    }

    /// Where the peer is: as signalling says, else where its packets come from.
    public var destination: SocketAddress? { signalled ?? source }
}
