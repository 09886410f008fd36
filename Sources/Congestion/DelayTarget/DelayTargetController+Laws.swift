import Wire

extension DelayTargetController {
    mutating func react(to digest: FeedbackDigest, elapsed: Double) {
        let now = digest.now
        switch state {
        case .steady:
            noteMarks(digest, elapsed: elapsed)
            rate *= inherentLoss.update(digest)
            guard !isOverused(digest, elapsed: elapsed) else { return startDrain(now) }
            if now >= quietUntil {
                follow(elapsed)
            } else {
                previousQueue = delay.queue + marks * Self.markedQueue
            }
            considerDip(now)
        case .draining(let since, let capacity, let queue):
            drain(since: since, capacity: capacity, queue: queue, digest)
        case .dipping(let until):
            if now >= until { endDip(now) }
        case .competing(let since, let reducedAt):
            compete(digest, since: since, reducedAt: reducedAt, elapsed: elapsed)
        }
    }

    // MARK: Steady

    /// The law: `rate` grows by −k₁·∫error − k₂·Δqueue, relatively. The gains fall with the loop's delay, so that long
    /// round trips do not swing; they do not move the point where flows meet.
    private mutating func follow(_ elapsed: Double) {
        let queue = delay.queue + marks * Self.markedQueue
        let error = min(max(queue - delayTarget, -Self.largestError), Self.largestError)
        let gain = min(Self.largestGain, Self.gainPerDelay / (baseRoundTrip.value + Self.loopDelay))
        // A queue far above the target is for a drain; the law must not take twice what it gives back once it is gone.
        let limit = delayTarget + Self.largestError
        let step = min(queue, limit) - min(previousQueue, limit)
        previousQueue = queue
        var change = -gain * gain / 4 * error * elapsed - gain * step
        change -= fairnessPull(queue, elapsed: elapsed)
        change += accelerate(queue, elapsed: elapsed)
        change = min(max(change, -Self.largestStep), Self.largestStep)
        if change > 0 { change = min(change, roomToGrow) }
        rate *= RealMath.exp(change)
    }

    private mutating func fairnessPull(_ queue: Double, elapsed: Double) -> Double {
        let before = averageQueue ?? delayTarget
        let average = before + (queue - before) * min(elapsed / Self.fairnessAverage, 1)
        averageQueue = average
        let fair = weight * Self.queuedBits / max(average - targetOffset, 0.001)
        // A queue too short to be measured says nothing of who is too fast.
        let most = average - targetOffset > Self.leastQueue * 3 / 2 ? 0.7 : 0
        let distance = min(max(RealMath.log(rate / fair), -0.7), most)
        return Self.fairnessGain * distance * elapsed
    }

    /// An empty queue says that there is more to have than the law dares to take, and all the more so below the rate
    /// that there was before the last drain.
    private mutating func accelerate(_ queue: Double, elapsed: Double) -> Double {
        slowQueue += (queue - slowQueue) * elapsed / (elapsed + Self.growthAverage)
        let isRecovering = rate < Self.recoveryShare * remembered
        let share = isRecovering ? Self.recoveryQueueShare : Self.growthShare
        let limit = targetOffset + max(share * (delayTarget - targetOffset), Self.leastEmptiness)
        guard max(queue, slowQueue) < limit else {
            // Our own growth filled it: this is all there is. A jump is somebody else's, who may go again.
            if isRecovering, emptyFor > 0 { remembered = isJumping ? remembered * Self.recoveryDoubt : rate }
            emptyFor = 0
            growth = 0
            if slowQueue > delayTarget { isStarting = false }
            return 0
        }
        emptyFor += elapsed
        if isRecovering { return Self.recoveryGrowth * elapsed }
        guard isStarting || emptyFor > Self.growthPatience + baseRoundTrip.value else { return 0 }
        let first = isStarting ? Self.startGrowth : Self.firstGrowth
        growth = min(max(growth + Self.growthStep * elapsed, first), Self.largestGrowth)
        return growth * elapsed
    }

    /// A rate that the source does not use proves nothing: no growth far above what arrives.
    private var roomToGrow: Double {
        guard let rates = delivery.rates(over: .milliseconds(500)) else { return 0.1 }
        let limit = min(1.5 * rates.received + 20_000, max(allocation, bounds.lowerBound))
        return max(limit / rate - 1, 0)
    }

    /// Marks count as a queue of their own (RFC 8698 section 4.2 does the same): flows with equal shares of marks then
    /// meet at equal rates, whatever their round trips are.
    private mutating func noteMarks(_ digest: FeedbackDigest, elapsed: Double) {
        guard !digest.received.isEmpty else { return }
        var marked = 0.0
        for index in digest.received.indices where digest.received[index].isCE { marked += 1 }
        let share = marked / Double(digest.received.count)
        marks += (share - marks) * elapsed / (elapsed + Self.markAverage)
    }

    // MARK: Draining

    private mutating func isOverused(_ digest: FeedbackDigest, elapsed: Double) -> Bool {
        let target = delayTarget
        let excess = delay.latestQueue - target
        if excess > Self.collapse, let rates = delivery.rates(over: .milliseconds(180)),
            rates.received < Self.collapseShare * rates.sent
        {
            return true
        }
        guard delay.queue > target + Self.overuse, excess > Self.overuse else {
            self.excess = 0
            return false
        }
        self.excess += excess * elapsed
        return self.excess > Self.overuseArea
    }

    private mutating func startDrain(_ now: Instant) {
        let delivered = delivery.rates(over: .milliseconds(120))?.received ?? rate / 2
        let capacity = max(min(delivered, rate), bounds.lowerBound)
        state = .draining(since: now, capacity: capacity, queue: delay.latestQueue)
        remembered = isJumping ? max(rate, remembered * Self.recoveryDoubt) : 0
        rate = min(rate, capacity * Self.afterDrain)
        growth = 0
        emptyFor = 0
        excess = 0
        isStarting = false
    }

    /// Less the longer the queue is.
    @inline(__always)
    var drainFactor: Double {
        let excess = delay.latestQueue - delayTarget / 2
        return min(max(1 - excess / Self.drainTime, Self.drainFloor), 0.9)
    }

    private mutating func drain(since: Instant, capacity: Double, queue: Double, _ digest: FeedbackDigest) {
        let now = digest.now
        let spent = (now - since).seconds
        let current = delay.latestQueue
        if current < delayTarget { return endDrain(now) }
        // Short transfers do not fill so long a queue: the link itself carries less.
        if current > Self.collapsedQueue { remembered = 0 }
        // What left before and comes while the queue stands shows what the link gives us.
        if current > Self.competitorQueue, let departure = digest.lastDeparture, departure < since,
            let rates = delivery.rates(over: .milliseconds(150))
        {
            let capacity = max(min(rates.received, capacity), bounds.lowerBound)
            state = .draining(since: since, capacity: capacity, queue: queue)
            rate = min(rate, capacity * Self.afterDrain)
        }
        let patience = max(Self.drainPatience, 4 * (baseRoundTrip.value + queue))
        guard spent > patience else { return }
        if lowestQueue.value > max(Self.competitorQueue, queue / 2) {
            startCompetition(capacity: capacity, now)
        } else if spent > 2 * patience {
            endDrain(now)
        }
    }

    private mutating func endDrain(_ now: Instant) {
        state = .steady
        quietUntil = now + .nanoseconds(Int64((baseRoundTrip.value + 0.1) * 1e9))
        averageQueue = nil
        excess = 0
        delay.isFrozen = false
        competitionPause = Self.firstCompetition
    }

    // MARK: Competing

    private mutating func startCompetition(capacity: Double, _ now: Instant) {
        state = .competing(since: now, reducedAt: now)
        delay.isFrozen = true
        rate = max(rate, capacity * Self.afterDrain)
    }

    /// One segment more per round trip, a quarter less on loss: TCP's way (RFC 5681 section 3.1), a little gentler.
    private mutating func compete(_ digest: FeedbackDigest, since: Instant, reducedAt: Instant, elapsed: Double) {
        let now = digest.now
        guard lowestQueue.value > Self.competitionEnd else { return endDrain(now) }
        guard now - since < competitionPause else {
            // Two of our kind would compete with each other for ever.
            competitionPause = min(competitionPause * 3 / 2, Self.longestCompetition)
            return startDrain(now)
        }
        let roundTrip = max(baseRoundTrip.value + delay.queue, 0.02)
        if !digest.lost.isEmpty, (now - reducedAt).seconds > roundTrip {
            state = .competing(since: since, reducedAt: now)
            rate *= Self.competitionDecrease
        } else {
            // TCPs of today (CUBIC, RFC 9438) grow faster the longer nothing is lost.
            let patience = min(1 + (now - reducedAt).seconds / Self.competitionTime, Self.competitionHaste)
            let step = weight * patience * Self.segmentBits / (roundTrip * roundTrip) * elapsed
            rate += min(step, rate * roomToGrow)
        }
    }

    // MARK: Dipping and probing

    private mutating func considerDip(_ now: Instant) {
        guard now - emptyAt > dipPause else { return }
        state = .dipping(until: now + Self.dipLength)
        emptyAt = now
        dipPause = Self.dipPause + .milliseconds(Int64(random.next() % 4_000))
    }

    mutating func endDip(_ now: Instant) {
        state = .steady
        previousQueue = delay.queue + marks * Self.markedQueue
        quietUntil = now + .nanoseconds(Int64((baseRoundTrip.value + 0.2) * 1e9))
    }

    /// A source that limits itself never shows what the path carries beyond: a train does, now and then (libwebrtc's
    /// probe of the application-limited region, which its screen sharing uses).
    mutating func considerProbe(_ now: Instant) {
        guard let since = applicationLimit.startedAt, now - max(since, probedAt) > Self.probePause else { return }
        // Five whole packets on a narrow path would be a queue of their own.
        guard rate > Self.leastProbed, rate < Self.probeShare * allocation,
            delay.queue < emptyThreshold + Self.leastEmptiness
        else { return }
        probedAt = now
        probes.request(min(2 * rate, allocation), conditions, now: now)
    }

    mutating func takeProbes(_ digest: FeedbackDigest) {
        var result: Double?
        for index in digest.received.indices {
            let packet = digest.received[index]
            result = probeEstimator.add(packet) ?? result
        }
        if result != nil { probes.noteResult() }
        guard let result, case .steady = state, delay.latestQueue < delayTarget + Self.overuse else { return }
        rate = max(rate, min(result * Self.probeShare, max(allocation, bounds.lowerBound)))
    }
}
