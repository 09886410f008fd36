import Testing
import Wire

@testable import Reactor

@Suite struct TimerWheelTests {
    @Test func agreesWithASortedListUnderRandomUse() {
        var random = SeededRandom(seed: 3)
        var now = Instant(nanoseconds: 5_000_000_000)
        var wheel = TimerWheel(capacity: 50, now: now)
        var model: [Int: Instant] = [:]
        for _ in 0..<20_000 {
            let id = Int.random(in: 0..<50, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                wheel.clear(id)
                model[id] = nil
            case 1, 2:
                // Up to five seconds ahead: several turns of the wheel.
                let deadline = now + .microseconds(Int64.random(in: 0...5_000_000, using: &random))
                wheel.set(id, deadline)
                model[id] = deadline
            default:
                now = now + .microseconds(Int64.random(in: 0...40_000, using: &random))
                while let expired = wheel.popExpired(now: now) {
                    let deadline = model.removeValue(forKey: expired)
                    #expect(deadline != nil && deadline! <= now, "fired early or unarmed")
                }
                // Everything older than one tick must have fired.
                #expect(model.values.allSatisfy { $0 + TimerWheel.tick + TimerWheel.tick > now })
            }
            #expect(wheel.armed == model.count)
        }
    }

    @Test func tellsHowLongToWait() {
        let now = Instant(nanoseconds: 1_000_000_000)
        var wheel = TimerWheel(capacity: 4, now: now)
        #expect(wheel.millisecondsToNext(now: now) == nil)
        wheel.set(0, now + .milliseconds(30))
        #expect(wheel.millisecondsToNext(now: now) == 30)
        wheel.set(1, now + .milliseconds(7))
        #expect(wheel.millisecondsToNext(now: now) == 7)
        #expect(wheel.millisecondsToNext(now: now + .milliseconds(50)) == 0)
    }

    /// A wait of nothing with nothing due is a loop that burns a core.
    @Test func whoHasServedWhatIsDueNeverWaitsForNothing() {
        var now = Instant(nanoseconds: 1_000_000_000)
        var wheel = TimerWheel(capacity: 8, now: now)
        for id in 0..<8 { wheel.set(id, now + .milliseconds(Int64(id) * 700 + 1)) }
        var wakeUps = 0
        while wheel.armed > 0 {
            while wheel.popExpired(now: now) != nil {}
            guard let wait = wheel.millisecondsToNext(now: now) else { break }
            #expect(wait > 0, "at \(now.nanoseconds)")
            wakeUps += 1
            // Also within the tick that was served already.
            now = now + .microseconds(Int64(max(wait, 1)) * 1000 - 400)
        }
        #expect(now >= Instant(nanoseconds: 1_000_000_000) + .milliseconds(4901))
        #expect(wakeUps < 100)
    }
}
