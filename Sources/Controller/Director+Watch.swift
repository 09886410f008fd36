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
            for change in liveness.observe(pulses, now: now) { await take(change) }
        } catch {
            liveness.storeFailed()
            if wasReachable { logger.warning("workers cannot be watched", metadata: ["error": "\(error)"]) }
            return
        }
        for (worker, spared) in unmarked.sorted(by: { $0.key < $1.key }) { await markLost(worker, sparing: spared) }
    }

    private func take(_ change: WorkerLiveness.Change) async {
        switch change {
        case .joined(let worker, let incarnation):
            wantsReports = true
            logger.info("worker joined", metadata: ["worker": "\(worker)", "incarnation": "\(incarnation)"])
            // Whatever its name held under another incarnation died before we looked.
            await markLost(worker, sparing: incarnation)
        case .died(let worker, let incarnation):
            counters.workersDied += 1
            logger.error("worker died", metadata: ["worker": "\(worker)", "incarnation": "\(incarnation ?? "-")"])
            await markLost(worker, sparing: nil)
        case .restarted(let worker, let old, let new):
            wantsReports = true
            counters.workersDied += 1
            logger.error("worker restarted", metadata: ["worker": "\(worker)", "from": "\(old)", "to": "\(new)"])
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
                    "sessions lost", metadata: ["worker": "\(worker)", "count": "\(report.lost.count)"])
            }
        } catch {
            unmarked[worker] = .some(spared)
        }
    }

    // MARK: Chores

    /// Work for the store that nobody waits for. Apart from the watch, which must not be held up.
    func doChores() async {
        var nextSearch = clock.now().advanced(by: settings.orphanInterval)
        var nextDrain = clock.now()
        while !Task.isCancelled {
            if liveness.isStoreReachable {
                if wantsReports {
                    wantsReports = false
                    _ = await workers()
                }
                if nextDrain <= clock.now() {
                    await endDrains()
                    nextDrain = clock.now().advanced(by: settings.drainInterval)
                }
                await releaseClosed()
                closeEndpoints()
                await writeSpecifications()
                if nextSearch <= clock.now() {
                    await closeOrphans()
                    nextSearch = clock.now().advanced(by: settings.orphanInterval)
                }
            }
            try? await clock.sleep(settings.lookInterval)
        }
    }

    private func releaseClosed() async {
        for (session, assignment) in unreleased.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            guard liveness.isStoreReachable, !Task.isCancelled else { return }
            unreleased[session] = nil
            // Opened again meanwhile: then it is in use.
            if units[session] != nil { continue }
            if let assignment {
                await dismiss(session, assignment)
            } else if let record = try? await store.session(session), record.assignment.controller == id {
                await dismiss(session, record.assignment)
            }
        }
    }

    private func writeSpecifications() async {
        let dirty = units.filter { $0.value.isDirty && $0.value.isServing }.map(\.key)
            .sorted { $0.rawValue < $1.rawValue }.prefix(Limits.writesPerRound)
        for name in dirty {
            guard let unit = units[name], let assignment = unit.assignment else { continue }
            do throws(StoreError) {
                try await store.write(unit.specification, of: name, epoch: assignment.epoch)
            } catch {
                switch error {
                case .unavailable: return
                // The store lost its data; the worker will put the record back, and we what it is made of.
                case .notFound: continue
                default: break
                }
            }
            if units[name]?.assignment == assignment, units[name]?.specification == unit.specification {
                units[name]?.isDirty = false
            }
        }
    }

    /// Closes sessions of ours that we have not known for two searches in a row.
    private func closeOrphans() async {
        guard let assignments = try? await store.assignments() else { return }
        let unknown = assignments.filter {
            ($0.controller == id || settings.planted == .orphansOfOthers) && units[$0.session] == nil
        }
        for assignment in unknown where suspectedOrphans.contains(assignment.session) {
            logger.notice("closing a session that nobody knows", metadata: ["session": "\(assignment.session)"])
            await dismiss(assignment.session, assignment)
        }
        suspectedOrphans = Set(unknown.map(\.session))
    }
}
