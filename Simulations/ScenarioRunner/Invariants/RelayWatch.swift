import Simulator
import Wire

/// I11: an observer in front of each host with TURN servers.
final class RelayWatch: Watch {
    /// In the order of the hosts.
    private var observers: [(host: Int, observer: RelayObserver)]?

    func see(_ sight: Sight, _ run: ScenarioRun) {
        // What other programs of the host send is not relayed, and their sockets are known.
        guard sight.side == nil, let datagram = sight.entry.datagram else { return }
        var observers = self.observers ?? run.relayHosts.map { ($0.host, $0.observer) }
        self.observers = nil
        defer { self.observers = observers }
        guard let index = observers.firstIndex(where: { $0.host == sight.entry.host }) else { return }
        switch sight.entry.kind {
        case .delivered: observers[index].observer.receives(datagram, now: sight.entry.time)
        case .sent:
            guard !run.bindingServers.contains(datagram.source) else { return }
            observers[index].observer.sends(datagram, now: sight.entry.time)
        case .dropped, .signalled, .noted, .copied: return
        }
        for text in observers[index].observer.takeViolations() { run.violate(.relaying, text) }
    }

    func atEnd(_ run: ScenarioRun) {
        for (_, observer) in observers ?? [] {
            let counters = observer.counters
            for (name, count) in [
                ("allocation", counters.allocations), ("allocation renewed", counters.allocationRefreshes),
                ("permission", counters.permissions), ("permission renewed", counters.permissionRefreshes),
                ("channel", counters.channels), ("channel renewed", counters.channelRefreshes),
                ("datagram to a peer", counters.toPeers.datagrams),
                ("datagram to a client", counters.toClients.datagrams),
            ] where count > 0 { run.count("relay: \(name)", count) }
        }
    }
}
