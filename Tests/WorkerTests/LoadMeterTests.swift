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

    @Test func aRateIsOfTheTimeBetweenTwoPublications() {
        // A reactor publishes every 200 ms, a heartbeat comes every 250: one in four spans two publications.
        var meter = LoadMeter()
        for heartbeat in UInt64(1)...40 {
            let time = heartbeat * second / 4
            let turn = time / (second / 5) * (second / 5)
            var reactor = ReactorLoad()
            reactor.lastTurn = turn
            reactor.packetsSent = turn / (second / 100)
            let load = meter.measure([reactor], sessions: 1, sessionLimit: 10, usage: usage(time))
            #expect(heartbeat == 1 || abs(load.packetsSentPerSecond - 100) < 0.001, "\(load.packetsSentPerSecond)")
        }
    }

    @Test func aReactorThatDoesNotComeRoundHandlesNothingAfterASecond() {
        var meter = LoadMeter()
        var reactor = ReactorLoad()
        reactor.lastTurn = second
        _ = meter.measure([reactor], sessions: 1, sessionLimit: 10, usage: usage(second))
        reactor.lastTurn = 2 * second
        reactor.packetsReceived = 50
        let rates = [2, 3, 4].map { seconds in
            meter.measure([reactor], sessions: 1, sessionLimit: 10, usage: usage(seconds * second))
                .packetsReceivedPerSecond
        }
        #expect(rates == [50, 50, 0])
        // It comes round again: what it had before counts as well.
        reactor.lastTurn = 6 * second
        reactor.packetsReceived = 90
        let load = meter.measure([reactor], sessions: 1, sessionLimit: 10, usage: usage(6 * second))
        #expect(load.packetsReceivedPerSecond == 10)
    }

    @Test func aCounterThatBeganAnewCountsForNothing() {
        var meter = LoadMeter()
        var reactor = ReactorLoad()
        for (turn, count) in [(1, 900), (2, 20)] as [(UInt64, UInt64)] {
            reactor.lastTurn = turn * second
            reactor.packetsReceived = count
            let load = meter.measure([reactor], sessions: 1, sessionLimit: 10, usage: usage(turn * second))
            #expect(load.packetsReceivedPerSecond == 0)
        }
    }

    @Test func theBusiestReactorIsFoundByItsPackets() {
        #expect(LoadMeter.largestShare([300, 100]) == 0.75)
        #expect(LoadMeter.largestShare([0, 0, 0, 0]) == 0.25)
        #expect(LoadMeter.largestShare([10]) == 1)
    }

    private func usage(_ time: UInt64) -> ProcessUsage { ProcessUsage(time: time, cpu: 0, memory: 0) }
}
