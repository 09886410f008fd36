import Congestion
import Testing
import Wire

@Suite struct ArrivalClockTests {
    @Test func transportWideTimeGoesOnAcrossItsWrap() {
        var clock = ArrivalClock()
        let before = clock.transportWide(reference: 0x7F_FFFF)
        let after = clock.transportWide(reference: -0x80_0000)
        #expect(after - before == 64_000_000)
        let zero = clock.transportWide(reference: -1)
        #expect(clock.transportWide(reference: 0) - zero == 64_000_000)
    }

    @Test func aReportOutOfOrderIsEarlier() {
        var clock = ArrivalClock()
        let second = clock.transportWide(reference: 10)
        let first = clock.transportWide(reference: 8)
        #expect(second - first == 128_000_000)
        #expect(clock.transportWide(reference: 12) - second == 128_000_000)
    }

    @Test func congestionControlTimeGoesOnAcrossItsWrap() {
        var clock = ArrivalClock()
        let before = clock.congestionControl(timestamp: .max - 0x7FFF)
        #expect(clock.congestionControl(timestamp: 0x8000) - before == 1_000_000_000)
    }

    @Test func nonsenseForEverDoesNotTrap() {
        var random = SeededRandom(seed: 3)
        var clock = ArrivalClock()
        var wide = ArrivalClock()
        for _ in 0..<20_000 {
            _ = clock.congestionControl(timestamp: UInt32(truncatingIfNeeded: random.next()))
            _ = wide.transportWide(reference: Int32(truncatingIfNeeded: random.next()))
        }
        for step in 0..<20_000 {
            _ = clock.congestionControl(timestamp: UInt32(truncatingIfNeeded: step * 0x7FFF_FFFF))
        }
    }
}
