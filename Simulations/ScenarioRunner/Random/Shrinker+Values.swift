import STUN
import Wire

/// The duration, and single values.
extension Shrinker {
    /// Ends right after the invariant broke, and rounds that up.
    mutating func shorten(_ best: inout Scenario) {
        for divisor: Int64 in [1_000_000_000, 100_000_000, 1_000_000] {
            guard let time = failure(best) else { return }
            var candidate = best
            let nanoseconds = Int64(clamping: time.nanoseconds)
            candidate.duration = Interval(nanoseconds: (nanoseconds / divisor + 1) * divisor)
            candidate.events.removeAll { $0.at > candidate.duration }
            if candidate.duration < best.duration { _ = accept(candidate, &best) }
        }
        // What is only judged at the end breaks at any end.
        while best.duration > .seconds(1), canGoOn {
            var candidate = best
            let seconds = best.duration.nanoseconds / 2_000_000_000
            candidate.duration = .seconds(max(seconds, 1))
            candidate.events.removeAll { $0.at > candidate.duration }
            guard candidate.calls.allSatisfy({ $0.start < candidate.duration }), accept(candidate, &best) else {
                return
            }
        }
    }

    mutating func simplify(_ best: inout Scenario) {
        var isBetter = true
        while isBetter, canGoOn {
            isBetter = false
            // After a step the others are those of what is left; what was tried is not run again.
            for candidate in best.simpler where accept(candidate, &best) {
                isBetter = true
                break
            }
        }
        roundTimes(&best)
    }

    /// Times of events to whole seconds, where that does not matter.
    mutating func roundTimes(_ best: inout Scenario) {
        for index in best.events.indices {
            var candidate = best
            candidate.events[index].at = Self.rounded(candidate.events[index].at)
            candidate.events[index].duration = candidate.events[index].duration.map(Self.rounded)
            guard candidate.events[index].at <= candidate.duration else { continue }
            _ = accept(candidate, &best)
        }
    }

    private static func rounded(_ interval: Interval) -> Interval {
        .seconds(max((interval.nanoseconds + 500_000_000) / 1_000_000_000, 1))
    }

    /// One step towards a NAT that lets everything through.
    mutating func openNATs(_ best: inout Scenario) {
        for index in best.network.nats.indices {
            while canGoOn {
                var steps: [Scenario] = []
                let settings = best.network.nats[index].settings
                if let weaker = Self.before(settings.mapping) {
                    steps.append(best)
                    steps[steps.count - 1].network.nats[index].settings.mapping = weaker
                }
                if let weaker = Self.before(settings.filtering) {
                    steps.append(best)
                    steps[steps.count - 1].network.nats[index].settings.filtering = weaker
                }
                guard let next = steps.first(where: { fails($0) }) else { break }
                best = next
            }
        }
    }

    private static func before<Value: CaseIterable & Equatable>(_ value: Value) -> Value? {
        let all = Array(Value.allCases)
        guard let index = all.firstIndex(of: value), index > 0 else { return nil }
        return all[index - 1]
    }
}
