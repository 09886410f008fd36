import Reactor
import Testing

@testable import Worker

struct LoadMeterTests {
    private let second: UInt64 = 1_000_000_000

    @Test func aSessionHasSettledTenSecondsAfterItCame() {
        var settling = SettlingSessions()
        #expect(settling.settled(of: 0, at: second) == 0)
        // Heartbeats every quarter of a second; a session comes each second.
        for step in UInt64(5)...120 {
            let sessions = Int(step / 4)
            let settled = settling.settled(of: sessions, at: step * second / 4)
            #expect(settled == max(0, sessions - 10) || settled == max(0, sessions - 11), "\(step): \(settled)")
        }
        // Those that leave take the newest with them.
        #expect(settling.settled(of: 3, at: 31 * second) == 3)
        #expect(settling.settled(of: 9, at: 40 * second) == 3)
        #expect(settling.settled(of: 9, at: 51 * second) == 9)
    }

    @Test func whatAProcessTookOverHasSettled() {
        var settling = SettlingSessions()
        #expect(settling.settled(of: 40, at: second) == 40)
    }

    @Test func theBusiestReactorIsFoundByItsPackets() {
        #expect(LoadMeter.largestShare([300, 200], since: [0, 100]) == 0.75)
        #expect(LoadMeter.largestShare([5, 5, 5, 5], since: [5, 5, 5, 5]) == 0.25)
        #expect(LoadMeter.largestShare([10], since: [0]) == 1)
        // A counter that began anew counts for nothing, not for everything.
        #expect(LoadMeter.largestShare([1, 50], since: [90, 0]) == 1)
    }
}
