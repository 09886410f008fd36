import Simulator
import Wire

/// I11: an observer in front of each host with TURN servers.
final class RelayWatch: Watch {
    private struct Post {
        let host: Int
        let process: HostProcess
        var observer: RelayObserver
        /// What came while the host stood still: its servers see it afterwards.
        var waiting: [(datagram: Datagram, read: Instant)] = []

        mutating func read(until now: Instant) {
            let due = waiting.prefix { $0.read <= now }
            guard !due.isEmpty else { return }
            for (datagram, time) in due { observer.receives(datagram, now: time) }
            waiting.removeFirst(due.count)
        }
    }

    /// In the order of the hosts.
    private var posts: [Post]?

    func see(_ sight: Sight, _ run: ScenarioRun) {
        // What other programs of the host send is not relayed, and their sockets are known.
        guard sight.side == nil, let datagram = sight.entry.datagram else { return }
        var posts =
            self.posts
            ?? run.relayHosts.map { Post(host: $0.host, process: $0.process, observer: $0.observer) }
        self.posts = nil
        defer { self.posts = posts }
        guard let index = posts.firstIndex(where: { $0.host == sight.entry.host }) else { return }
        let now = sight.entry.time
        posts[index].read(until: now)
        switch sight.entry.kind {
        case .delivered:
            posts[index].waiting.append((datagram, posts[index].process.readTime(now)))
            posts[index].read(until: now)
        case .sent:
            guard !run.bindingServers.contains(datagram.source) else { return }
            posts[index].observer.sends(datagram, now: now)
        case .dropped, .signalled, .noted, .copied: return
        }
        for text in posts[index].observer.takeViolations() { run.violate(.relaying, text) }
    }

    func atEnd(_ run: ScenarioRun) {
        for post in posts ?? [] {
            let counters = post.observer.counters
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
