import Simulator
import Testing
import Wire

/// Queue disciplines, traces, and what a link does to single packets.
@Suite struct LinkTests {
    static let peer = SocketAddress(ip: IPAddress("192.0.2.2")!, port: 2)

    /// - Parameter bytes: with headers.
    private func packet(_ bytes: Int, port: UInt16 = 1, number: UInt64 = 0) -> Datagram {
        Datagram(
            source: SocketAddress(ip: IPAddress("192.0.2.1")!, port: port), destination: Self.peer,
            payload: [UInt8](repeating: 0, count: bytes - 28), number: number)
    }

    private func behavior(_ discipline: LinkBehavior.Discipline, rate: UInt64 = 12_000_000) -> LinkBehavior {
        var behavior = LinkBehavior()
        behavior.rate = rate
        behavior.queueBytes = 1_500_000
        behavior.discipline = discipline
        return behavior
    }

    private struct Result {
        /// How long each packet took, with the time that it came.
        var delays: [(sent: Instant, port: UInt16, delay: Interval)] = []
        var losses: [Link.Loss: Int] = [:]

        func median(port: UInt16 = 1, after start: Instant = .origin) -> Interval {
            let sorted = delays.filter { $0.port == port && $0.sent >= start }.map(\.delay).sorted()
            return sorted.isEmpty ? .zero : sorted[sorted.count / 2]
        }

        func count(port: UInt16 = 1) -> Int { delays.count { $0.port == port } }
    }

    /// Sends packets at their times, in order, and lets the link depart whenever it asks for it.
    private func run(_ link: inout Link, _ packets: [(time: Instant, datagram: Datagram)]) -> Result {
        var result = Result()
        var sent: [UInt64: Instant] = [:]
        func note(_ outcome: Link.Outcome, _ datagram: Datagram) {
            switch outcome {
            case .arrives(let time, _):
                let start = sent[datagram.number] ?? .origin
                result.delays.append((start, datagram.source.port, time - start))
            case .dropped(let loss): result.losses[loss, default: 0] += 1
            case .queued(let overflow): result.losses[.queueFull, default: 0] += overflow.count
            }
        }
        func depart(until end: Instant) {
            while let time = link.nextDeparture, time < end {
                for departure in link.depart(now: time) { note(departure.outcome, departure.datagram) }
            }
        }
        for (index, packet) in packets.enumerated() {
            depart(until: packet.time)
            var datagram = packet.datagram
            datagram.number = UInt64(index)
            sent[datagram.number] = packet.time
            let outcome = link.send(&datagram, now: packet.time)
            note(outcome, datagram)
        }
        depart(until: .distantFuture)
        return result
    }

    /// Packets of 1500 bytes at a rate that is a multiple of 12 Mbit/s, given in percent.
    private func load(_ percent: Int64, seconds: Int64, port: UInt16 = 1) -> [(time: Instant, datagram: Datagram)] {
        (0..<seconds * 10 * percent).map { (.origin + .microseconds($0 * 100_000 / percent), packet(1500, port: port)) }
    }

    private static func after(_ seconds: Int64) -> Instant { .origin + .seconds(seconds) }

    @Test func coDelKeepsTheQueueShortWhereDropTailFillsIt() {
        // A tenth more than the line can carry, for twenty seconds.
        var plain = Link(behavior(.dropTail), random: SeededRandom(seed: 1))
        var managed = Link(behavior(.codel(CoDel.Parameters())), random: SeededRandom(seed: 1))
        let full = run(&plain, load(110, seconds: 20))
        let short = run(&managed, load(110, seconds: 20))
        // 1.5 MB take a second.
        #expect(full.median(after: Self.after(15)) > .milliseconds(900))
        #expect(full.losses[.queueFull, default: 0] > 500)
        let standing = short.median(after: Self.after(15))
        #expect(standing > .milliseconds(1) && standing < .milliseconds(30), "\(standing)")
        #expect(short.losses[.managed, default: 0] > 1000 && short.losses[.queueFull, default: 0] == 0)
        // The line stays busy: a thousand packets a second.
        #expect(short.count() > 19_500)
    }

    @Test func coDelLeavesABurstAlone() {
        var link = Link(behavior(.codel(CoDel.Parameters())), random: SeededRandom(seed: 1))
        // 50 ms of packets every 200 ms: the delay comes down before an interval is over.
        let bursts = (Int64(0)..<20).flatMap { burst in
            (0..<50).map { _ in (time: Instant.origin + .milliseconds(burst * 200), datagram: packet(1500)) }
        }
        let result = run(&link, bursts)
        #expect(result.count() == 1000 && result.losses.values.reduce(0, +) == 0)
    }

    @Test func fairQueueingProtectsASparseFlow() {
        let bulk = load(150, seconds: 5)
        let sparse = (Int64(0)..<250).map {
            (time: Instant.origin + .milliseconds($0 * 20) + .microseconds(1), datagram: packet(200, port: 2))
        }
        let both = (bulk + sparse).sorted { $0.time < $1.time }
        var fair = Link(behavior(.fairCoDel(FairQueue.Parameters())), random: SeededRandom(seed: 1))
        var shared = Link(behavior(.codel(CoDel.Parameters())), random: SeededRandom(seed: 1))
        var plain = Link(behavior(.dropTail), random: SeededRandom(seed: 1))
        let apart = run(&fair, both)
        let together = run(&shared, both)
        let full = run(&plain, both)
        // One packet of the other flow, at most, is before it.
        #expect(apart.count(port: 2) == 250)
        #expect(apart.median(port: 2) < .milliseconds(2))
        #expect(together.median(port: 2) > .milliseconds(20))
        #expect(full.median(port: 2) > .milliseconds(500))
        #expect(apart.count(port: 1) > 4500)
    }

    @Test func fairQueueingSharesTheLineByBytes() {
        // Large packets against small ones, both more than half of the line.
        let large = load(100, seconds: 4)
        let small = (Int64(0)..<12_000).map {
            (time: Instant.origin + .microseconds($0 * 333), datagram: packet(500, port: 2))
        }
        var link = Link(behavior(.fairCoDel(FairQueue.Parameters())), random: SeededRandom(seed: 1))
        let result = run(&link, (large + small).sorted { $0.time < $1.time })
        let share =
            Double(result.count(port: 1) * 1500) / Double(result.count(port: 1) * 1500 + result.count(port: 2) * 500)
        #expect(abs(share - 0.5) < 0.05)
    }

    @Test func fairQueueingDropsFromTheLongestQueueWhenAllIsFull() {
        var limited = behavior(.fairCoDel(FairQueue.Parameters()))
        limited.queueBytes = 30_000
        var link = Link(limited, random: SeededRandom(seed: 1))
        var dropped: [UInt16: Int] = [:]
        for index in 0..<40 {
            var datagram = packet(1500, port: index % 10 == 9 ? 2 : 1)
            guard case .queued(let overflow) = link.send(&datagram, now: .origin) else { continue }
            for datagram in overflow { dropped[datagram.source.port, default: 0] += 1 }
        }
        #expect(dropped == [1: 20])
    }

    @Test func dropTailCountsInTimeToo() {
        var link = Link(behavior(.dropTailDelay(.milliseconds(50))), random: SeededRandom(seed: 1))
        let result = run(&link, load(200, seconds: 2))
        // A packet that would wait for longer is not taken; its own time on the line comes after.
        #expect(result.delays.map(\.delay).max() == .milliseconds(51))
        #expect(result.median(after: Self.after(1)) > .milliseconds(49))
        #expect(result.losses[.queueFull, default: 0] > 1800)
    }

    // MARK: Traces

    @Test func aTraceOfOneOpportunityAMillisecondIsTwelveMegabits() throws {
        var traced = behavior(.dropTail)
        traced.trace = try LinkTrace("1\n")
        #expect(traced.trace?.meanRate == 12_000_000)
        var link = Link(traced, random: SeededRandom(seed: 1))
        let result = run(&link, load(200, seconds: 3))
        let inSecond = result.delays.count {
            $0.sent + $0.delay >= Self.after(1) && $0.sent + $0.delay < Self.after(2)
        }
        #expect(inSecond == 1000)
        // What is small shares an opportunity, what is large takes two.
        var halves = Link(traced, random: SeededRandom(seed: 1))
        var doubles = Link(traced, random: SeededRandom(seed: 1))
        let start = Instant.origin + .microseconds(1)
        let small = run(&halves, (0..<10).map { _ in (start, packet(750)) })
        let large = run(&doubles, (0..<10).map { _ in (start, packet(3000)) })
        #expect(small.delays.last?.delay == .microseconds(4999))
        #expect(large.delays.last?.delay == .microseconds(19_999))
    }

    @Test func aTraceLoopsAndWhatNobodyUsedIsGone() throws {
        var traced = LinkBehavior(delay: .milliseconds(1))
        traced.trace = try LinkTrace("0\n3\n3\n10\n")
        var link = Link(traced, random: SeededRandom(seed: 1))
        let times: [Int64] = [0, 4, 4, 4, 4, 4]
        let result = run(&link, times.map { (.origin + .milliseconds($0), packet(1500)) })
        // Opportunities: 0 3 3 10, 10 13 13 20 and so on.
        #expect(result.delays.map { ($0.sent + $0.delay).nanoseconds / 1_000_000 } == [1, 11, 11, 14, 14, 21])
    }

    @Test func aTraceThatIsNoneIsRefusedWithItsLine() {
        func problem(_ text: String) -> LinkTrace.Problem? {
            do throws(LinkTrace.Problem) {
                _ = try LinkTrace(text)
                return nil
            } catch {
                return error
            }
        }
        #expect(problem("1\n2\r\n2") == nil)
        #expect(problem("") == .empty)
        #expect(problem("0\n0\n") == .takesNoTime)
        #expect(problem("1\n2\n1\n") == .goesBack(line: 3))
        for text in ["1\nx\n", "1\n\n2\n", "1\n-2\n", "1\n+2\n", "1\n4294967296\n", "1\n 2\n"] {
            #expect(problem(text) == .notANumber(line: 2), "\(text)")
        }
        #expect(problem("5\n3")?.description == "line 2: earlier than the line before; sort the times")
    }

    // MARK: Single packets

    @Test(arguments: [(0.05, 3.0), (0.2, 10.0), (0.5, 2.0)])
    func lossInBurstsHasItsShareAndItsLength(_ share: Double, _ mean: Double) {
        var lossy = LinkBehavior()
        lossy.loss = .bursts(share: share, meanLength: mean)
        var link = Link(lossy, random: SeededRandom(seed: 5))
        var datagram = packet(100)
        var (lost, bursts, wasLost) = (0, 0, false)
        for _ in 0..<100_000 {
            let isLost = link.send(&datagram, now: .origin) == .dropped(.lost)
            lost += isLost ? 1 : 0
            bursts += isLost && !wasLost ? 1 : 0
            wasLost = isLost
        }
        #expect(abs(Double(lost) / 100_000 - share) < share * 0.1)
        #expect(abs(Double(lost) / Double(bursts) - mean) < mean * 0.05)
    }

    @Test func corruptionFlipsOneBit() {
        var bad = LinkBehavior()
        bad.corruption = Probability(1)
        var link = Link(bad, random: SeededRandom(seed: 5))
        var places: Set<Int> = []
        for _ in 0..<500 {
            var datagram = packet(38)
            _ = link.send(&datagram, now: .origin)
            #expect(datagram.payload.map(\.nonzeroBitCount).reduce(0, +) == 1)
            if let index = datagram.payload.firstIndex(where: { $0 != 0 }) { places.insert(index) }
        }
        #expect(places == Set(0..<10))
    }
}
