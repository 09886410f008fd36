import Logging
import Session
import Store

// Which workers live, and what is to be done when one does not.
extension Director {
    func watch() async {
        while !Task.isCancelled {
            await look()
            try? await clock.sleep(settings.lookInterval)
        }
    }

    private func look() async {
        let wasReachable = liveness.isStoreReachable
        do throws(StoreError) {
            let pulses = try await store.pulses()
            draining = Set(pulses.filter(\.isDraining).map(\.id))
            noteHeartbeats()
            for change in liveness.observe(pulses, now: now) { await take(change) }
        } catch {
            liveness.storeFailed()
            if wasReachable {
                logger.warning(
                    "the store is away; workers cannot be watched",
                    metadata: ["event": "store_away", "error": "\(error)"])
            }
            return
        }
        if !wasReachable, hasSeenStore {
            logger.notice("the store is back", metadata: ["event": "store_back"])
        }
        hasSeenStore = true
        // Decided before the store went away: whoever lives has joined again until then, which takes its mark away.
        guard liveness.isSettled(now) else { return }
        for (worker, spared) in unmarked.sorted(by: { $0.key < $1.key }) {
            await markLost(worker, sparing: spared)
        }
    }

    private func take(_ change: WorkerLiveness.Change) async {
        switch change {
        case .joined(let worker, let incarnation):
            wantsReports = true
            logger.info(
                "worker joined",
                metadata: ["event": "worker_joined", "worker": "\(worker)", "incarnation": "\(incarnation)"])
            // Whatever its name held under another incarnation died before we looked.
            await markLost(worker, sparing: incarnation)
        case .died(let worker, let incarnation):
            counters.workersDied += 1
            logger.error(
                "worker died",
                metadata: ["event": "worker_lost", "worker": "\(worker)", "incarnation": "\(incarnation ?? "-")"])
            await markLost(worker, sparing: nil)
        case .restarted(let worker, let old, let new):
            wantsReports = true
            counters.workersDied += 1
            logger.error(
                "worker restarted",
                metadata: ["event": "worker_restarted", "worker": "\(worker)", "from": "\(old)", "to": "\(new)"])
            await markLost(worker, sparing: new)
        case .faded(let worker):
            try? await store.forget(worker)
        }
    }

    /// The store decides which sessions are lost: it knows who lives at the moment of marking.
    ///
    /// - Parameter spared: the incarnation that was seen alive. The store may have forgotten it since, by a failover.
    private func markLost(_ worker: WorkerID, sparing spared: String?) async {
        // Sessions placed from here on are on a living incarnation, whatever the answer says.
        let held = units.values.compactMap(\.assignment).filter { $0.worker == worker }
            .sorted { $0.session.rawValue < $1.session.rawValue }
        do throws(StoreError) {
            let report = try await store.markLost(worker, sparing: spared)
            unmarked[worker] = nil
            for assignment in held
            where assignment.incarnation != report.livingIncarnation && assignment.incarnation != spared {
                lose(assignment, Self.lossRefusal(assignment))
            }
            if !report.lost.isEmpty {
                logger.error(
                    "sessions lost",
                    metadata: ["event": "sessions_lost", "worker": "\(worker)", "count": "\(report.lost.count)"])
            }
        } catch {
            unmarked[worker] = .some(spared)
        }
    }

    // MARK: Chores

    /// Work for the store that nobody waits for. Apart from the watch, which must not be held up.
    func doChores() async {
        var nextSearch = clock.now()
        var nextDrain = clock.now()
        var nextNote = clock.now().advanced(by: .seconds(60))
        while !Task.isCancelled {
            if liveness.isStoreReachable {
                if wantsReports {
                    wantsReports = false
                    _ = await workers()
                }
                if nextDrain <= clock.now() {
                    await endDrains()
                    await noteDrained()
                    nextDrain = clock.now().advanced(by: settings.drainInterval)
                }
                await releaseClosed()
                closeEndpoints()
                await writeSpecifications()
                await attendLate()
                if nextSearch <= clock.now() {
                    await searchOrphans()
                    if nextNote <= clock.now() {
                        await noteAllPipes()
                        nextNote = clock.now().advanced(by: .seconds(60))
                    }
                    nextSearch = clock.now().advanced(by: searchInterval)
                }
            }
            try? await clock.sleep(settings.lookInterval)
        }
    }

    private func writeSpecifications() async {
        let dirty = units.lazy.filter { $0.value.isDirty && $0.value.isServing }.map(\.key)
            .sorted { $0.rawValue < $1.rawValue }.prefix(Limits.writesPerRound)
        for name in dirty {
            guard await writeSpecification(of: name) else { return }
        }
    }

    /// False when the store is away.
    func writeSpecification(of name: SessionID) async -> Bool {
        guard let unit = units[name], let assignment = unit.assignment else { return true }
        do throws(StoreError) {
            try await store.write(unit.specification, of: name, epoch: assignment.epoch)
        } catch {
            switch error {
            case .unavailable: return false
            // The store lost its data; the worker will put the record back, and we what it is made of.
            case .notFound: return true
            default: break
            }
        }
        if units[name]?.assignment == assignment, units[name]?.specification == unit.specification {
            units[name]?.isDirty = false
        }
        return true
    }
}
