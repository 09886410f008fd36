import RTP
import Wire

// Which layers the path to a peer has room for.

extension Router {
    /// Shares the path among the endpoint's videos when the estimate fell, or it is time.
    mutating func allocateLayers(of endpoint: Int, now: Instant) {
        guard let rate = sendSides[endpoint].rateToAllocate(now: now) else { return }
        var slots: [Int32] = []
        var demands: [LayerAllocator.Demand] = []
        for slot in steeredSubscribers(of: endpoint) {
            let demand = demand(of: Int(slot))
            guard demand.count > 0 else { continue }
            slots.append(slot)
            demands.append(demand)
        }
        let reserved = audioRate(of: endpoint)
        for slot in endpoints[endpoint].subscribers where subscribers[Int(slot)].kind == .audio {
            subscribers[Int(slot)].redundancyGate.note(path: rate, audio: reserved)
        }
        tellDemand(of: endpoint, demands, reserved, now: now)
        guard !demands.isEmpty else { return tellUse(of: endpoint, slots, demands, reserved, now: now) }
        let budget = rate > reserved ? rate - reserved : 0
        var careful = demands
        LayerAllocator.allocate(&demands, budget: budget)
        LayerAllocator.allocate(&careful, budget: UInt64(Double(budget) / Limits.upswitchHeadroom))
        for index in slots.indices {
            let slot = Int(slots[index])
            let isChanged = subscribers[slot].allowance.follow(
                demands[index], careful: careful[index], mayPause: pausesVideos, now: now)
            if isChanged { retarget(slot, now: now) }
        }
        tellUse(of: endpoint, slots, demands, reserved, now: now)
    }

    /// In the order in which they are served: by priority, then by section.
    private func steeredSubscribers(of endpoint: Int) -> [Int32] {
        let slots = endpoints[endpoint].subscribers.filter { isSteered(Int($0)) }
        guard slots.count > 1 else { return slots }
        return slots.indices.sorted { left, right in
            let (first, second) = (subscribers[Int(slots[left])].priority, subscribers[Int(slots[right])].priority)
            return first != second ? first > second : left < right
        }.map { slots[$0] }
    }

    /// Videos whose layers are ours to choose.
    private func isSteered(_ slot: Int) -> Bool {
        subscribers[slot].kind == .video && subscribers[slot].pin < 0 && subscribers[slot].publisher >= 0
    }

    /// What there is for a subscriber to get, within what its peer wants at most.
    ///
    /// Frames are left out of the smallest picture only: a larger one at a quarter of its frames takes less than the
    /// next smaller one at all of them, and looks worse.
    private func demand(of slot: Int) -> LayerAllocator.Demand {
        var demand = LayerAllocator.Demand(priority: Int(subscribers[slot].priority))
        let publisher = Int(subscribers[slot].publisher)
        let count = publishers[publisher].streamCount
        let spatialLimit =
            count > 1 ? highestRank(of: publisher, for: slot) : Int(subscribers[slot].spatialLimit)
        let temporalLimit = Int(subscribers[slot].temporalLimit)
        if count > 1 {
            for rank in 0..<count {
                let stream = Int(publishers[publisher].stream(ofRank: rank))
                // What is switched off counts by what it took when it came: else nobody would ever want it.
                let isThere = streams[stream].isAlive || streams[stream].sending.isAwaited(now: now)
                guard isThere, streams[stream].rates.isKnown else { continue }
                guard rank <= spatialLimit || demand.count == 0 else { break }
                let rates = streams[stream].rates
                let highest = min(rates.highestTemporal, temporalLimit)
                for temporal in (demand.count == 0 ? 0 : highest)...highest {
                    demand.append(
                        LayerAllocator.Rung(
                            spatial: UInt8(rank), temporal: UInt8(temporal),
                            rate: rates.rate(spatial: LayerRates.layers, temporal: temporal)))
                }
            }
        } else {
            let stream = Int(publishers[publisher].stream(ofRank: 0))
            guard streams[stream].rates.isKnown else { return demand }
            let rates = streams[stream].rates
            for spatial in 0...min(rates.highestSpatial, spatialLimit) {
                let highest = min(rates.highestTemporal, temporalLimit)
                for temporal in (spatial == 0 ? 0 : highest)...highest {
                    demand.append(
                        LayerAllocator.Rung(
                            spatial: UInt8(spatial), temporal: UInt8(temporal),
                            rate: rates.rate(spatial: spatial, temporal: temporal)))
                }
            }
        }
        return demand
    }

    /// Audio goes first: bit/s on the wire that the endpoint's audio takes.
    private func audioRate(of endpoint: Int) -> UInt64 {
        var sum: UInt64 = 0
        for slot in endpoints[endpoint].subscribers where subscribers[Int(slot)].kind == .audio {
            let stream = Int(subscribers[Int(slot)].current)
            guard stream >= 0 else { continue }
            sum += streams[stream].rates.rate(spatial: LayerRates.layers, temporal: LayerRates.layers)
        }
        return sum
    }

    /// What was chosen leaves at its own pace: only bursts wait.
    private mutating func tellUse(
        of endpoint: Int, _ slots: [Int32], _ demands: [LayerAllocator.Demand], _ reserved: UInt64, now: Instant
    ) {
        var sum = reserved
        for index in slots.indices { sum += subscribers[Int(slots[index])].allowance.rate(demands[index]) }
        sendSides[endpoint].setUse(sum, now: now)
    }

    /// Up to what the path is worth knowing.
    private mutating func tellDemand(
        of endpoint: Int, _ demands: [LayerAllocator.Demand], _ reserved: UInt64, now: Instant
    ) {
        var most = reserved
        var least = reserved
        for demand in demands {
            most += demand.highest?.rate ?? 0
            least += demand[0].rate
        }
        // Room for the headroom that an upswitch asks for.
        most = UInt64(Double(most) * Limits.upswitchHeadroom * Limits.upswitchHeadroom)
        sendSides[endpoint].setAllocation(maximum: most, minimum: least, now: now)
    }
}

/// What the path to its peer lets a subscriber have, and how it came to that.
struct LayerAllowance: BitwiseCopyable {
    private(set) var spatial = RewritingSpan.all
    private(set) var temporal = RewritingSpan.all
    private(set) var isPaused = false
    /// The path has had a say.
    private var isSteered = false
    /// Since when a higher choice would have fitted.
    private var fitsSince = Instant.origin
    private var proof = Limits.upswitchProof
    private var lastUpswitch = Instant.origin
    /// Since when not even the lowest layer fits, or it is paused; and how long the next pause is.
    private var starvedSince = Instant.origin
    /// The lowest layer is tried though the estimate is too low for it.
    private var isTrial = false
    private var pause = Limits.shortestPause

    /// Takes a new allocation: down at once, up after proof. True when that changes what is allowed.
    ///
    /// - Parameter careful: the same with ``Limits/upswitchHeadroom`` left over.
    mutating func follow(
        _ demand: LayerAllocator.Demand, careful: LayerAllocator.Demand, mayPause: Bool, now: Instant
    ) -> Bool {
        let held = isPaused ? -1 : demand.index(ofAtMost: current)
        if isSteered, max(demand.choice, 0) >= held {
            return rise(demand, careful.choice, from: held, mayPause, now: now)
        }
        if isSteered, lastUpswitch != .origin, now - lastUpswitch < Limits.upswitchTrial {
            proof = min(proof * 3 / 2, Limits.longestUpswitchProof)
        }
        fitsSince = .origin
        // With headroom, for a path that has just become worse may be worse than it seems: each switch is a key frame.
        return take(demand, max(isSteered ? careful.choice : demand.choice, 0))
    }

    private mutating func rise(
        _ demand: LayerAllocator.Demand, _ choice: Int, from held: Int, _ mayPause: Bool, now: Instant
    ) -> Bool {
        if mayPause, demand.count > 1 || isPaused, held <= 0, let isChanged = pauseOrResume(demand, now: now) {
            return isChanged
        }
        guard choice > held else {
            fitsSince = .origin
            return false
        }
        if fitsSince == .origin { fitsSince = now }
        guard now - fitsSince >= proof else { return false }
        if lastUpswitch != .origin, now - lastUpswitch >= Limits.upswitchTrial * 3 { proof = Limits.upswitchProof }
        lastUpswitch = now
        fitsSince = .origin
        return take(demand, choice)
    }

    /// The lowest of several layers is given up only after a while without room for it, and tried again after a longer
    /// one each time: where nothing is sent nothing is learned of the path. A video without layers is passed as it
    /// comes. Nil when neither is to be thought of.
    private mutating func pauseOrResume(_ demand: LayerAllocator.Demand, now: Instant) -> Bool? {
        if isPaused {
            guard demand.choice >= 0 || now - starvedSince >= pause else { return false }
            starvedSince = .origin
            isTrial = true
            return take(demand, 0)
        }
        guard demand.choice < 0 else {
            if isTrial { pause = Limits.shortestPause }
            isTrial = false
            starvedSince = .origin
            return nil
        }
        if starvedSince == .origin { starvedSince = now }
        guard now - starvedSince >= (isTrial ? Limits.pauseTrial : Limits.pauseProof) else { return false }
        isTrial = false
        starvedSince = now
        pause = min(pause * 3 / 2, Limits.longestPause)
        return take(demand, -1)
    }

    /// bit/s that what is allowed takes.
    func rate(_ demand: LayerAllocator.Demand) -> UInt64 {
        let index = isPaused ? -1 : demand.index(ofAtMost: current)
        return index >= 0 ? demand[index].rate : 0
    }

    private var current: LayerAllocator.Rung { LayerAllocator.Rung(spatial: spatial, temporal: temporal, rate: 0) }

    private mutating func take(_ demand: LayerAllocator.Demand, _ choice: Int) -> Bool {
        let before = (spatial, temporal, isPaused)
        isSteered = true
        isPaused = choice < 0
        if choice >= 0 {
            let isTop = choice == demand.count - 1
            spatial = isTop ? RewritingSpan.all : demand[choice].spatial
            temporal = isTop ? RewritingSpan.all : demand[choice].temporal
        }
        return before != (spatial, temporal, isPaused)
    }
}
