import Session
import Testing

@testable import Worker

extension HeldSessions {
    /// For tests in which no time passes.
    fileprivate mutating func admit(
        _ session: SessionID, epoch: Epoch, controller: ControllerID, attends: Bool = false
    ) -> Admission {
        admit(session, epoch: epoch, controller: controller, attends: attends, now: .now)
    }
}

@Suite struct HeldSessionsTests {
    private let controller = ControllerID("c1")
    private let now = ContinuousClock.now

    @Test func aLowerEpochNeverTakesEffect() {
        var held = HeldSessions(reactors: 1, limit: 10)
        #expect(held.admit(SessionID("s"), epoch: Epoch(5), controller: controller) == .admitted(reactor: 0))
        guard case .refused(let refusal) = held.admit(SessionID("s"), epoch: Epoch(4), controller: controller) else {
            Issue.record("an old epoch was admitted")
            return
        }
        #expect(refusal.reason == .staleEpoch)
        #expect(held[SessionID("s")]?.epoch == Epoch(5))
    }

    @Test func aHigherEpochStartsTheSessionAfresh() {
        var held = HeldSessions(reactors: 1, limit: 10)
        _ = held.admit(SessionID("s"), epoch: Epoch(1), controller: controller)
        #expect(held.admit(SessionID("s"), epoch: Epoch(2), controller: ControllerID("c2")) == .renewed(reactor: 0))
        #expect(held[SessionID("s")]?.controller == ControllerID("c2"))
        #expect(
            held.admit(SessionID("s"), epoch: Epoch(2), controller: ControllerID("c2")) == .admitted(reactor: 0))
    }

    @Test func onlyWhoAttendsCommands() {
        var held = HeldSessions(reactors: 1, limit: 10)
        let (session, epoch, other) = (SessionID("s"), Epoch(1), ControllerID("c2"))
        _ = held.admit(session, epoch: epoch, controller: controller)
        guard case .refused(let refusal) = held.admit(session, epoch: epoch, controller: other) else {
            Issue.record("a stranger was admitted")
            return
        }
        #expect(refusal.reason == .staleEpoch && held[session]?.controller == controller)
        #expect(held.admit(session, epoch: epoch, controller: other, attends: true) == .admitted(reactor: 0))
        #expect(held[session]?.controller == other && held[session]?.epoch == epoch)
        guard case .refused = held.admit(session, epoch: epoch, controller: controller) else {
            Issue.record("who had it before was admitted")
            return
        }
    }

    @Test func sessionsSpreadOverReactorsAndStopAtTheLimit() {
        var held = HeldSessions(reactors: 2, limit: 4)
        var perReactor = [0, 0]
        for number in 0..<4 {
            guard case .admitted(let reactor) = held.admit(
                SessionID("s\(number)"), epoch: Epoch(1), controller: controller)
            else { continue }
            perReactor[reactor] += 1
        }
        #expect(perReactor == [2, 2])
        guard case .refused(let refusal) = held.admit(SessionID("s4"), epoch: Epoch(1), controller: controller) else {
            Issue.record("the limit did not hold")
            return
        }
        #expect(refusal.reason == .overLimit)
        #expect(held.remove(SessionID("s0"), now: now) != nil)
        #expect(held.admit(SessionID("s5"), epoch: Epoch(1), controller: controller) != .refused(refusal))
    }

    @Test func aShardGoesWhereNoneOfItsSessionIs() {
        var held = HeldSessions(reactors: 3, limit: 100)
        let session = SessionID("s")
        func reactor(_ name: SessionID) -> Int? {
            if case .admitted(let reactor) = held.admit(name, epoch: Epoch(1), controller: controller) { reactor } else { nil }
        }
        let first = reactor(session)
        // The others are busier, and get the shards all the same.
        for number in 0..<20 { _ = reactor(SessionID("other\(number)")) }
        for number in 0..<20 where held[SessionID("other\(number)")]?.reactor == first {
            _ = held.remove(SessionID("other\(number)"), now: now)
        }
        let second = reactor(session.shard(1))
        let third = reactor(session.shard(2))
        #expect(Set([first, second, third]).count == 3)
        #expect(reactor(session.shard(3)) == first, "the fewest of the session's, then the fewest of all")
    }

    @Test func aRegistrationTellsEverythingHeldInOrder() {
        var held = HeldSessions(reactors: 1, limit: 10)
        for name in ["b", "a"] { _ = held.admit(SessionID(name), epoch: Epoch(3), controller: controller) }
        let assignments = held.assignments(worker: WorkerID("w1"), incarnation: "i")
        #expect(assignments.map(\.session.rawValue) == ["a", "b"])
        #expect(assignments.allSatisfy { $0.epoch == Epoch(3) && $0.incarnation == "i" })
    }

    @Test func whatHasEndedDoesNotComeBackUnderALowerEpoch() {
        var held = HeldSessions(reactors: 1, limit: 10)
        let session = SessionID("s")
        func isRefused(_ epoch: UInt64, after seconds: Int) -> Bool {
            var copy = held
            let later = now.advanced(by: .seconds(seconds))
            guard case .refused(let refusal) = copy.admit(
                session, epoch: Epoch(epoch), controller: controller, now: later)
            else { return false }
            return refusal.reason == .staleEpoch
        }
        _ = held.admit(session, epoch: Epoch(5), controller: controller, now: now)
        _ = held.remove(session, now: now)
        #expect(isRefused(4, after: 59))
        #expect(!isRefused(5, after: 0))
        #expect(!isRefused(6, after: 0))
        // A store that lost its count begins anew: no session may be refused for ever.
        #expect(!isRefused(1, after: 60))
    }

    @Test func endingsAreForgottenWhenThereAreTooMany() {
        var held = HeldSessions(reactors: 1, limit: 10)
        for number in 0...HeldSessions.rememberedEndings {
            let session = SessionID("s\(number)")
            _ = held.admit(session, epoch: Epoch(5), controller: controller, now: now)
            _ = held.remove(session, now: now)
        }
        let first = held.admit(SessionID("s0"), epoch: Epoch(1), controller: controller, now: now)
        #expect(first == .admitted(reactor: 0))
        guard case .refused = held.admit(SessionID("s1"), epoch: Epoch(1), controller: controller, now: now) else {
            Issue.record("the second was forgotten too")
            return
        }
    }
}
