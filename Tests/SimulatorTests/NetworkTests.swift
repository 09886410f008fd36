import Simulator
import Testing
import Wire

@Suite struct NetworkTests {
    @Test func eventsComeByTimeThenPriorityThenOrder() {
        var queue = EventQueue<Int>()
        var random = SeededRandom(seed: 1)
        for number in 0..<1000 {
            queue.schedule(number, at: Instant(nanoseconds: random.next() % 50), priority: Int8(random.next() % 3))
        }
        var last = Instant.origin
        var count = 0
        while queue.next() != nil {
            #expect(queue.now >= last)
            last = queue.now
            count += 1
        }
        #expect(count == 1000)
        for event in [(3, 0), (1, -1), (2, -1), (4, 0)] {
            queue.schedule(event.0, at: last, priority: Int8(event.1))
        }
        #expect([queue.next(), queue.next(), queue.next(), queue.next()] == [1, 2, 3, 4])
        queue.schedule(5, at: .origin)
        #expect(queue.next() == 5 && queue.now == last, "the past is now")
    }

    @Test func streamsOfASeedDoNotDependOnEachOther() {
        var first = RootSeed(1).stream("a")
        var again = RootSeed(1).stream("a")
        var other = RootSeed(1).stream("b")
        var otherSeed = RootSeed(2).stream("a")
        let value = first.next()
        #expect(value == again.next() && value != other.next() && value != otherSeed.next())
    }

    private func packet(_ bytes: Int) -> Datagram {
        Datagram(
            source: SocketAddress(ip: IPAddress("192.0.2.1")!, port: 1),
            destination: SocketAddress(ip: IPAddress("192.0.2.2")!, port: 2), payload: [UInt8](repeating: 0, count: bytes))
    }

    @Test func aLinkTakesTheTimeThatItsRateAndDelaySay() {
        var behavior = LinkBehavior(delay: .milliseconds(10))
        behavior.rate = 1_000_000
        var link = Link(behavior, random: SeededRandom(seed: 1))
        var datagram = packet(972)
        // 1000 bytes with their headers take 8 ms.
        for number in Int64(1)...3 {
            let outcome = link.send(&datagram, now: .origin)
            #expect(outcome == .arrives(.origin + .milliseconds(10 + 8 * number), copy: nil))
        }
    }

    @Test func aFullQueueDropsTheNewest() {
        var behavior = LinkBehavior()
        behavior.rate = 1_000_000
        behavior.queueBytes = 5000
        var link = Link(behavior, random: SeededRandom(seed: 1))
        var datagram = packet(972)
        let outcomes = (0..<10).map { _ in link.send(&datagram, now: .origin) }
        #expect(outcomes.count { $0 == .dropped(.queueFull) } == 5)
        #expect(outcomes.last == .dropped(.queueFull))
    }

    @Test func lossIsAsLargeAsItIsSetAndInBurstsWhereItShould() {
        for (loss, mean) in [(LinkBehavior.Loss.independent(Probability(0.1)), 1.1), (.bursts(share: 0.1, meanLength: 5), 5.0)] {
            var behavior = LinkBehavior()
            behavior.loss = loss
            var link = Link(behavior, random: SeededRandom(seed: 3))
            var datagram = packet(100)
            var lost = 0
            var bursts = 0
            var wasLost = false
            for _ in 0..<100_000 {
                let isLost = link.send(&datagram, now: .origin) == .dropped(.lost)
                lost += isLost ? 1 : 0
                bursts += isLost && !wasLost ? 1 : 0
                wasLost = isLost
            }
            #expect((9000...11_000).contains(lost))
            #expect(abs(Double(lost) / Double(bursts) - mean) < mean * 0.1)
        }
    }

    @Test func jitterKeepsTheOrderUnlessItMayNot() {
        for reorders in [false, true] {
            var behavior = LinkBehavior(delay: .milliseconds(10))
            behavior.jitter = .milliseconds(10)
            behavior.reorders = reorders
            behavior.duplication = Probability(0.1)
            var link = Link(behavior, random: SeededRandom(seed: 3))
            var datagram = packet(100)
            var arrivals: [Instant] = []
            var copies = 0
            for millisecond in Int64(0)..<1000 {
                guard case .arrives(let time, let copy) = link.send(&datagram, now: .origin + .milliseconds(millisecond))
                else { continue }
                arrivals.append(time)
                if copy != nil { copies += 1 }
            }
            #expect((arrivals == arrivals.sorted()) == !reorders)
            #expect((60...140).contains(copies))
        }
    }

    @Test func aLinkThatIsDownOrANATThatRebootsIsFelt() {
        var nat = NAT(
            NATBehavior(.endpointIndependent, .endpointIndependent), externalAddresses: [IPAddress("198.51.100.1")!],
            random: SeededRandom(seed: 1))
        guard case .outward(let out) = nat.fromInside(packet(1), now: .origin) else {
            Issue.record("no mapping")
            return
        }
        var back = packet(1)
        back.destination = out.source
        guard case .inward = nat.fromOutside(back, now: .origin + .seconds(1)) else {
            Issue.record("no way in")
            return
        }
        nat.reboot()
        #expect(nat.fromOutside(back, now: .origin + .seconds(2)) == .refused(.noMapping))
        #expect(nat.mappingCount == 0)
    }

    @Test func portsAreGivenOutAsConfigured() {
        func ports(_ assignment: NATBehavior.PortAssignment, parity: Bool = false, subscribers: Int = 1) -> [UInt16] {
            var behavior = NATBehavior(.addressAndPortDependent, .addressAndPortDependent)
            behavior.ports = assignment
            behavior.preservesParity = parity
            var nat = NAT(
                behavior, externalAddresses: [IPAddress("198.51.100.1")!], random: SeededRandom(seed: 9))
            return (0..<8).compactMap { number in
                var datagram = packet(1)
                datagram.source = SocketAddress(
                    ip: IPAddress(ipv4: 0xC0A8_0001 + UInt32(number % subscribers)), port: 5000)
                datagram.destination.port = 100 + UInt16(number)
                guard case .outward(let out) = nat.fromInside(datagram, now: .origin) else { return nil }
                return out.source.port
            }
        }
        #expect(ports(.preserving) == (5000..<5008).map { $0 })
        #expect(ports(.preserving, parity: true) == stride(from: 5000, to: 5016, by: 2).map { $0 })
        #expect(ports(.sequential(step: 2)) == stride(from: 1024, to: 1040, by: 2).map { $0 })
        #expect(Set(ports(.random)).count == 8 && ports(.random) != ports(.random).sorted())
        #expect(ports(.overloading) == Array(repeating: 5000, count: 8))
        #expect(ports(.blocks(size: 3)).count == 3, "a block is all that a subscriber has")
        #expect(ports(.blocks(size: 3), subscribers: 4).count == 8)
    }
}
