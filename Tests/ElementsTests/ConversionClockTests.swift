import Payload
import Testing
import Wire

@testable import Elements

/// Time stamps of what is made of a source's frames.
@Suite struct ConversionClockTests {
    private func frame(_ timestamp: Int64, at milliseconds: Int64) -> EncodedFrame {
        EncodedFrame(
            timestamp: timestamp, bytes: [1], isKeyFrame: true, arrival: Instant.origin + .milliseconds(milliseconds))
    }

    @Test func withTheSameRateTheyAreTheSources() {
        var clock = ConversionClock(clockRate: 90_000)
        for timestamp in [Int64(0xFFFF_FF00), 0x1_0000_0C00, 0x1_0000_1801] {
            let time = clock.time(of: frame(timestamp, at: 0), clockRate: 90_000)
            #expect(clock.timestamp(at: time) == UInt32(truncatingIfNeeded: timestamp))
        }
        // A report may be of a little earlier or later, beyond the end of the cycle too.
        #expect(clock.timestamp(ofSource: 0xFFFF_FFFE) == 0xFFFF_FFFE)
        #expect(clock.timestamp(ofSource: 0x1900) == 0x1900)
    }

    @Test func anotherRateCountsTheSameTime() {
        var clock = ConversionClock(clockRate: 8_000)
        _ = clock.time(of: frame(480_000, at: 0), clockRate: 48_000)
        let second = clock.time(of: frame(480_960, at: 20), clockRate: 48_000)
        #expect(second == .milliseconds(20) && clock.timestamp(at: second) == 480_160)
        #expect(clock.timestamp(ofSource: 485_760) == 480_960)
        #expect(clock.timestamp(at: .milliseconds(-20)) == 480_000 - 160, "an encoder that looks ahead")
    }

    @Test(arguments: [(UInt32(8_000), Int64(7)), (48_000, 5_000_000_000)])
    func aSourceThatBeginsAnewFollowsAsItArrived(rate: UInt32, timestamp: Int64) {
        var clock = ConversionClock(clockRate: 48_000)
        _ = clock.time(of: frame(1_000, at: 100), clockRate: 48_000)
        let time = clock.time(of: frame(timestamp, at: 350), clockRate: rate)
        #expect(time == .milliseconds(250) && clock.timestamp(at: time) == 1_000 + 12_000)
        let next = clock.time(of: frame(timestamp + Int64(rate / 50), at: 380), clockRate: rate)
        #expect(next == .milliseconds(270), "from there on by its own clock")
        #expect(clock.timestamp(ofSource: UInt32(truncatingIfNeeded: timestamp)) == 13_000)
    }

    @Test func beforeTheFirstFrameNothingIsKnown() {
        #expect(ConversionClock(clockRate: 90_000).timestamp(ofSource: 1) == nil)
    }
}
