import Session
import Testing

@Suite struct ClusterEventTests {
    private func event(
        _ time: Int64, _ name: String, worker: String? = nil, controller: String? = nil
    ) -> ClusterEvent {
        var details: [String: String] = [:]
        details["worker"] = worker
        details["controller"] = controller
        return ClusterEvent(time: time, level: "info", event: name, message: "", details: details)
    }

    @Test func whatSeveralControllersSeeIsToldOnce() {
        let first = event(1000, "worker_lost", worker: "w1", controller: "c1")
        let second = event(1200, "worker_lost", worker: "w1", controller: "c2")
        let other = event(1100, "worker_lost", worker: "w2", controller: "c1")
        #expect(ClusterEvent.timeline([first, other, second], limit: 9) == [second, other])
    }

    @Test func whatHappensAgainIsToldAgain() {
        let events = [
            event(9000, "worker_lost", worker: "w1", controller: "c2"),
            event(1000, "worker_lost", worker: "w1", controller: "c1"),
            event(900, "succession", worker: "w1"), event(800, "succession", worker: "w1"),
            event(700, "drained", worker: "w1", controller: "c1"),
            event(600, "drained", worker: "w1", controller: "c1"),
        ]
        #expect(ClusterEvent.timeline(events.shuffled(), limit: 9) == events)
        #expect(ClusterEvent.timeline(events, limit: 2) == Array(events.prefix(2)))
    }

    @Test func aSessionsNameIsShortenedSoThatNobodyCanUseIt() {
        #expect(SessionID("0123456789abcdef").shortened == "01234567…")
        #expect(SessionID("0123456789abcdef/3").shortened == "01234567…/3")
        #expect(SessionID("room:lobby").shortened == "room:…")
    }
}
