import struct Simulator.LinkTrace
import struct Simulator.RootSeed
import Testing
import Wire

@testable import CongestionBenchmark

@Suite struct LinkTests {
    private let seed = RootSeed(7)

    private func packet(_ number: Int64, bytes: Int32 = 1250) -> Packet {
        Packet(kind: .video, isMarkable: true, route: 0, owner: 0, size: bytes, sequence: number)
    }

    /// Sends `count` packets at once over a link and a delay line; what arrives, and when.
    private func send(_ count: Int, over link: LinkDescription, jitter: Double = 0) -> [(UInt64, Packet)] {
        var network = Network(links: [link], seed: seed)
        let line = DelayLine(milliseconds: 50, jitter: jitter, random: seed.stream("line"))
        _ = network.addRoute(links: [0], line: line)
        for number in 0..<count { network.send(packet(Int64(number))) }
        return arrivals(&network)
    }

    private func arrivals(_ network: inout Network) -> [(UInt64, Packet)] {
        var arrivals: [(UInt64, Packet)] = []
        while true {
            switch network.next() {
            case .packet(let packet): arrivals.append((network.now, packet))
            case .nothing, .event: continue
            case .end: return arrivals
            }
        }
    }

    @Test func packetsLeaveAtTheCapacity() {
        // 10 kbit at 1 Mbit/s: 10 ms each.
        let times = send(5, over: Cases.bottleneck([(0, 1)])).map(\.0)
        #expect(times == [60, 70, 80, 90, 100].map { $0 * 1_000_000 })
    }

    @Test func aQueueHoldsNoMoreThanItsMilliseconds() {
        let arrivals = send(100, over: Cases.bottleneck([(0, 1)], queue: 300))
        #expect(arrivals.count == 30)
        #expect(arrivals.map { $0.1.queueing }.max() == 300_000_000)
    }

    @Test func theQueueIsMeasuredAtTheCapacityOfTheMoment() {
        var network = Network(links: [Cases.bottleneck([(0, 1), (1, 2)], queue: 300)], seed: seed)
        _ = network.addRoute(links: [0], line: DelayLine(milliseconds: 0, jitter: 0, random: seed.stream("line")))
        network.events.schedule(.frame, 0, at: 1_500_000_000)
        var count = 0
        loop: while true {
            switch network.next() {
            case .event: for number in 0..<100 { network.send(packet(Int64(number))) }
            case .packet: count += 1
            case .nothing: continue
            case .end: break loop
            }
        }
        #expect(count == 60)
    }

    @Test func jitterKeepsTheOrderAndHasItsBounds() {
        var line = DelayLine(milliseconds: 50, jitter: 5, random: seed.stream("line"))
        var arrivals: [UInt64] = []
        for number in 0..<2000 {
            let time = line.enter(packet(Int64(number)), now: UInt64(number) * 1_000_000)
            if let time { arrivals.append(time) }
        }
        for number in 0..<2000 {
            let (arrived, next) = line.arrive()
            #expect(arrived?.sequence == Int64(number))
            if let next { arrivals.append(next) }
        }
        #expect(arrivals == arrivals.sorted())
        let delays = arrivals.enumerated().map { Int64($0.element) - Int64($0.offset) * 1_000_000 }
        #expect(delays.allSatisfy { (35_000_000...65_000_000).contains($0) })
        #expect(Set(delays).count > 100)
    }

    @Test func lossTakesItsShareBehindTheQueue() {
        var link = Cases.bottleneck([(0, 1000)], queue: 100_000, loss: 0.1)
        link.queueMilliseconds = 100_000
        let arrivals = send(20_000, over: link)
        #expect(abs(Double(arrivals.count) - 18_000) < 200)
        // The lost ones have used the link.
        #expect((arrivals.last?.0 ?? 0) > 240_000_000)
    }

    @Test func packetsAreMarkedWhereTheQueueIsLong() {
        var link = Cases.bottleneck([(0, 1)])
        link.marking = MarkingRamp(low: 100, high: 200)
        let arrivals = send(30, over: link)
        for (_, packet) in arrivals where packet.queueing <= 100_000_000 { #expect(!packet.isMarked) }
        for (_, packet) in arrivals where packet.queueing >= 200_000_000 { #expect(packet.isMarked) }
        #expect(arrivals.contains { $0.1.isMarked })
    }

    @Test func aTraceLetsPassWhatItsLinesAllow() throws {
        let trace = try LinkTrace("10\n10\n20\n")
        var network = Network(
            links: [LinkDescription(capacity: [], trace: trace, queueMilliseconds: 10_000)], seed: seed)
        _ = network.addRoute(links: [0], line: DelayLine(milliseconds: 0, jitter: 0, random: seed.stream("line")))
        for number in 0..<4 { network.send(packet(Int64(number), bytes: 1000)) }
        // Two opportunities at 10 ms carry three packets; the fourth takes the one at 20 ms.
        #expect(arrivals(&network).map(\.0) == [10, 10, 10, 20].map { $0 * 1_000_000 })
    }

    @Test(arguments: [
        ("", "the trace is empty"), ("5\nx\n", "line 2: not a whole number"), ("5\n4\n", "line 2: earlier"),
        ("0\n0\n", "all times are 0"), ("1\n\n3\n", "line 2: not a whole number"), ("1\n+3\n", "line 2"),
    ])
    func aTextThatIsNoTraceIsRefusedWithItsLine(text: String, problem: String) {
        #expect {
            try LinkTrace(text)
        } throws: { error in
            "\(error)".contains(problem)
        }
    }

    @Test func theGeneratorGivesTracesThatItsReaderTakes() throws {
        let trace = LinkTrace.cellular(seed: 3)
        #expect(try LinkTrace(trace.text) == trace)
        #expect(trace != LinkTrace.cellular(seed: 4))
        #expect((300_000...4_800_000).contains(trace.meanRate))
    }
}
