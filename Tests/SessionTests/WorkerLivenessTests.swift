import Session
import Testing
import Wire

/// A liveness table, a virtual clock, and workers whose heartbeats hold as they do in the store.
private struct LivenessWorld {
    var liveness = WorkerLiveness()
    var now = Instant.origin + .seconds(10)
    var lastHeartbeat: [WorkerID: (incarnation: String, at: Instant)] = [:]
    var listed: Set<WorkerID> = []
    var isStoreUp = true
    /// Workers that heartbeat.
    var running: [WorkerID: String] = [:]
    var changes: [(WorkerLiveness.Change, Instant)] = []
    /// Workers that are heard directly, and those of them whose way to the store is cut.
    var heard: [WorkerID: String] = [:]
    var cut: Set<WorkerID> = []

    mutating func run(_ interval: Interval) {
        let end = now + interval
        while now < end {
            now = now + .milliseconds(50)
            let tick = (now - Instant.origin).milliseconds
            if isStoreUp, tick % 250 == 0 {
                for (id, incarnation) in running where !cut.contains(id) {
                    lastHeartbeat[id] = (incarnation, now)
                    listed.insert(id)
                }
            }
            guard tick % 100 == 0 else { continue }
            for (id, incarnation) in heard { liveness.heard(id, incarnation: incarnation, at: now) }
            guard isStoreUp else {
                liveness.storeFailed()
                continue
            }
            let pulses = listed.map { id in
                let beat = lastHeartbeat[id]
                let holds = beat.map { now - $0.at < WorkerLiveness.timeToLive } ?? false
                return WorkerPulse(id: id, incarnation: holds ? beat?.incarnation : nil)
            }
            changes += liveness.observe(pulses, now: now).map { ($0, now) }
        }
    }

    var deaths: [WorkerID] {
        changes.compactMap { change, _ in if case .died(let id, _) = change { id } else { nil } }
    }
}

struct WorkerLivenessTests {
    private let w1 = WorkerID("w1")
    private let w2 = WorkerID("w2")

    @Test func aWorkerThatStopsIsDeadWithinOneSecondAndNotBeforeItsHeartbeatRanOut() throws {
        var world = LivenessWorld()
        world.running = [w1: "a", w2: "b"]
        world.run(.seconds(5))
        #expect(world.liveness.alive == [w1, w2])
        let stop = world.now
        world.running[w1] = nil
        world.run(.seconds(2))
        let (change, at) = try #require(world.changes.last)
        #expect(change == .died(w1, incarnation: "a"))
        #expect(at - stop < .seconds(1))
        #expect(at - stop >= .milliseconds(500))
        #expect(world.liveness.alive == [w2])
    }

    @Test func aStoreThatIsAwayForTenMinutesMakesNobodyLookDead() {
        var world = LivenessWorld()
        world.running = [w1: "a", w2: "b"]
        world.run(.seconds(5))
        world.isStoreUp = false
        world.run(.seconds(600))
        #expect(world.liveness.alive == [w1, w2])
        #expect(!world.liveness.isStoreReachable)
        world.isStoreUp = true
        world.run(.seconds(10))
        #expect(world.deaths.isEmpty)
        #expect(world.liveness.isStoreReachable)
    }

    @Test func aStoreThatIsBackIsTrustedAfterTheGrace() {
        var world = LivenessWorld()
        world.running = [w1: "a"]
        world.run(.seconds(5))
        #expect(world.liveness.isSettled(world.now))
        world.isStoreUp = false
        world.run(.seconds(1))
        #expect(!world.liveness.isSettled(world.now))
        world.isStoreUp = true
        world.run(.milliseconds(500))
        #expect(!world.liveness.isSettled(world.now))
        world.run(.seconds(3))
        #expect(world.liveness.isSettled(world.now))
    }

    @Test func aWorkerThatDiedWhileTheStoreWasAwayIsDeadAfterTheGrace() throws {
        var world = LivenessWorld()
        world.running = [w1: "a", w2: "b"]
        world.run(.seconds(5))
        world.isStoreUp = false
        world.run(.seconds(5))
        world.running[w1] = nil
        world.isStoreUp = true
        let back = world.now
        world.run(.seconds(5))
        #expect(world.deaths == [w1])
        let at = try #require(world.changes.last?.1)
        #expect(at - back >= .milliseconds(1900) && at - back <= .milliseconds(2300))
    }

    @Test func aSlowStoreThatNeverFailsMakesNobodyLookDeadEither() {
        var liveness = WorkerLiveness()
        let start = Instant.origin + .seconds(1)
        _ = liveness.observe([WorkerPulse(id: w1, incarnation: "a")], now: start)
        // The answer comes after a stall in which the heartbeat ran out.
        #expect(liveness.observe([WorkerPulse(id: w1, incarnation: nil)], now: start + .seconds(10)) == [])
        #expect(liveness.isAlive(w1))
    }

    @Test func looksThatAlwaysComeLateStillFindTheDeadInTheEnd() {
        var liveness = WorkerLiveness()
        var now = Instant.origin + .seconds(1)
        _ = liveness.observe([WorkerPulse(id: w1, incarnation: "a")], now: now)
        var changes: [WorkerLiveness.Change] = []
        for _ in 0..<10 {
            now = now + .milliseconds(600)
            changes += liveness.observe([WorkerPulse(id: w1, incarnation: nil)], now: now)
        }
        #expect(changes == [.died(w1, incarnation: "a")])
    }

    @Test func allDataLostIsNotAllWorkersDead() {
        var world = LivenessWorld()
        world.running = [w1: "a", w2: "b"]
        world.run(.seconds(5))
        world.listed = []
        world.lastHeartbeat = [:]
        world.run(.seconds(5))
        #expect(world.deaths.isEmpty)
        #expect(world.liveness.alive == [w1, w2])
    }

    @Test func aWorkerThatNeverReturnsAfterAllDataWasLostIsDead() {
        var world = LivenessWorld()
        world.running = [w1: "a", w2: "b"]
        world.run(.seconds(5))
        world.running[w1] = nil
        world.listed = []
        world.lastHeartbeat = [:]
        world.run(.seconds(5))
        #expect(world.deaths == [w1])
    }

    @Test func aNewIncarnationIsARestartEvenWhenNoHeartbeatWasMissed() {
        var world = LivenessWorld()
        world.running = [w1: "a"]
        world.run(.seconds(5))
        world.running = [w1: "b"]
        world.run(.seconds(1))
        #expect(world.changes.map(\.0) == [.joined(w1, incarnation: "a"), .restarted(w1, from: "a", to: "b")])
    }

    @Test func aWorkerFoundDeadAtTheStartIsDeclaredDeadAfterTheGraceAndFadesLater() {
        var world = LivenessWorld()
        world.listed = [w1]
        world.run(.seconds(1))
        #expect(world.changes.isEmpty)
        world.run(.seconds(3))
        #expect(world.changes.map(\.0) == [.died(w1, incarnation: nil)])
        world.run(.seconds(61))
        #expect(world.changes.map(\.0) == [.died(w1, incarnation: nil), .faded(w1)])
    }

    @Test func whoDiedLatelyIsExpectedBackAndNobodyElseWhoIsDead() {
        var world = LivenessWorld()
        world.listed = [w2]
        world.run(.seconds(1))
        #expect(!world.liveness.expectsWorkers(world.now), "never seen alive")
        world.running = [w1: "a"]
        world.run(.seconds(5))
        #expect(world.liveness.expectsWorkers(world.now))
        world.running = [:]
        world.run(.seconds(2))
        #expect(world.liveness.alive.isEmpty && world.liveness.expectsWorkers(world.now))
        world.run(.seconds(1))
        #expect(!world.liveness.expectsWorkers(world.now))
    }

    @Test func aWorkerMayReturnFromTheDead() {
        var world = LivenessWorld()
        world.running = [w1: "a"]
        world.run(.seconds(5))
        world.running = [:]
        world.run(.seconds(2))
        world.running = [w1: "a"]
        world.run(.seconds(2))
        #expect(
            world.changes.map(\.0) == [
                .joined(w1, incarnation: "a"), .died(w1, incarnation: "a"), .joined(w1, incarnation: "a"),
            ])
    }
}

@Test func aWorkerThatDiesSoonAfterTheWatchBeganIsStillKnownDeadWithinASecond() {
    var world = LivenessWorld()
    world.running = [WorkerID("w1"): "a"]
    world.run(.milliseconds(1_200))
    world.running = [:]
    let killed = world.now
    world.run(.seconds(1))
    let death = world.changes.first { $0.0 == .died(WorkerID("w1"), incarnation: "a") }
    #expect(death.map { $0.1 - killed <= .milliseconds(900) } == true)
}

/// Direct heartbeats.
struct DirectLivenessTests {
    private let w1 = WorkerID("w1")
    private let w2 = WorkerID("w2")

    private func world(heard: [WorkerID: String]) -> LivenessWorld {
        var world = LivenessWorld()
        world.running = [w1: "a", w2: "b"]
        world.heard = heard
        world.run(.seconds(5))
        return world
    }

    @Test func aWorkerThatIsHeardLivesWhateverTheStoreShows() {
        var world = world(heard: [w1: "a", w2: "b"])
        world.cut = [w1]
        world.run(.seconds(14))
        // And when the store has forgotten everybody.
        world.listed = []
        world.lastHeartbeat = [:]
        world.run(.seconds(14))
        #expect(world.deaths.isEmpty)
        #expect(world.liveness.alive == [w1, w2])
        // That changes nothing about how long.
        world.run(.seconds(10))
        #expect(world.deaths == [w1])
    }

    @Test func aStoreThatComesBackAtOnceWithoutItsLastSecondKillsNobodyWhoIsHeard() {
        var world = world(heard: [w1: "a"])
        // No look failed, so there is no grace; each heartbeat in it has run out.
        world.lastHeartbeat = world.lastHeartbeat.mapValues { ($0.incarnation, $0.at - .seconds(1)) }
        world.run(.milliseconds(100))
        #expect(world.deaths == [w2], "who is not heard is judged by the store")
        world.run(.seconds(2))
        #expect(world.liveness.alive == [w1, w2])
    }

    @Test func whoIsOutOfTheReachOfAStoreThatAnswersIsGivenUpInTheEnd() {
        var world = world(heard: [w1: "a", w2: "b"])
        world.cut = [w1]
        world.run(.seconds(29))
        // A store that answers nobody tells nothing of one worker: the time begins anew.
        world.isStoreUp = false
        world.run(.seconds(40))
        world.isStoreUp = true
        world.run(.seconds(29))
        #expect(world.deaths.isEmpty)
        world.run(.seconds(10))
        #expect(world.deaths == [w1])
        world.cut = []
        world.run(.seconds(2))
        #expect(world.liveness.alive == [w1, w2])
    }

    @Test func silenceAloneKillsNobody() {
        var world = world(heard: [w1: "a"])
        world.heard = [:]
        world.run(.seconds(20))
        #expect(world.deaths.isEmpty)
    }

    @Test func whoFallsSilentByBothWaysIsDeadWhenTheHoldIsOver() throws {
        var world = world(heard: [w1: "a"])
        world.cut = [w1]
        world.run(.seconds(5))
        let silent = world.now
        world.heard = [:]
        world.run(.seconds(2))
        let (change, at) = try #require(world.changes.last)
        #expect(change == .died(w1, incarnation: "a"))
        #expect(at - silent > DirectHeartbeat.hold && at - silent <= DirectHeartbeat.hold + .milliseconds(200))
    }

    @Test func hearingDelaysNoDeath() throws {
        var world = world(heard: [w1: "a"])
        let killed = world.now
        world.running[w1] = nil
        world.heard = [:]
        world.run(.seconds(2))
        let (change, at) = try #require(world.changes.last)
        #expect(change == .died(w1, incarnation: "a"))
        #expect(at - killed < .seconds(1))
    }

    @Test func anotherIncarnationVouchesForNobody() {
        var world = world(heard: [w1: "z"])
        world.cut = [w1]
        world.run(.milliseconds(1000))
        #expect(world.changes.last?.0 == .died(w1, incarnation: "a"))
    }

    @Test func aWorkerThatWasTakenForDeadIsBackOnceItIsHeard() {
        var world = world(heard: [:])
        world.cut = [w1]
        world.run(.seconds(2))
        #expect(world.deaths == [w1])
        world.heard = [w1: "a"]
        world.run(.seconds(2))
        #expect(world.changes.last?.0 == .joined(w1, incarnation: "a"))
        #expect(world.deaths == [w1])
    }

    @Test func aRestartIsOneThoughTheFormerLifeIsStillHeard() {
        var world = world(heard: [w1: "a"])
        world.running[w1] = "c"
        world.run(.seconds(1))
        #expect(world.changes.last?.0 == .restarted(w1, from: "a", to: "c"))
        // What is left of the former life does not speak for the new one.
        world.cut = [w1]
        world.run(.seconds(1))
        #expect(world.changes.last?.0 == .died(w1, incarnation: "c"))
    }

    @Test func aControllerThatStartsWhileTheStoreShowsNobodyLearnsWhoLivesByHearing() {
        var world = LivenessWorld()
        world.listed = [w1, w2]
        world.heard = [w1: "a"]
        world.run(.seconds(5))
        #expect(world.changes.first?.0 == .joined(w1, incarnation: "a"))
        #expect(world.deaths == [w2])
    }

    @Test func whomTheStoreNeverShowedIsNobody() {
        var liveness = WorkerLiveness()
        liveness.heard(w1, incarnation: "a", at: .origin + .seconds(1))
        let changes = liveness.observe([], now: .origin + .seconds(1))
        #expect(changes.isEmpty && liveness.alive.isEmpty)
    }
}
