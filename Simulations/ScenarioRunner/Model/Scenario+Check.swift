import Spelling
import Wire

// What only the whole of a scenario shows: names that lead nowhere, values that do not go together.

extension Scenario {
    /// Throws the first thing that is wrong. A scenario that passes can be run.
    public func check() throws(ScenarioError) {
        guard duration > .zero, duration <= Limits.duration else {
            throw ScenarioError("duration", "it must be longer than nothing and at most a day", fix: "Write `30 s`")
        }
        try checkCounts()
        _ = try Layout(self)
        try checkLinks()
        try checkServers()
        try checkCalls()
        for (index, event) in events.enumerated() { try check(event, "events[\(index)]") }
        for (index, expectation) in expectations.enumerated() { try check(expectation, "expect[\(index)]") }
    }

    private func checkCounts() throws(ScenarioError) {
        let counts: [(field: String, count: Int, limit: Int)] = [
            ("network.nats", network.nats.count, Limits.gateways),
            ("network.firewalls", network.firewalls.count, Limits.gateways),
            ("network.routers", network.routers.count, Limits.gateways),
            ("network.hosts", network.hosts.count, Limits.hosts), ("servers", servers.count, Limits.servers),
            ("calls", calls.count, Limits.calls), ("events", events.count, Limits.events),
            ("expect", expectations.count, Limits.expectations),
        ]
        for (path, count, limit) in counts where count > limit {
            throw ScenarioError(path, "\(count) are too many", fix: "Use at most \(limit)")
        }
    }

    static func checkName(_ name: String, _ path: String) throws(ScenarioError) {
        let isName =
            (1...Limits.nameCharacters).contains(name.utf8.count)
            && name.utf8.allSatisfy {
                ($0 | 0x20 >= UInt8(ascii: "a") && $0 | 0x20 <= UInt8(ascii: "z"))
                    || ($0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9")) || "-_".utf8.contains($0)
            }
        guard isName else {
            throw ScenarioError(
                "\(path).name", "`\(name)` is not a name",
                fix: "Use letters, digits, - and _, at most \(Limits.nameCharacters)")
        }
    }

    /// Hosts that are machines, and not links of one.
    var machines: [String] { network.hosts.filter(\.linkOf.isEmpty).map(\.name) }

    private func checkLinks() throws(ScenarioError) {
        for (index, host) in network.hosts.enumerated() where !host.linkOf.isEmpty {
            try Self.require(host.linkOf, in: machines, "network.hosts[\(index)].link_of", "host")
        }
    }

    private func checkServers() throws(ScenarioError) {
        let hosts = machines
        for (index, server) in servers.enumerated() {
            let path = "servers[\(index)]"
            try Self.checkName(server.name, path)
            guard !servers[..<index].contains(where: { $0.name == server.name }) else {
                throw ScenarioError("\(path).name", "two servers are called `\(server.name)`", fix: "Rename one")
            }
            try Self.require(server.host, in: hosts, "\(path).host", "host")
            guard server.port < .max else {
                throw ScenarioError("\(path).port", "the port after it is needed too", fix: "Write `port: 3478`")
            }
            let others = servers[..<index].filter { $0.host == server.host }
            guard server.tlsPort == nil || server.kind == .turn else {
                throw ScenarioError("\(path).tls_port", "a STUN server has none", fix: "Leave it out")
            }
            let isTaken = others.contains { other in
                server.ports.contains { port in other.ports.contains { abs(Int($0) - Int(port)) < 2 } }
            }
            guard !isTaken, server.tlsPort != server.port else {
                throw ScenarioError(
                    "\(path).port", "another server of `\(server.host)` has this port or the next",
                    fix: "Choose another")
            }
        }
    }

    private func checkCalls() throws(ScenarioError) {
        for (index, call) in calls.enumerated() {
            let path = "calls[\(index)]"
            try Self.checkName(call.name, path)
            guard !calls[..<index].contains(where: { $0.name == call.name }) else {
                throw ScenarioError("\(path).name", "two calls are called `\(call.name)`", fix: "Rename one")
            }
            for (name, side) in [("from", call.from), ("to", call.to)] {
                try Self.require(side.host, in: machines, "\(path).\(name).host", "host")
                for (number, server) in side.stun.enumerated() {
                    let names = servers.filter { $0.kind == .stun }.map(\.name)
                    try Self.require(server, in: names, "\(path).\(name).stun[\(number)]", "STUN server")
                }
                for (number, server) in side.turn.enumerated() {
                    let names = servers.filter { $0.kind == .turn }.map(\.name)
                    try Self.require(server, in: names, "\(path).\(name).turn[\(number)]", "TURN server")
                }
                guard side.turn.count <= Limits.serversPerSide else {
                    throw ScenarioError(
                        "\(path).\(name).turn", "these are too many", fix: "Use at most \(Limits.serversPerSide)")
                }
            }
            guard call.from.host != call.to.host else {
                throw ScenarioError("\(path).to.host", "both sides are on one host", fix: "Call another host")
            }
            guard !call.from.isLite || !call.to.isLite else {
                throw ScenarioError("\(path).to.lite", "both sides are lite, so that nobody checks", fix: "Drop one")
            }
            if let patience = call.restartAfterLoss, patience < .seconds(1) {
                throw ScenarioError(
                    "\(path).restart_after_loss", "it is shorter than a restart takes", fix: "Use at least `1 s`")
            }
            guard call.start < duration else {
                throw ScenarioError("\(path).start", "it is not before the end", fix: "Start before \(duration.text)")
            }
        }
    }

    private func check(_ expectation: Expectation, _ path: String) throws(ScenarioError) {
        let names = calls.map(\.name)
        if expectation.call.isEmpty {
            guard calls.count == 1 else {
                throw ScenarioError(path, "it does not say of which call", fix: "Add a line `call: …`")
            }
        } else {
            try Self.require(expectation.call, in: names, "\(path).call", "call")
        }
        for (index, kinds) in expectation.kinds.enumerated() {
            guard kinds.count == 2, kinds.allSatisfy({ "HSPR".contains($0) }) else {
                throw ScenarioError(
                    "\(path).kinds[\(index)]", "`\(kinds)` is not two of the letters H, S, P and R",
                    fix: "Write for example `HS`: the caller's own address, and one that a STUN server saw")
            }
        }
        guard (expectation.reconnectsAfter == nil) == (expectation.reconnectsWithin == nil) else {
            throw ScenarioError(
                path, "`reconnects_after` and `reconnects_within` need each other", fix: "Write both")
        }
        if let after = expectation.reconnectsAfter, let within = expectation.reconnectsWithin {
            guard after + within <= duration else {
                throw ScenarioError(
                    "\(path).reconnects_within", "it ends after the scenario", fix: "Make `duration` longer")
            }
        }
        if let link = expectation.leavesFrom {
            try Self.require(link, in: network.hosts.map(\.name), "\(path).leaves_from", "host")
        }
        guard expectation.result != .fail || (expectation.within == nil && expectation.kinds.isEmpty) else {
            throw ScenarioError(path, "what fails has neither kinds nor a time", fix: "Leave them out")
        }
    }

    static func require(_ name: String, in names: [String], _ path: String, _ noun: String) throws(ScenarioError) {
        guard !names.contains(name) else { return }
        throw ScenarioError(
            path, "there is no \(noun) called `\(name)`", fix: Spelling.hint(name, of: names, called: noun))
    }
}

// MARK: Events

extension Scenario {
    /// Where an event of a kind can happen.
    private func places(of kind: Incident.Kind) -> (names: [String], noun: String) {
        let nats = network.nats.map(\.name)
        let firewalls = network.firewalls.map(\.name)
        let hosts = network.hosts.map(\.name)
        switch kind {
        case .linkDown, .linkUp, .linkChange, .linkHold:
            return (hosts + nats + firewalls + network.routers.map(\.name), "host or device")
        case .natReboot, .natRebinding, .natAddress: return (nats, "NAT")
        case .blockUDP, .allowUDP, .firewallFlush: return (firewalls, "firewall")
        case .hostPause: return (machines, "host")
        case .iceRestart: return (calls.flatMap { [$0.from.host, $0.to.host] }, "host with a call")
        case .heal: return ([], "place")
        }
    }

    private func check(_ event: Incident, _ path: String) throws(ScenarioError) {
        guard event.at <= duration else {
            throw ScenarioError("\(path).at", "it is after the end", fix: "Use at most \(duration.text)")
        }
        let places = places(of: event.what)
        if event.what == .heal {
            guard event.place.isEmpty else {
                throw ScenarioError("\(path).where", "`heal` is for everything", fix: "Leave `where` out")
            }
        } else {
            try Self.require(event.place, in: places.names, "\(path).where", places.noun)
        }
        try checkParameters(event, path)
        if event.what == .iceRestart { try checkRestart(event, path) }
        if event.what == .natAddress {
            guard let address = event.address else {
                throw ScenarioError(
                    path, "`nat address` needs the new one", fix: "Add a line `address: 198.51.100.200`")
            }
            guard try !Layout(self).isTaken(address, outside: event.place) else {
                throw ScenarioError("\(path).address", "somebody has \(address)", fix: "Choose another")
            }
        }
    }

    private func checkRestart(_ event: Incident, _ path: String) throws(ScenarioError) {
        let own = calls.filter { [$0.from.host, $0.to.host].contains(event.place) }.map(\.name)
        if event.call.isEmpty {
            guard own.count == 1 else {
                throw ScenarioError(path, "`\(event.place)` has several calls", fix: "Add a line `call: \(own[0])`")
            }
        } else {
            try Self.require(event.call, in: own, "\(path).call", "call of \(event.place)")
        }
    }

    private func checkParameters(_ event: Incident, _ path: String) throws(ScenarioError) {
        let isLink = [.linkDown, .linkUp, .linkChange, .linkHold].contains(event.what)
        let isChange = event.what == .linkChange
        let canEnd = [.linkDown, .linkChange, .linkHold, .blockUDP, .hostPause].contains(event.what)
        let given: [(key: String, isGiven: Bool, isAllowed: Bool)] = [
            ("direction", event.direction != .both, isLink), ("for", event.duration != nil, canEnd),
            ("rate", event.rate != nil, isChange), ("delay", event.delay != nil, isChange),
            ("jitter", event.jitter != nil, isChange), ("loss", event.loss != nil, isChange),
            ("burst", event.burst != nil, isChange), ("address", event.address != nil, event.what == .natAddress),
            ("call", !event.call.isEmpty, event.what == .iceRestart),
        ]
        for (key, isGiven, isAllowed) in given where isGiven && !isAllowed {
            throw ScenarioError(
                "\(path).\(key)", "`\(event.what.rawValue)` has no `\(key)`", fix: "Leave it out")
        }
        if event.what == .hostPause || event.what == .linkHold, event.duration == nil {
            throw ScenarioError(path, "`\(event.what.rawValue)` needs its length", fix: "Add a line `for: 2 s`")
        }
        if event.what == .linkHold, event.at + (event.duration ?? .zero) > duration {
            throw ScenarioError("\(path).for", "the hold ends after the scenario", fix: "Make it shorter")
        }
        let hasChange = given.dropFirst(2).contains { $0.isGiven }
        if isChange, !hasChange {
            throw ScenarioError(path, "`link change` changes nothing", fix: "Add for example `loss: 20 %`")
        }
    }
}
