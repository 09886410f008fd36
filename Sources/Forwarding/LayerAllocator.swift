/// Shares what a path carries among the videos that it is to carry: which layers each gets.
///
/// Two passes in the order of priority, as mediasoup's: first the lowest layer of each video, then one step more for
/// one after the other, a video of priority n taking up to n steps in its turn. What does not even get its lowest
/// layer is paused.
struct LayerAllocator {
    /// A choice of layers and what it takes.
    struct Rung: Hashable, BitwiseCopyable {
        var spatial: UInt8
        var temporal: UInt8
        /// bit/s on the wire.
        var rate: UInt64
    }

    /// One video, with its choices by rising rate.
    struct Demand {
        static let capacity = 16
        private var rungs = InlineArray<16, Rung>(repeating: Rung(spatial: 0, temporal: 0, rate: 0))
        private(set) var count = 0
        /// 1 or more; the larger, the earlier and the more.
        var priority: Int
        /// The rung that it gets; -1 when it is paused.
        fileprivate(set) var choice = -1

        init(priority: Int = 1) { self.priority = max(priority, 1) }

        subscript(index: Int) -> Rung { rungs[index] }

        /// A rung that takes no more than the one before replaces it.
        mutating func append(_ rung: Rung) {
            while count > 0, rungs[count - 1].rate >= rung.rate { count -= 1 }
            guard count < Self.capacity else { return }
            rungs[count] = rung
            count += 1
        }

        var highest: Rung? { count > 0 ? rungs[count - 1] : nil }

        /// The highest rung that is no more than a former choice, -1 when even the lowest is more.
        func index(ofAtMost rung: Rung) -> Int {
            var index = count - 1
            while index >= 0 {
                let candidate = rungs[index]
                if (candidate.spatial, candidate.temporal) == (rung.spatial, rung.temporal) { return index }
                if candidate.spatial <= rung.spatial, candidate.temporal <= rung.temporal { return index }
                index -= 1
            }
            return -1
        }
    }

    /// Sets every demand's choice. Demands come in the order of priority, the highest first.
    static func allocate(_ demands: inout [Demand], budget: UInt64) {
        var left = budget
        for index in demands.indices {
            demands[index].choice = -1
            guard demands[index].count > 0, demands[index][0].rate <= left else { continue }
            demands[index].choice = 0
            left -= demands[index][0].rate
        }
        var isGrowing = true
        while isGrowing {
            isGrowing = false
            for index in demands.indices {
                for _ in 0..<demands[index].priority {
                    guard raise(&demands[index], &left) else { break }
                    isGrowing = true
                }
            }
        }
    }

    private static func raise(_ demand: inout Demand, _ left: inout UInt64) -> Bool {
        guard demand.choice >= 0, demand.choice + 1 < demand.count else { return false }
        let step = demand[demand.choice + 1].rate - demand[demand.choice].rate
        guard step <= left else { return false }
        left -= step
        demand.choice += 1
        return true
    }
}
