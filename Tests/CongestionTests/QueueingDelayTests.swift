import Testing
import Wire

@testable import Congestion

@Suite struct QueueingDelayTests {
    private var digests = Digests()
    private var delay = QueueingDelay()
    private var random = SeededRandom(seed: 4)
    private var time = 0.0

    /// Reports of five packets each 50 ms whose delay is 50 ms, the queue's, and jitter of `sigma` ms.
    private mutating func feed(seconds: Double, queue: Double, sigma: Double = 0, drift: Double = 0) {
        for _ in 0..<Int(seconds * 20) {
            let packets = (0..<5).map { index -> Digests.Packet in
                let sent = time + Double(index) * 10
                let jitter =
                    3 * sigma + sigma * (0..<12).reduce(-6.0) { sum, _ in sum + Double(random.next() >> 11) * 0x1p-53 }
                return .init(sent: sent, arrival: sent + 50 + queue + jitter + drift * sent)
            }
            time += 50
            delay.add(digests.report(packets.sorted { ($0.arrival ?? 0) < ($1.arrival ?? 0) }, now: time + 100))
        }
    }

    @Test mutating func jitterIsNoQueue() {
        feed(seconds: 10, queue: 0, sigma: 5)
        #expect(delay.queue < 0.008)
        #expect(delay.noise > 0.0005)
    }

    @Test mutating func aQueueIsSeenAboveTheBase() {
        feed(seconds: 5, queue: 0)
        feed(seconds: 1, queue: 40)
        #expect(abs(delay.queue - 0.04) < 0.002)
        #expect(abs(delay.latestQueue - 0.04) < 0.001)
        feed(seconds: 1, queue: 0)
        #expect(delay.queue < 0.002)
    }

    @Test mutating func aClockThatDriftsAddsLittle() {
        feed(seconds: 120, queue: 0, drift: 0.0001)
        #expect(delay.queue < 0.0035)
    }

    @Test mutating func aDelayThatStaysIsLearntUnlessSomeoneCompetes() {
        feed(seconds: 5, queue: 0)
        var frozen = delay
        frozen.isFrozen = true
        feed(seconds: 30, queue: 40)
        #expect(delay.queue < 0.005)
        delay = frozen
        feed(seconds: 30, queue: 40)
        #expect(delay.queue > 0.035)
    }

    @Test mutating func aLongQueueIsTakenForThePathOnlyAfterMinutes() {
        feed(seconds: 5, queue: 0)
        feed(seconds: 45, queue: 150)
        #expect(delay.queue > 0.14)
        feed(seconds: 110, queue: 150)
        #expect(delay.queue < 0.01)
    }

    @Test mutating func aNewReceiverClockStartsAfresh() {
        feed(seconds: 5, queue: 0)
        let packets = [Digests.Packet(sent: time, arrival: time + 1e9)]
        delay.add(digests.report(packets, now: time + 100))
        #expect(delay.queue == 0)
    }

    @Test mutating func ratesOfArrivalAndDepartureAreMeasuredOverTheSpan() throws {
        var meter = DeliveryMeter()
        #expect(meter.rates(over: .milliseconds(200)) == nil)
        // 1 000 bytes leave each 10 ms (800 kbit/s) and come each 20 ms (400 kbit/s).
        for round in 0..<20 {
            let packets = (0..<5).map { index in
                let number = Double(round * 5 + index)
                return Digests.Packet(sent: number * 10, arrival: 50 + number * 20)
            }
            meter.add(digests.report(packets, now: Double(round) * 100 + 250))
        }
        let rates = try #require(meter.rates(over: .milliseconds(200)))
        #expect(abs(rates.received - 400_000) < 10_000)
        #expect(abs(rates.sent - 800_000) < 20_000)
    }
}
