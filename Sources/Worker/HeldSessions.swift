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

    private(set) var sessions: [SessionID: Held] = [:]
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
        _ session: SessionID, epoch: Epoch, controller: ControllerID, attends: Bool = false
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
        if remove(session) != nil { return }
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

    /// Forgets the session; the reactor that holds it, if it was held.
    mutating func remove(_ session: SessionID) -> Int? {
        guard let held = sessions.removeValue(forKey: session) else { return nil }
        perReactor[held.reactor] -= 1
        return held.reactor
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
