import Testing
import Wire

@testable import Congestion

@Suite struct CircuitBreakerTests {
    private let at = Digests.at

    /// One second of 50 packets of 1000 bytes (400 kbit/s), and a report on it.
    private func second(
        _ breaker: inout CircuitBreaker, _ number: Int, highest: UInt32? = nil, loss: Double = 0,
        roundTrip: Interval? = .milliseconds(100), packets: Int = 50
    ) {
        for index in 0..<packets { breaker.sent(bytes: 1_000, now: at(Double(number * 1_000 + index * 20))) }
        breaker.receiveReport(
            highestSequence: highest ?? UInt32(number * 50), lossFraction: loss, roundTrip: roundTrip,
            now: at(Double(number + 1) * 1_000))
    }

    @Test func aPathThatWorksNeverTrips() {
        var breaker = CircuitBreaker(now: at(0))
        for number in 0..<100 {
            second(&breaker, number, loss: 0.02)
            breaker.advance(to: at(Double(number + 1) * 1_000))
        }
        #expect(breaker.cause == nil)
    }

    @Test func reportsWithoutProgressAreAMediaTimeout() {
        var breaker = CircuitBreaker(now: at(0))
        for number in 0..<15 { second(&breaker, number, highest: 7) }
        #expect(breaker.cause == nil, "a path may stand still for some seconds")
        second(&breaker, 15, highest: 7)
        #expect(breaker.cause == .mediaTimeout)
    }

    @Test func oneReportOfProgressBeginsTheMediaTimeoutAnew() {
        var breaker = CircuitBreaker(now: at(0))
        for number in 0..<30 { second(&breaker, number, highest: number < 10 ? 7 : 8) }
        #expect(breaker.cause == .mediaTimeout)
        breaker.reset(now: at(30_000))
        for number in 30..<60 { second(&breaker, number, highest: UInt32(number / 10)) }
        #expect(breaker.cause == nil)
    }

    @Test func reportsFarApartAreAMediaTimeoutToo() {
        var breaker = CircuitBreaker(now: at(0))
        for number in 0..<6 {
            #expect(breaker.cause == nil)
            breaker.sent(bytes: 1_000, now: at(Double(number) * 6_000))
            breaker.receiveReport(
                highestSequence: 7, lossFraction: 0, roundTrip: nil, now: at(Double(number) * 6_000 + 100))
        }
        #expect(breaker.cause == .mediaTimeout)
    }

    @Test func silenceOfTheSenderIsNoMediaTimeout() {
        var breaker = CircuitBreaker(now: at(0))
        for number in 0..<20 { second(&breaker, number, highest: 7, packets: 0) }
        #expect(breaker.cause == nil)
    }

    @Test func fifteenSecondsWithoutAReportAreAReportTimeout() {
        var breaker = CircuitBreaker(now: at(0))
        #expect(breaker.deadline == .distantFuture)
        breaker.advance(to: at(100_000))
        #expect(breaker.cause == nil)
        breaker.sent(bytes: 1_000, now: at(100_000))
        breaker.advance(to: at(114_999))
        #expect(breaker.cause == nil)
        breaker.advance(to: at(115_000))
        #expect(breaker.cause == .reportTimeout)
    }

    @Test func anyWordOfThePeerEndsItsSilence() {
        var breaker = CircuitBreaker(now: at(0))
        for second in 0..<60 {
            let isFirst = breaker.sent(bytes: 1_000, now: at(Double(second) * 1_000))
            #expect(isFirst == (second % 10 == 0))
            if second % 10 == 9 { breaker.heard() }
            breaker.advance(to: at(Double(second) * 1_000))
        }
        #expect(breaker.cause == nil)
    }

    @Test func whoSentNothingIsOwedNoReport() {
        var breaker = CircuitBreaker(now: at(0))
        second(&breaker, 0)
        breaker.advance(to: at(600_000))
        #expect(breaker.cause == nil && breaker.deadline == .distantFuture)
        breaker.sent(bytes: 1_000, now: at(600_000))
        #expect(breaker.deadline == at(615_000))
    }

    @Test func tenTimesTheRateOfTCPIsCongestionIfItLasts() {
        // 20 % at a round trip of a second: TCP would send 3 kbit/s.
        var breaker = CircuitBreaker(now: at(0))
        for number in 0..<14 { second(&breaker, number, loss: 0.2, roundTrip: .seconds(1)) }
        #expect(breaker.cause == nil)
        second(&breaker, 14, loss: 0.2, roundTrip: .seconds(1))
        #expect(breaker.cause == .congestion)
    }

    @Test func lossThatTCPWouldBearTooIsNoCongestion() {
        var breaker = CircuitBreaker(now: at(0))
        for number in 0..<60 { second(&breaker, number, loss: 0.1, roundTrip: .milliseconds(50)) }
        #expect(breaker.cause == nil)
    }

    @Test func mediaThatIsMostlyLostIsOfNoUse() {
        var breaker = CircuitBreaker(now: at(0))
        for number in 0..<15 { second(&breaker, number, loss: 0.6, roundTrip: nil) }
        #expect(breaker.cause == .unusable)
    }

    @Test func aNewPathClosesItAgain() {
        var breaker = CircuitBreaker(now: at(0))
        for number in 0..<20 { second(&breaker, number, highest: 7) }
        #expect(breaker.cause == .mediaTimeout)
        breaker.reset(now: at(20_000))
        #expect(breaker.cause == nil)
    }

    @Test func theThroughputIsThatOfRFC5348() {
        // s = 1000 bytes, R = 100 ms, p = 1 %: about 112 kB/s.
        let rate = CircuitBreaker.throughput(size: 1_000, roundTrip: 0.1, loss: 0.01)
        #expect((105_000...120_000).contains(rate))
    }

    @Test func nonsenseDoesNotTrap() {
        var breaker = CircuitBreaker(reportInterval: .nanoseconds(.min), now: .distantFuture)
        for loss in [Double.nan, .infinity, -1, 5] {
            breaker.sent(bytes: .max, now: .origin)
            breaker.receiveReport(
                highestSequence: .max, lossFraction: loss, roundTrip: .nanoseconds(.min), now: .origin)
            breaker.advance(to: .distantFuture)
        }
    }
}
