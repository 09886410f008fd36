import Wire

/// Failures that need luck: one packet of thousands is lost at the worst moment. Whatever is cut then changes what is
/// drawn, and the failure is gone although the cut has nothing to do with it. So cuts are tried with other seeds too.
extension Shrinker {
    /// Seeds that every cut is tried with; a failure that is rarer stays larger than it need be.
    private static let seeds: ClosedRange<UInt64> = 1...100
    /// Runs that show whether chance has a part in it.
    private static let samples: ClosedRange<UInt64> = 1001...1010

    mutating func reseed(_ best: inout Scenario) {
        guard needsLuck(best) else { return }
        for cut in Self.single(best) + best.simpler {
            for seed in Self.seeds {
                guard canGoOn else { return }
                var candidate = cut
                candidate.seed = seed
                if accept(candidate, &best) { return }
            }
        }
    }

    private mutating func needsLuck(_ best: Scenario) -> Bool {
        Self.samples.contains { seed in
            var other = best
            other.seed = seed
            return !fails(other)
        }
    }
}
