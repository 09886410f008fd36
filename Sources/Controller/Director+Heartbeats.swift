public import Session
import Store
import Synchronization
public import Wire

/// What came to the sockets for heartbeats. Whoever reads them hands datagrams in at once, from any thread; the
/// director looks when it looks at the store, so that a flood of datagrams keeps it from nothing.
final class HeartbeatEar: Sendable {
    private let ledger: Mutex<HeartbeatLedger>
    let key: HeartbeatKey

    init(key: HeartbeatKey) {
        self.key = key
        ledger = Mutex(HeartbeatLedger(key: key))
    }

    func withLedger<Answer: Sendable>(_ body: (inout HeartbeatLedger) -> Answer) -> Answer {
        ledger.withLock { body(&$0) }
    }
}

extension Director {
    /// Takes a datagram that may be a worker's direct heartbeat.
    /// - Returns: what it is, or nil when it was dropped and counted.
    @discardableResult
    public nonisolated func hear(_ datagram: [UInt8]) -> DirectHeartbeat? {
        let instant = now
        return ear.withLedger { ledger in
            guard case .success(let heartbeat) = ledger.receive(unsafe datagram.span.bytes, now: instant) else {
                return nil
            }
            return heartbeat
        }
    }

    /// Workers may send direct heartbeats to these addresses: from now on they are told.
    public func listensForHeartbeats(at addresses: [SocketAddress]) {
        heartbeatAddresses = addresses.map(\.description)
    }

    public nonisolated var heartbeatCounts: HeartbeatCounts { ear.withLedger { $0.counts } }

    /// For the controller's report.
    var heartbeatTarget: HeartbeatTarget? {
        heartbeatAddresses.isEmpty ? nil : HeartbeatTarget(addresses: heartbeatAddresses, key: ear.key)
    }

    /// Before every look at the store.
    func noteHeartbeats() {
        guard settings.planted != .heartbeatsUnheard else { return }
        let since = now - DirectHeartbeat.hold
        for sender in ear.withLedger({ $0.heard(since: since) }) {
            liveness.heard(sender.worker, incarnation: sender.incarnation, at: sender.at)
        }
    }
}
