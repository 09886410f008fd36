import Foundation
import ScenarioRunner
import Simulator
import Testing
import Wire

@Suite struct InvariantTests {
    @Test(arguments: 0..<4) func randomScenariosKeepTheInvariants(_ part: UInt64) throws {
        for seed in (1 + part * 10)...(10 + part * 10) {
            let outcome = try #require(Soak.run(seed: seed), "seed \(seed) gives a scenario")
            #expect(outcome.failure == nil, "seed \(seed): \(outcome.failure?.violation.text ?? "")")
        }
    }

    @Test func theSameSeedIsTheSameRunToTheByte() throws {
        var options = ScenarioRun.Options()
        options.keepsEntries = true
        let scenario = try Scenario(yaml: ScenarioFileTests.text("Simulations/Scenarios/lossy-wifi.yaml"))
        let logs = try [UInt64(5), 5, 6].map { seed in
            let report = try ScenarioRun(scenario, seed: seed, options: options).run()
            return (TextLog.render(report), report.replayHash)
        }
        #expect(logs[0] == logs[1])
        #expect(logs[0] != logs[2] && logs[0].1 != logs[2].1)
    }

    @Test func keepingEntriesAndWatchingChangeNothing() throws {
        let scenario = Scenario.random(seed: 12)
        var bare = ScenarioRun.Options()
        bare.checksInvariants = false
        var full = ScenarioRun.Options()
        full.keepsEntries = true
        let first = try ScenarioRun(scenario, options: bare).run()
        let second = try ScenarioRun(scenario, options: full).run()
        #expect(first.replayHash == second.replayHash)
    }

    /// Fails when a certain NAT is there and a certain event happens, whatever else there is.
    private final class Planted: Watch {
        func afterEvent(_ run: ScenarioRun) {
            let hasNAT = run.scenario.network.nats.contains { $0.settings.filtering == .addressAndPortDependent }
            let event = run.scenario.events.first { $0.what == .natRebinding }
            guard hasNAT, let event, run.now >= Instant.origin + event.at, !run.sides.isEmpty else { return }
            run.violate(.planted, "the NAT and the event came together")
        }
    }

    private func plantedFailure(_ scenario: Scenario) -> Instant? {
        var options = ScenarioRun.Options()
        options.watches = [Planted()]
        guard let run = try? ScenarioRun(scenario, options: options) else { return nil }
        return run.run().violations.first { $0.invariant == .planted }?.time
    }

    @Test func aPlantedFaultIsCutDownToWhatItNeeds() throws {
        let seed = try #require((UInt64(1)...300).first { seed in
            let scenario = Scenario.random(seed: seed)
            return scenario.events.count > 6 && scenario.duration < .seconds(150) && scenario.network.nats.count > 1
                && scenario.events.contains { $0.what == .natRebinding }
                && scenario.network.nats.contains { $0.settings.filtering == .addressAndPortDependent }
        })
        let large = Scenario.random(seed: seed)
        try #require(plantedFailure(large) != nil)
        var tries = 0
        var shrinker = Shrinker(progress: { progress in
            tries = progress.runs
            return true
        }) { plantedFailure($0) }
        // What it needs is found early; the rest would only show that luck has no further part in it.
        shrinker.limit = 160
        let small = shrinker.shrink(large)
        #expect(plantedFailure(small) != nil)
        #expect(small.network.nats.count == 1 && small.network.firewalls.isEmpty && small.network.routers.isEmpty)
        #expect(small.events.count == 1 && small.events[0].what == .natRebinding)
        #expect(small.calls.count == 1 && small.servers.isEmpty && small.network.hosts.count == 2)
        var plain = NATSettings()
        plain.filtering = .addressAndPortDependent
        #expect(small.network.nats[0].settings == plain)
        #expect(small.network.hosts.allSatisfy { $0.link == LinkSettings() && $0.up == nil && $0.behind.isEmpty })
        #expect(small.duration <= small.events[0].at + .seconds(1))
        #expect(tries <= 160)
        let again = try Scenario(yaml: small.yaml)
        #expect(again == small)
    }

    /// Fails where things hold that no single cut undoes: of two events either both are there or
    /// none, and two delays are equal.
    private final class Tangled: Watch {
        func afterEvent(_ run: ScenarioRun) {
            let scenario = run.scenario
            let pauses = scenario.events.count { $0.what == .hostPause }
            let delays = Set(scenario.network.hosts.prefix(2).map(\.link.delay))
            guard pauses != 1, delays.count == 1, !run.sides.isEmpty else { return }
            guard scenario.events.contains(where: { $0.what == .natRebinding }) else { return }
            run.violate(.planted, "they came together")
        }
    }

    @Test func pairsThatHoldEachOtherAreCutTogether() throws {
        let seed = try #require((UInt64(1)...2000).first { seed in
            let scenario = Scenario.random(seed: seed)
            return scenario.duration < .seconds(150) && scenario.calls.count > 1
                && scenario.events.contains { $0.what == .natRebinding }
                && scenario.network.nats.count > 1 && scenario.network.firewalls.count > 0
                && scenario.events.count { $0.what == .hostPause } == 2
        })
        var large = Scenario.random(seed: seed)
        large.network.hosts[0].link.delay = .milliseconds(7)
        large.network.hosts[1].link.delay = .milliseconds(7)
        func failure(_ scenario: Scenario) -> Instant? {
            var options = ScenarioRun.Options()
            options.watches = [Tangled()]
            guard let run = try? ScenarioRun(scenario, options: options) else { return nil }
            return run.run().violations.first { $0.invariant == .planted }?.time
        }
        var tries = 0
        var shrinker = Shrinker(progress: { progress in
            tries = progress.runs
            return true
        }) { failure($0) }
        let small = shrinker.shrink(large)
        #expect(failure(small) != nil)
        #expect(small.events.map(\.what) == [.natRebinding])
        #expect(small.network.nats.count == 1 && small.network.firewalls.isEmpty && small.network.routers.isEmpty)
        #expect(small.network.nats[0].settings == NATSettings() && small.servers.isEmpty && small.calls.count == 1)
        #expect(small.network.hosts.count == 2)
        #expect(small.network.hosts.allSatisfy { $0.link == LinkSettings() && $0.behind.isEmpty })
        #expect(tries < 1500)
    }

    @Test func aFailureThatNeedsLuckIsCutDownToo() throws {
        // One in eight scenarios has bad luck, whatever is in it: a cut alone is likely to lose that.
        func failure(_ scenario: Scenario) -> Instant? {
            var luck = FNV1a()
            luck.add(Array(scenario.yaml.utf8))
            let isNeeded = scenario.events.contains { $0.what == .natRebinding }
            let isValid = (try? scenario.check()) != nil
            return isNeeded && isValid && (luck.value >> 20) % 8 == 0 ? .origin : nil
        }
        let seed = try #require((UInt64(1)...2000).first { seed in
            let scenario = Scenario.random(seed: seed)
            return failure(scenario) != nil && scenario.events.count > 4
        })
        var shrinker = Shrinker { failure($0) }
        let small = shrinker.shrink(Scenario.random(seed: seed))
        #expect(failure(small) != nil)
        #expect(small.events.map(\.what) == [.natRebinding] && small.network.nats.count == 1)
        #expect(small.calls.isEmpty && small.servers.isEmpty && small.network.hosts.isEmpty)
        #expect(small.network.firewalls.isEmpty && small.network.routers.isEmpty)
        #expect(small.network.nats[0].settings == NATSettings() && small.network.nats[0].link == LinkSettings())
    }

    @Test func aPathWithoutAnswersIsSeen() throws {
        // A watch that is told of a path which the agent does not have would be blind to the real fault too.
        var scenario = try Scenario(yaml: ScenarioFileTests.text("Simulations/Scenarios/home-nat-to-server.yaml"))
        scenario.expectations = []
        scenario.duration = .seconds(60)
        scenario.events = [Incident(.linkDown, at: .seconds(5), place: "browser")]
        let run = try ScenarioRun(scenario)
        let report = run.run()
        #expect(report.violations.isEmpty)
        let states = report.calls[0].from.states.map(\.state)
        #expect(states.last == .failed && states.contains(.completed), "consent ran out")
        let failed = try #require(report.calls[0].from.states.last?.time)
        #expect(failed <= Instant.origin + .seconds(36) && failed > Instant.origin + .seconds(30))
    }

    @Test func aLongCallRenewsWhatItsRelayGrants() throws {
        let scenario = try Scenario(yaml: ScenarioFileTests.text("Simulations/Scenarios/long-relayed-call.yaml"))
        let report = try ScenarioRun(scenario).run()
        #expect(report.isGood)
        // Two clients, each with the other's address as a peer: after four, eight and twelve minutes, and after nine.
        #expect(report.counts["relay: allocation renewed", default: 0] >= 2)
        #expect(report.counts["relay: permission renewed", default: 0] >= 4)
        #expect(report.counts["relay: channel renewed", default: 0] >= 2)
    }
}
