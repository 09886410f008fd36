import DTLS
import ICE
import RTP
import SDP
import Synchronization
import Wire

/// One run of the load generator: everybody joins, a window is measured, everybody leaves.
///
/// The report is of what was measured, also when ``interrupt()`` ended it early.
public final class LoadRun: Sendable {
    public let plan: LoadPlan
    private let signaling: any LoadSignaling
    let gate = JoinGate()
    private let isInterrupted = Mutex(false)

    /// Throws ``LoadError`` for a plan out of its ranges.
    public init(plan: LoadPlan, signaling: any LoadSignaling) throws(LoadError) {
        try plan.check()
        self.plan = plan
        self.signaling = signaling
    }

    /// Ends the run as soon as possible: a window that is open closes now, everybody leaves.
    public func interrupt() {
        isInterrupted.withLock { $0 = true }
        gate.cancel()
    }

    /// Runs it.
    ///
    /// - Parameters:
    ///   - progress: called about once a second, and at each change of phase.
    ///   - windowChanged: called when the window opens (true) and closes (false), for measurements beside it.
    /// - Throws: ``LoadError`` when a publisher cannot come in or no thread can be started. Subscribers that cannot
    ///   are in the report.
    public func run(
        progress: @Sendable (LoadProgress) -> Void = { _ in },
        windowChanged: @Sendable (Bool) async -> Void = { _ in }
    ) async throws -> LoadReport {
        let stage = try LoadStage(plan, gate: gate)
        do {
            let report = try await run(on: stage, progress: progress, windowChanged: windowChanged)
            await leave(stage)
            return report
        } catch {
            await leave(stage)
            throw error
        }
    }

    private func run(
        on stage: LoadStage, progress: @Sendable (LoadProgress) -> Void, windowChanged: @Sendable (Bool) async -> Void
    ) async throws -> LoadReport {
        for number in 0..<plan.publishers {
            guard !hasEnded else { break }
            progress(stage.progress(.joining))
            try await joinPublisher(number, on: stage)
        }
        await joinSubscribers(on: stage, progress: progress)
        guard !hasEnded else { return stage.report(isInterrupted: true) }
        await wait(plan.warmup, .warmingUp, stage, progress)
        guard !hasEnded else { return stage.report(isInterrupted: true) }

        await windowChanged(true)
        let start = LoadClock.now + .milliseconds(20)
        stage.openWindow(start)
        await wait(plan.duration + .milliseconds(20), .measuring, stage, progress)
        let end = LoadClock.now + .milliseconds(20)
        stage.closeWindow(end)
        try? await Task.sleep(for: .milliseconds(40))
        await windowChanged(false)
        await wait(Limits.flushTime, .flushing, stage, { _ in }, endsEarly: false)
        return await stage.finish(seconds: (end - start).seconds, isInterrupted: hasEnded)
    }

    var hasEnded: Bool { Task.isCancelled || isInterrupted.withLock { $0 } }

    private func wait(
        _ time: Interval, _ phase: LoadProgress.Phase, _ stage: LoadStage, _ progress: (LoadProgress) -> Void,
        endsEarly: Bool = true
    ) async {
        let end = LoadClock.now + time
        var next = LoadClock.now
        while LoadClock.now < end, !(endsEarly && hasEnded) {
            if LoadClock.now >= next {
                progress(stage.progress(phase))
                next = next + .seconds(1)
            }
            let left = min((end - LoadClock.now).nanoseconds, 50_000_000)
            guard left > 0 else { return }
            do { try await Task.sleep(for: .nanoseconds(left)) } catch { if endsEarly { return } else { continue } }
        }
    }

    // MARK: Joining

    private func joinPublisher(_ number: Int, on stage: LoadStage) async throws {
        let attempt = try await attempt(.publisher(number), on: stage)
        switch attempt {
        case .joined: return
        case .failed(let reason):
            guard !hasEnded else { return }
            throw LoadError("publisher \(number) does not come in: \(reason)")
        }
    }

    private func joinSubscribers(on stage: LoadStage, progress: @Sendable (LoadProgress) -> Void) async {
        let count = plan.subscribers + plan.rogues
        await withTaskGroup(of: Void.self) { group in
            var next = 0
            var running = 0
            var lastProgress = LoadClock.now
            while next < count || running > 0 {
                while next < count, running < plan.joinsInFlight, !hasEnded {
                    let number = next
                    group.addTask {
                        let outcome = try? await self.attempt(.subscriber(number), on: stage)
                        guard number < self.plan.subscribers else { return }
                        stage.note(outcome ?? .failed("no socket"))
                    }
                    next += 1
                    running += 1
                }
                guard running > 0 else { return }
                await group.next()
                running -= 1
                if LoadClock.now - lastProgress >= .seconds(1) {
                    lastProgress = LoadClock.now
                    progress(stage.progress(.joining))
                }
            }
        }
    }

    /// Brings one client in, again when the server says that a refusal may pass, and keeps it in.
    private func attempt(_ role: ClientNegotiation.Role, on stage: LoadStage) async throws -> JoinOutcome {
        let (outcome, member) = try await join(role, on: stage)
        if plan.followsReconnects, case .joined = outcome, let member {
            stage.keep(Task { await self.follow(member, on: stage) })
        }
        return outcome
    }

    /// - Parameter former: whose place it takes, and what the server said about that.
    func join(
        _ role: ClientNegotiation.Role, after former: (member: Member, notice: SessionNotice?)? = nil,
        on stage: LoadStage
    ) async throws -> (JoinOutcome, Member?) {
        let began = LoadClock.now
        var reason = "no attempt"
        for try_ in 0..<Limits.joinAttempts {
            guard !hasEnded else { return (.failed("interrupted"), nil) }
            if try_ > 0 { stage.noteRetry() }
            let draft = try stage.draft(role)
            do {
                let session = try await enter(draft, role, after: former)
                stage.keep(session, of: draft)
                let member = Member(
                    role: role, draft: draft, session: session, person: former?.member.person ?? draft.id,
                    generation: (former?.member.generation ?? -1) + 1)
                guard let client = draft.negotiation.result else {
                    return (.failed("signalling negotiated nothing"), member)
                }
                stage.add(draft, client, after: former?.member)
                return (await gate.outcome(of: draft.id, began: began), member)
            } catch let retry as SignalingRetry {
                reason = retry.description
                try? await Task.sleep(for: .nanoseconds(retry.delay.nanoseconds))
            } catch {
                return (.failed("\(error)"), nil)
            }
        }
        return (.failed(reason), nil)
    }

    private func enter(
        _ draft: ClientDraft, _ role: ClientNegotiation.Role, after former: (member: Member, notice: SessionNotice?)?
    ) async throws -> any SignaledSession {
        if let former {
            return try await signaling.rejoin(draft.negotiation, after: former.member.session, former.notice)
        }
        return switch role {
        case .publisher(let number): try await signaling.publish(draft.negotiation, number: number)
        case .subscriber(let number): try await signaling.subscribe(draft.negotiation, number: number)
        }
    }

    /// Everybody leaves: the server is told, transports say goodbye, threads end.
    private func leave(_ stage: LoadStage) async {
        await stage.stopFollowing()
        stage.stopPublishing()
        let sessions = stage.takeSessions()
        // Not cancelled with the run: a server that is not told keeps the clients for a while.
        await Task.detached { [plan] in
            await withTaskGroup(of: Void.self) { group in
                var iterator = sessions.makeIterator()
                for _ in 0..<plan.joinsInFlight {
                    guard let session = iterator.next() else { break }
                    group.addTask { await session.close() }
                }
                while await group.next() != nil {
                    guard let session = iterator.next() else { continue }
                    group.addTask { await session.close() }
                }
            }
        }.value
        await stage.stop()
    }
}
