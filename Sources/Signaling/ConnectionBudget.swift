import NIOCore
import Synchronization

/// Counts open connections, in all and by address, and says when there are enough.
final class ConnectionBudget: Sendable {
    /// A snapshot for metrics.
    struct Counts: Sendable {
        var open = 0
        var webSockets = 0
        var eventStreams = 0
        /// Since start.
        var accepted: UInt64 = 0
        var refused: UInt64 = 0
        /// Closed because they read too slowly, since start.
        var tooSlow: UInt64 = 0
    }

    private struct State {
        var counts = Counts()
        var byAddress: [String: Int] = [:]
    }

    private let limits: SignalingLimits
    private let state = Mutex(State())

    init(limits: SignalingLimits) {
        self.limits = limits
    }

    var counts: Counts { state.withLock { $0.counts } }

    /// False when the connection has to be closed; true must be paired with ``release(_:)``.
    func acquire(_ address: String) -> Bool {
        state.withLock { state in
            let own = state.byAddress[address] ?? 0
            guard state.counts.open < limits.connections, own < limits.connectionsPerAddress else {
                state.counts.refused += 1
                return false
            }
            state.byAddress[address] = own + 1
            state.counts.open += 1
            state.counts.accepted += 1
            return true
        }
    }

    func release(_ address: String) {
        state.withLock { state in
            let own = state.byAddress[address] ?? 0
            // Below zero while a connection that was lent out has ended and its lease has not.
            state.byAddress[address] = own == 1 ? nil : own - 1
            state.counts.open -= 1
        }
    }

    /// A connection of the address carries server-sent events from now on, and does not count for its address as long
    /// as the lease lives: it belongs to a publisher or player, whose number has bounds of its own. Nil when event
    /// streams hold half of all connections.
    func lend(_ address: String) -> EventStreamLease? {
        state.withLock { state in
            guard state.counts.eventStreams < limits.connections / 2 else { return nil }
            state.counts.eventStreams += 1
            if let own = state.byAddress[address] { state.byAddress[address] = own - 1 }
            return EventStreamLease(budget: self, address: address)
        }
    }

    fileprivate func giveBack(_ address: String) {
        state.withLock { state in
            state.counts.eventStreams -= 1
            let own = state.byAddress[address, default: 0] + 1
            state.byAddress[address] = own == 0 ? nil : own
        }
    }

    func webSocketOpened() { state.withLock { $0.counts.webSockets += 1 } }
    func webSocketClosed() { state.withLock { $0.counts.webSockets -= 1 } }
    func closedTooSlow() { state.withLock { $0.counts.tooSlow += 1 } }

    /// What counts as one client: see ``SignalingLimits/connectionsPerAddress``.
    static func key(of address: SocketAddress?) -> String {
        guard let address, let text = address.ipAddress else { return "unknown" }
        guard case .v6 = address else { return text }
        // IPv4 through a dual-stack listener (RFC 4291 section 2.5.5.2).
        if text.hasPrefix("::ffff:") { return String(text.dropFirst(7)) }
        // Behind family, port and flow label, two, two and four bytes (RFC 3493 section 3.3).
        let prefix: [UInt8] = unsafe address.withSockAddr { start, size in
            unsafe Array(UnsafeRawBufferPointer(start: start, count: size).dropFirst(8).prefix(8))
        }
        return prefix.map { String($0, radix: 16) }.joined(separator: ".") + "/64"
    }
}

/// That a connection does not count for its address.
final class EventStreamLease: Sendable {
    private let budget: ConnectionBudget
    private let address: String

    fileprivate init(budget: ConnectionBudget, address: String) {
        self.budget = budget
        self.address = address
    }

    deinit { budget.giveBack(address) }
}
