import Wire

// Links, and what can happen to them and to gateways meanwhile.

extension Network {
    private subscript(line: Line) -> Link {
        get {
            switch line {
            case .hostUp(let host): hosts[host].up
            case .hostDown(let host): hosts[host].down
            case .segmentUp(let segment): segments[segment].up
            case .segmentDown(let segment): segments[segment].down
            }
        }
        _modify {
            switch line {
            case .hostUp(let host): yield &hosts[host].up
            case .hostDown(let host): yield &hosts[host].down
            case .segmentUp(let segment): yield &segments[segment].up
            case .segmentDown(let segment): yield &segments[segment].down
            }
        }
    }

    /// Where a line leads.
    private func end(of line: Line) -> Place {
        switch line {
        case .hostUp(let host): .segment(hosts[host].segment)
        case .hostDown(let host): .host(host)
        case .segmentUp(let segment): .segment(segments[segment].parent ?? Self.internet)
        case .segmentDown(let segment): .gateway(segment)
        }
    }

    /// A packet enters a line.
    mutating func cross(_ line: Line, _ datagram: inout Datagram, now: Instant) -> Step {
        if let arrival = pass(line, now: now) { return .hop(end(of: line), arrival) }
        isPlainWay = false
        let outcome = self[line].send(&datagram, now: now)
        noteCall(line)
        return step(outcome, line)
    }

    /// The short way through a line that only delays: nil for others.
    private mutating func pass(_ line: Line, now: Instant) -> Instant? {
        switch line {
        case .hostUp(let host): hosts[host].up.pass(now: now)
        case .hostDown(let host): hosts[host].down.pass(now: now)
        case .segmentUp(let segment): segments[segment].up.pass(now: now)
        case .segmentDown(let segment): segments[segment].down.pass(now: now)
        }
    }

    private mutating func step(_ outcome: Link.Outcome, _ line: Line) -> Step {
        if self[line].behavior.corruption != .never { mayHaveChanged = true }
        switch outcome {
        case .dropped(let loss): return .dropped(.link(loss), at: .line(line))
        case .queued(let overflow):
            self.overflow = overflow
            return .queued(line)
        case .arrives(let time, let copy):
            let place = end(of: line)
            guard let copy else { return .hop(place, time) }
            return .hops(place, time, copy: copy)
        }
    }

    // MARK: Lines that let packets wait

    /// What leaves a line now, and what became of it.
    mutating func depart(_ line: Line, now: Instant) -> [(datagram: Datagram, step: Step)] {
        let departures = self[line].depart(now: now)
        noteCall(line)
        return departures.map { ($0.datagram, step($0.outcome, line)) }
    }

    private mutating func noteCall(_ line: Line) {
        if let time = self[line].takeCall() { calls.append(Call(line: line, time: time)) }
    }

    /// Lines that want ``depart(_:now:)`` and have not said so before.
    mutating func takeCalls() -> [Call] {
        guard !calls.isEmpty else { return [] }
        defer { calls = [] }
        return calls
    }

    // MARK: What can happen meanwhile

    public mutating func change(gatewayOf segment: Int, _ change: (inout Gateway) -> Void) {
        change(&segments[segment].gateway)
        forgetWays()
    }

    /// Changes one direction: a cut of only one, a hold and its release, another rate.
    public mutating func change(_ line: Line, _ change: (inout LinkBehavior) -> Void) {
        change(&self[line].behavior)
        forgetWays()
        noteCall(line)
    }

    /// Changes both directions.
    public mutating func change(linksOf host: Int, _ change: (inout LinkBehavior) -> Void) {
        self.change(.hostUp(host), change)
        self.change(.hostDown(host), change)
    }

    /// Changes both directions between a segment and its parent.
    public mutating func change(linksOfSegment segment: Int, _ change: (inout LinkBehavior) -> Void) {
        self.change(.segmentUp(segment), change)
        self.change(.segmentDown(segment), change)
    }

    /// A NAT or a firewall forgets everything: see ``NAT/reboot()``.
    public mutating func reboot(_ segment: Int) {
        change(gatewayOf: segment) { gateway in
            switch gateway {
            case .router: break
            case .nat(var nat):
                nat.reboot()
                gateway = .nat(nat)
            case .firewall(var firewall):
                firewall.flush()
                gateway = .firewall(firewall)
            }
        }
    }

    /// A NAT gives everybody another external endpoint: see ``NAT/rebind()``.
    public mutating func rebind(_ segment: Int) {
        change(gatewayOf: segment) { gateway in
            guard case .nat(var nat) = gateway else { return }
            nat.rebind()
            gateway = .nat(nat)
        }
    }
}
