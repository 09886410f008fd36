import STUN
import Wire

/// What a server does for one client: a relayed address (RFC 8656 section 3.2) or one of each family, and who may use
/// it.
struct Allocation: Sendable {
    struct Permission: Sendable {
        var ip: IPAddress
        var expiry: Instant
    }

    struct Channel: Sendable {
        var number: UInt16
        var peer: SocketAddress
        var expiry: Instant
    }

    /// The Allocate that made it: answered once all its sockets are open, and again when it comes again.
    struct Request: Sendable {
        var id: TransactionID
        var lifetime: UInt32
        var hasFingerprint: Bool
        var token: UInt64?
        /// Of the family that could not be had though it was asked for besides the other (RFC 8656 section 7.2).
        var refusedFamily: ErrorCode?
    }

    let client: Tuple
    let username: String
    let key: [UInt8]
    let request: Request
    /// By family; at least one.
    var relayIPv4: Int32?
    var relayIPv6: Int32?
    /// Sockets that are still being opened.
    var opening = 0
    var expiry: Instant
    var permissions: [Permission] = []
    var channels: [Channel] = []
    /// What may be relayed now in each direction; see ``ServerConfiguration/bytesPerSecond``.
    var toPeers: ByteBudget
    var toClient: ByteBudget

    func relay(for peer: IPAddress) -> Int32? { peer.isIPv4 ? relayIPv4 : relayIPv6 }

    func permits(_ ip: IPAddress, now: Instant) -> Bool {
        for permission in permissions where permission.ip == ip { return now < permission.expiry }
        return false
    }

    func channel(_ number: UInt16, now: Instant) -> Channel? {
        for channel in channels where channel.number == number { return now < channel.expiry ? channel : nil }
        return nil
    }

    func channel(to peer: SocketAddress, now: Instant) -> Channel? {
        for channel in channels where channel.peer == peer { return now < channel.expiry ? channel : nil }
        return nil
    }

    /// - Returns: false when there is no room.
    mutating func permit(_ ip: IPAddress, now: Instant) -> Bool {
        let expiry = now + Limits.permissionLifetime
        if let index = permissions.firstIndex(where: { $0.ip == ip }) {
            permissions[index].expiry = expiry
            return true
        }
        guard permissions.count < Limits.permissions else { return false }
        permissions.append(Permission(ip: ip, expiry: expiry))
        return true
    }

    mutating func forgetWhatIsOver(_ now: Instant) {
        permissions.removeAll { now >= $0.expiry }
        channels.removeAll { now >= $0.expiry }
    }
}

/// A token bucket of bytes.
struct ByteBudget: Sendable {
    let rate: Int64?
    private var tokens: Int64
    private var since: Instant

    init(rate: Int64?, now: Instant) {
        self.rate = rate
        tokens = rate ?? 0
        since = now
    }

    mutating func take(_ bytes: Int, now: Instant) -> Bool {
        guard let rate else { return true }
        let elapsed = min(now - since, Limits.burst)
        let earned = elapsed.microseconds * rate / 1_000_000
        if earned > 0 {
            tokens = min(tokens + earned, rate)
            since = now
        }
        guard tokens >= Int64(bytes) else { return false }
        tokens -= Int64(bytes)
        return true
    }
}
