import Session

/// The sessions that this worker holds, and the fence in front of them: pure bookkeeping.
struct HeldSessions {
    struct Held {
        var epoch: Epoch
        var controller: ControllerID
        var reactor: Int
    }

    enum Admission: Equatable {
        /// Go on, on this reactor.
        case admitted(reactor: Int)
        /// The session came back under a higher epoch: close what is held on this reactor first.
        case renewed(reactor: Int)
        case refused(Refusal)
    }

    /// Longer than a controller goes on to believe that a session is its own after another has ended it.
    static let memory = Duration.seconds(60)
    static let rememberedEndings = 1024

    private(set) var sessions: [SessionID: Held] = [:]
    /// The epochs of those that have ended here, for what comes late under a lower one; and when, the oldest first.
    private var ended: [SessionID: Epoch] = [:]
    private var endings: [(session: SessionID, epoch: Epoch, at: ContinuousClock.Instant)] = []
    private var perReactor: [Int]
    private let limit: Int
    private let ignoresEpochs: Bool

    /// - Parameter ignoresEpochs: a planted bug.
    init(reactors: Int, limit: Int, ignoresEpochs: Bool = false) {
        perReactor = Array(repeating: 0, count: reactors)
        self.ignoresEpochs = ignoresEpochs
        self.limit = limit
    }

    subscript(session: SessionID) -> Held? { sessions[session] }

    var count: Int { sessions.count }

    /// Whether a command under `epoch` may touch `session`; a session seen first is taken in on the
    /// reactor with the fewest, a shard of one on a reactor that has none of its session's, if there is one.
    /// - Parameter attends: the command is the one by which a controller takes the session over from another one.
    mutating func admit(
        _ session: SessionID, epoch: Epoch, controller: ControllerID, attends: Bool = false,
        now: ContinuousClock.Instant
    ) -> Admission {
        if let held = sessions[session] {
            if epoch < held.epoch, !ignoresEpochs {
                return .refused(
                    Refusal(.staleEpoch, "session \(session) is held under epoch \(held.epoch), not \(epoch)"))
            }
            if epoch == held.epoch, controller != held.controller, !attends {
                return .refused(
                    Refusal(.staleEpoch, "session \(session) is at controller \(held.controller) now"))
            }
            sessions[session] = Held(epoch: epoch, controller: controller, reactor: held.reactor)
            return epoch > held.epoch ? .renewed(reactor: held.reactor) : .admitted(reactor: held.reactor)
        }
        forgetEndings(now)
        if let last = ended[session], epoch < last, !ignoresEpochs {
            return .refused(
                Refusal(.staleEpoch, "session \(session) has ended here under epoch \(last); \(epoch) is older"))
        }
        guard sessions.count < limit else {
            return .refused(Refusal(.overLimit, "this worker holds \(limit) sessions already; try again later"))
        }
        let kin = shardsPerReactor(of: session.base)
        let reactor = perReactor.indices.min { (kin[$0], perReactor[$0]) < (kin[$1], perReactor[$1]) } ?? 0
        perReactor[reactor] += 1
        sessions[session] = Held(epoch: epoch, controller: controller, reactor: reactor)
        return .admitted(reactor: reactor)
    }

    /// A session that a reactor took over from the process before.
    mutating func restore(_ session: SessionID, epoch: Epoch, controller: ControllerID, reactor: Int) {
        guard sessions[session] == nil else { return drop(session) }
        perReactor[reactor] += 1
        sessions[session] = Held(epoch: epoch, controller: controller, reactor: reactor)
    }

    private func shardsPerReactor(of base: SessionID) -> [Int] {
        var counts = Array(repeating: 0, count: perReactor.count)
        for index in 0..<Limits.shardsPerSession {
            if let held = sessions[base.shard(index)] { counts[held.reactor] += 1 }
        }
        return counts
    }

    /// The session has ended; the reactor that holds it, if it was held. Its epoch is remembered for a while.
    mutating func remove(_ session: SessionID, now: ContinuousClock.Instant) -> Int? {
        guard let held = sessions[session] else { return nil }
        drop(session)
        if endings.count >= Self.rememberedEndings { forgetEndings(now, keeping: Self.rememberedEndings - 1) }
        ended[session] = max(ended[session] ?? held.epoch, held.epoch)
        endings.append((session, held.epoch, now))
        return held.reactor
    }

    private mutating func drop(_ session: SessionID) {
        guard let held = sessions.removeValue(forKey: session) else { return }
        perReactor[held.reactor] -= 1
    }

    private mutating func forgetEndings(_ now: ContinuousClock.Instant, keeping most: Int = .max) {
        var count = max(0, endings.count - most)
        while count < endings.count, endings[count].at.advanced(by: Self.memory) <= now { count += 1 }
        guard count > 0 else { return }
        // What ended again since then is remembered for that.
        for ending in endings[..<count] where ended[ending.session] == ending.epoch { ended[ending.session] = nil }
        endings.removeFirst(count)
    }

    /// What a fresh registration tells the store, by session name.
    func assignments(worker: WorkerID, incarnation: String) -> [Assignment] {
        sessions.sorted { $0.key.rawValue < $1.key.rawValue }.map { session, held in
            Assignment(
                session: session, worker: worker, incarnation: incarnation, epoch: held.epoch,
                controller: held.controller)
        }
    }
}
