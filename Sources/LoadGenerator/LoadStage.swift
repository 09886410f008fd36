import CLinux
import DTLS
import ICE
import RTP
import SDP
import Synchronization
import Wire

/// A client between its offer and its media thread.
struct ClientDraft: Sendable {
    let id: Int
    let socket: TrainSocket
    let negotiation: ClientNegotiation
    let isPublisher: Bool
    let rogue: RogueKind?
    let thread: Int
    let random: SeededRandom
}

/// The threads of a run, its open sessions and what is known of its joins.
final class LoadStage: Sendable {
    let plan: LoadPlan
    private let gate: JoinGate
    private let certificate: Certificate
    private let threads: [MediaThread]
    private let results: ResultBox
    private let state: Mutex<State>

    private struct State {
        var random: SeededRandom
        var nextID = 0
        /// By the ids of their clients.
        var sessions: [Int: any SignaledSession] = [:]
        var followers: [Task<Void, Never>] = []
        var reconnectTimes = LatencyHistogram()
        var report = LoadReport()
        var joinTimes = LatencyHistogram()
        var isPublished = 0
        var lastProgress: (time: Instant, counters: VerificationCounters)
        var server: ServerProcess.Sample?
    }

    init(_ plan: LoadPlan, gate: JoinGate) throws {
        self.plan = plan
        self.gate = gate
        _ = apus_raise_file_limit()
        certificate = try Certificate(srtpProfiles: plan.srtp.profiles)
        // Identifiers that a stranger must not guess come from the system; contents come from the plan's seed.
        var random = SeededRandom(seed: LoadClock.entropy())
        let settings = MediaSettings(
            plan, run: UInt32(truncatingIfNeeded: random.next()), certificate: certificate)
        let results = ResultBox(threads: plan.threads)
        self.results = results
        // A client that moves is there twice for a while.
        let copies = plan.followsReconnects ? 2 : 1
        let share = copies * ((plan.subscribers + plan.rogues) / plan.threads + 1)
        var threads: [MediaThread] = []
        for index in 0..<plan.threads {
            threads.append(
                try MediaThread(settings, index: index, capacity: share + (index == 0 ? copies * plan.publishers : 0)) {
                    Self.take($0, gate: gate, results: results)
                })
        }
        self.threads = threads
        state = Mutex(State(random: random, lastProgress: (LoadClock.now, VerificationCounters())))
    }

    private static func take(_ output: MediaOutput, gate: JoinGate, results: ResultBox) {
        switch output {
        case .connected(let id, let profile): results.connected(id, profile: profile, gate: gate)
        case .media(let id, let time): gate.resolve(id, at: time)
        case .failed(let id, let reason): gate.resolve(id, failure: reason)
        case .collected(let result): results.collected(result)
        case .stopped: results.stopped()
        }
    }

    // MARK: Clients

    /// A client with its socket, ready to negotiate.
    func draft(_ role: ClientNegotiation.Role) throws -> ClientDraft {
        let socket = try TrainSocket(binding: plan.address)
        return state.withLock { state in
            state.nextID += 1
            var random = state.random.split()
            let credentials = Credentials(random: &random)
            let layout: SectionLayout
            var rogue: RogueKind?
            var thread = 0
            var isPublisher = false
            switch role {
            case .publisher(let number):
                isPublisher = true
                layout = SectionLayout(
                    publishers: number..<(number + 1), video: plan.video, hasAudio: plan.hasAudio, isPublisher: true)
            case .subscriber(let number):
                if number >= plan.subscribers { rogue = plan.rogueKind }
                thread = number % plan.threads
                layout = SectionLayout(
                    publishers: plan.clip == nil ? plan.publishers(in: plan.room(ofSubscriber: number)) : 0..<1,
                    video: plan.video, hasAudio: plan.hasAudio, isPublisher: false)
            }
            let fingerprint = SDP.Fingerprint(
                algorithm: certificate.fingerprint.algorithm, value: certificate.fingerprint.value)
            let capabilities = layout.capabilities(
                ice: ICEParameters(ufrag: credentials.ufrag, password: credentials.password, trickles: false),
                fingerprint: fingerprint, random: &random)
            return ClientDraft(
                id: state.nextID, socket: socket,
                negotiation: ClientNegotiation(
                    role: role, address: socket.local, credentials: credentials, capabilities: capabilities,
                    layout: layout),
                isPublisher: isPublisher, rogue: rogue, thread: thread, random: random)
        }
    }

    /// Gives a negotiated client to its thread.
    func add(_ draft: ClientDraft, _ client: NegotiatedClient, after former: Member?) {
        if draft.isPublisher { results.expectPublisher(draft.id) }
        threads[draft.thread].send(
            .add(
                ClientSetup(
                    id: draft.id, socket: draft.socket, client: client, isPublisher: draft.isPublisher,
                    rogue: draft.rogue, random: draft.random, joinDeadline: LoadClock.now + Limits.joinTime,
                    replaces: former?.draft.id, person: former?.person ?? draft.id,
                    generation: (former?.generation ?? -1) + 1)))
        state.withLock { if draft.isPublisher, former == nil { $0.isPublished += 1 } }
    }

    /// The client's connection ends, on its side.
    func remove(_ draft: ClientDraft) {
        threads[draft.thread].send(.remove(draft.id))
        state.withLock { $0.sessions[draft.id] = nil }
    }

    func keep(_ session: any SignaledSession, of draft: ClientDraft) {
        state.withLock { $0.sessions[draft.id] = session }
    }

    func takeSessions() -> [any SignaledSession] {
        state.withLock { state in
            defer { state.sessions = [:] }
            return state.sessions.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    /// A task that keeps a client in.
    func keep(_ follower: Task<Void, Never>) { state.withLock { $0.followers.append(follower) } }

    func stopFollowing() async {
        let followers = state.withLock { state in
            defer { state.followers = [] }
            return state.followers
        }
        for follower in followers { follower.cancel() }
        for follower in followers { await follower.value }
    }

    func noteReconnect(hasMedia: Bool, took time: Interval?) {
        state.withLock { state in
            if hasMedia { state.report.reconnects.moved += 1 } else { state.report.reconnects.lost += 1 }
            guard let time else { return state.report.reconnects.failed += 1 }
            state.report.reconnects.succeeded += 1
            state.reconnectTimes.record(nanoseconds: UInt64(clamping: time.nanoseconds))
        }
    }

    func noteRetry() { state.withLock { $0.report.joins.retries += 1 } }

    /// The outcome of a witness.
    func note(_ outcome: JoinOutcome) {
        state.withLock { state in
            state.report.joins.attempted += 1
            switch outcome {
            case .joined(let time):
                state.report.joins.succeeded += 1
                state.joinTimes.record(nanoseconds: UInt64(clamping: time.nanoseconds))
            case .failed(let reason):
                state.report.joins.failed += 1
                let isKnown = state.report.joins.failures[reason] != nil
                let key = isKnown || state.report.joins.failures.count < Limits.failureTexts ? reason : "others"
                state.report.joins.failures[key, default: 0] += 1
            }
        }
    }

    // MARK: Phases

    func openWindow(_ start: Instant) {
        for thread in threads { thread.send(.openWindow(start)) }
        let sample = plan.serverProcess.flatMap { ServerProcess.sample(root: $0) }
        state.withLock { $0.server = sample }
    }

    func closeWindow(_ end: Instant) {
        for thread in threads { thread.send(.closeWindow(end)) }
        guard let root = plan.serverProcess, let sample = ServerProcess.sample(root: root) else { return }
        state.withLock { state in
            if let first = state.server { state.report.server = sample.since(first) }
        }
    }

    func stopPublishing() { for thread in threads { thread.send(.hush) } }

    /// Ends the threads and waits for them.
    func stop() async {
        for thread in threads { thread.send(.stop) }
        await results.waitUntilStopped()
    }

    // MARK: Reports

    func progress(_ phase: LoadProgress.Phase) -> LoadProgress {
        let snapshots = threads.map(\.snapshot)
        var counters = VerificationCounters()
        for snapshot in snapshots { counters += snapshot.counters }
        let now = LoadClock.now
        return state.withLock { state in
            var progress = LoadProgress(phase: phase)
            progress.publishers = state.isPublished
            progress.subscribers = state.report.joins.succeeded
            progress.failedJoins = state.report.joins.failed
            let elapsed = (now - state.lastProgress.time).seconds
            if elapsed > 0.1 {
                let before = state.lastProgress.counters
                progress.deliveredPerSecond = Double(counters.totalDelivered &- before.totalDelivered) / elapsed
                progress.deliveredBitsPerSecond = Double(counters.totalBytes &- before.totalBytes) * 8 / elapsed
                state.lastProgress = (now, counters)
            }
            progress.delivered = counters.totalDelivered
            progress.corrupt = counters.corrupt
            progress.misdelivered = counters.misdelivered
            progress.duplicated = counters.duplicated
            progress.threadLoad = snapshots.map(\.load).max() ?? 0
            progress.p99 = Double(snapshots.map(\.p99).max() ?? 0) / 1_000
            return progress
        }
    }

    /// What is known without a window.
    func report(isInterrupted: Bool) -> LoadReport {
        state.withLock { state in
            var report = state.report
            report.isInterrupted = isInterrupted
            report.publishers = plan.publishers
            report.subscribers = plan.subscribers
            report.rogues = plan.rogues
            report.joins.time = state.joinTimes.quantiles
            report.reconnects.time = state.reconnectTimes.quantiles
            report.srtpProfiles = results.profiles
            return report
        }
    }

    /// Collects from all threads.
    func finish(seconds: Double, isInterrupted: Bool) async -> LoadReport {
        for thread in threads { thread.send(.collect) }
        let parts = await results.waitForAll()
        var report = report(isInterrupted: isInterrupted)
        report.fill(parts, seconds: seconds, hasEncodings: plan.video == .simulcast)
        return report
    }
}

extension SRTPChoice {
    /// By OpenSSL's names.
    var profiles: String {
        switch self {
        case .gcm: "SRTP_AEAD_AES_128_GCM"
        case .sha1: "SRTP_AES128_CM_SHA1_80"
        case .any: "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_256_GCM"
        }
    }
}

/// What the media threads hand back.
final class ResultBox: Sendable {
    private struct State {
        var results: [ThreadResult] = []
        var running: Int
        var publishers: Set<Int> = []
        var profiles: [String: Int] = [:]
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state: Mutex<State>
    private let threads: Int

    init(threads: Int) {
        self.threads = threads
        state = Mutex(State(running: threads))
    }

    func expectPublisher(_ id: Int) { state.withLock { _ = $0.publishers.insert(id) } }

    /// A publisher has joined when it is connected, a subscriber when media has come.
    func connected(_ id: Int, profile: String, gate: JoinGate) {
        let isPublisher = state.withLock { state in
            state.profiles[profile, default: 0] += 1
            return state.publishers.contains(id)
        }
        if isPublisher { gate.resolve(id, at: LoadClock.now) }
    }

    var profiles: [String: Int] { state.withLock { $0.profiles } }

    func collected(_ result: ThreadResult) {
        resume { $0.results.append(result) }
    }

    func stopped() {
        resume { $0.running -= 1 }
    }

    private func resume(_ change: (inout State) -> Void) {
        let waiter = state.withLock { state in
            change(&state)
            guard state.results.count + (threads - state.running) >= threads else {
                return nil as CheckedContinuation<Void, Never>?
            }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// The results of all threads; those of threads that ended before are missing.
    func waitForAll() async -> [ThreadResult] {
        await wait { state, threads in state.results.count + (threads - state.running) >= threads }
        return state.withLock { state in
            defer { state.results = [] }
            return state.results
        }
    }

    func waitUntilStopped() async {
        await wait { state, _ in state.running == 0 }
    }

    private func wait(_ isDone: @Sendable (borrowing State, Int) -> Bool) async {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if isDone(state, threads) { return true }
                state.waiter = continuation
                return false
            }
            if isReady { continuation.resume() }
        }
    }
}
