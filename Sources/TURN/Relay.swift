public import Wire

/// A socket that a server relays through.
struct Relay: Sendable {
    enum State: Sendable {
        case opening(attempts: Int)
        case open
    }

    enum Owner: Sendable {
        case allocation(Int32)
        /// Kept for an allocation that shows the token (RFC 8656 section 7.2).
        case reservation(token: UInt64, expiry: Instant)
    }

    var state: State
    var owner: Owner
    /// As bound.
    var address: SocketAddress
    /// Only even ports will do.
    var isEven = false
    /// The port after it is to be kept too, under this token.
    var next: UInt64?
}

/// What a ``Server`` wants done with its relay sockets. Answer each ``open(_:_:)`` with ``Server/opened(_:now:)`` or
/// ``Server/failedToOpen(_:now:)``.
public enum RelayAction: Hashable, Sendable {
    /// Bind a UDP socket there.
    case open(Int32, SocketAddress)
    case close(Int32)
}
