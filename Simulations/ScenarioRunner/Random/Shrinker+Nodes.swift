/// Servers, hosts and devices: each goes with everything that hangs on it.
extension Shrinker {
    mutating func removeServers(_ best: inout Scenario) {
        for name in best.servers.map(\.name).reversed() {
            var candidate = best
            candidate.removeServer(name)
            _ = accept(candidate, &best)
        }
    }

    mutating func removeHosts(_ best: inout Scenario) {
        for name in best.network.hosts.map(\.name).reversed()
        where best.network.hosts.contains(where: { $0.name == name }) {
            var candidate = best
            candidate.removeHost(name)
            _ = accept(candidate, &best)
        }
    }

    /// Takes NATs, firewalls and routers out of the way; what was behind them moves up.
    mutating func removeDevices(_ best: inout Scenario) {
        for name in best.network.deviceNames.reversed() {
            var candidate = best
            candidate.removeDevice(name)
            if accept(candidate, &best) { continue }
            if best.events.contains(where: { $0.place == name }), moveEvents(from: name, &best) { continue }
            // It cannot go; something in front of it may.
            candidate = best
            candidate.network.setBehind("", of: name)
            _ = accept(candidate, &best)
        }
    }

    /// Lets what happens to a device happen to another of its kind, and takes it out.
    private mutating func moveEvents(from name: String, _ best: inout Scenario) -> Bool {
        let kinds = [
            best.network.nats.map(\.name), best.network.firewalls.map(\.name), best.network.routers.map(\.name),
        ]
        for other in kinds.first(where: { $0.contains(name) }) ?? [] where other != name {
            var candidate = best
            candidate.network.remove(name)
            for index in candidate.events.indices where candidate.events[index].place == name {
                candidate.events[index].place = other
            }
            if accept(candidate, &best) { return true }
        }
        return false
    }

    /// Lets a host do what another one does, and takes the other out.
    mutating func joinHosts(_ best: inout Scenario) {
        let names = best.machines
        for name in names.reversed() {
            for other in names where other != name && best.machines.contains(name) && best.machines.contains(other) {
                var candidate = best
                for call in candidate.calls.indices {
                    for side in [\Call.from, \Call.to] where candidate.calls[call][keyPath: side].host == name {
                        candidate.calls[call][keyPath: side].host = other
                    }
                }
                for index in candidate.servers.indices where candidate.servers[index].host == name {
                    candidate.servers[index].host = other
                }
                for index in candidate.events.indices where candidate.events[index].place == name {
                    candidate.events[index].place = other
                }
                candidate.removeHost(name)
                _ = accept(candidate, &best)
            }
        }
    }
}

extension Scenario {
    mutating func removeServer(_ name: String) {
        servers.removeAll { $0.name == name }
        for call in calls.indices {
            for side in [\Call.from, \Call.to] {
                calls[call][keyPath: side].stun.removeAll { $0 == name }
                calls[call][keyPath: side].turn.removeAll { $0 == name }
            }
        }
    }

    /// With its further links, its servers, its calls, and what happens to it.
    mutating func removeHost(_ name: String) {
        let links = network.hosts.filter { $0.linkOf == name }.map(\.name)
        network.hosts.removeAll { $0.name == name || $0.linkOf == name }
        for server in servers.filter({ $0.host == name }).map(\.name) { removeServer(server) }
        for call in calls.filter({ $0.from.host == name || $0.to.host == name }).map(\.name) { removeCall(call) }
        events.removeAll { $0.place == name || links.contains($0.place) }
    }

    mutating func removeCall(_ name: String) {
        guard let call = calls.first(where: { $0.name == name }) else { return }
        calls.removeAll { $0.name == name }
        events.removeAll { event in
            guard event.what == .iceRestart else { return false }
            let isBusy = calls.contains { $0.from.host == event.place || $0.to.host == event.place }
            return event.call == name || !isBusy && [call.from.host, call.to.host].contains(event.place)
        }
    }

    mutating func removeDevice(_ name: String) {
        network.remove(name)
        events.removeAll { $0.place == name }
    }
}

extension Topology {
    var deviceNames: [String] { nats.map(\.name) + firewalls.map(\.name) + routers.map(\.name) }

    /// Takes a device out; what is behind it is then where it was.
    mutating func remove(_ name: String) {
        let behind =
            nats.first { $0.name == name }?.behind ?? firewalls.first { $0.name == name }?.behind
            ?? routers.first { $0.name == name }?.behind ?? ""
        nats.removeAll { $0.name == name }
        firewalls.removeAll { $0.name == name }
        routers.removeAll { $0.name == name }
        for index in nats.indices where nats[index].behind == name { nats[index].behind = behind }
        for index in firewalls.indices where firewalls[index].behind == name { firewalls[index].behind = behind }
        for index in routers.indices where routers[index].behind == name { routers[index].behind = behind }
        for index in hosts.indices where hosts[index].behind == name { hosts[index].behind = behind }
    }

    mutating func setBehind(_ behind: String, of name: String) {
        for index in nats.indices where nats[index].name == name { nats[index].behind = behind }
        for index in firewalls.indices where firewalls[index].name == name { firewalls[index].behind = behind }
        for index in routers.indices where routers[index].name == name { routers[index].behind = behind }
    }
}
