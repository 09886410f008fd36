import Wire

/// Two things of which neither can go without the other: events that undo each other, a call and what it is behind.
extension Shrinker {
    /// Something that can be left out.
    private enum Cut {
        case event(Incident)
        case call(String)
        case server(String)
        case host(String)
        case device(String)
    }

    private static func cuts(_ scenario: Scenario) -> [Cut] {
        scenario.events.map { .event($0) } + scenario.calls.map { .call($0.name) }
            + scenario.servers.map { .server($0.name) } + scenario.network.hosts.map { .host($0.name) }
            + scenario.network.deviceNames.map { .device($0) }
    }

    private static func without(_ cuts: [Cut], _ scenario: Scenario) -> Scenario {
        var scenario = scenario
        for cut in cuts {
            switch cut {
            case .event(let event):
                if let index = scenario.events.firstIndex(of: event) { scenario.events.remove(at: index) }
            case .call(let name): scenario.removeCall(name)
            case .server(let name): scenario.removeServer(name)
            case .host(let name): scenario.removeHost(name)
            case .device(let name): scenario.removeDevice(name)
            }
        }
        return scenario
    }

    /// Without each thing alone.
    static func single(_ scenario: Scenario) -> [Scenario] { cuts(scenario).map { without([$0], scenario) } }

    /// Until one pair can go, which is where everything begins anew.
    mutating func removePairs(_ best: inout Scenario) {
        let cuts = Self.cuts(best)
        for first in cuts.indices {
            for second in cuts.indices.dropFirst(first + 1) {
                guard canGoOn else { return }
                if accept(Self.without([cuts[first], cuts[second]], best), &best) { return }
            }
        }
    }

    /// The values of two fields together, or of one whose other half is a thing that can go.
    mutating func simplifyPairs(_ best: inout Scenario) {
        let steps = best.simpler
        guard steps.count <= Self.pairedSteps else { return }
        for first in steps {
            for cut in Self.cuts(best) where accept(Self.without([cut], first), &best) { return }
            for second in first.simpler {
                guard canGoOn else { return }
                if accept(second, &best) { return }
            }
        }
    }

    /// With more the pairs are too many to try.
    private static let pairedSteps = 40
}
