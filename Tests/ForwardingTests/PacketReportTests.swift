import RTP
import Testing
import Wire

@testable import Forwarding

// Reports about packets by SSRC and sequence number (RFC 8888), in both directions.

private func publishing(_ feedback: [String], extensions: Bool = true) -> Fixture {
    var section = Media.video
    section.receives?.codecs[0].feedback = feedback
    if !extensions { section.receives?.headerExtensions = [] }
    let fixture = Fixture()
    fixture.join(alice, [section])
    fixture.join(bob, [Media.watch()])
    fixture.connect(alice, bob)
    return fixture
}

private func statuses(_ entry: (packet: RTCPPacket, bytes: [UInt8])) -> [CongestionControlFeedback.Status] {
    guard case .congestionControlFeedback(let feedback) = entry.packet else { return [] }
    var statuses = feedback.statuses
    var list: [CongestionControlFeedback.Status] = []
    while let status = statuses.next(in: entry.bytes.span.bytes) { list.append(status) }
    return list
}

@Test func aPublisherIsToldOfEachOfItsStreamsPackets() {
    let fixture = publishing(["nack", PacketFeedback.congestionControl])
    for number in UInt16(65_533)...65_535 where number != 65_534 { fixture.send(Media.key(number), from: alice) }
    fixture.wait(.milliseconds(10))
    fixture.send(Media.delta(0), from: alice)
    fixture.send(Media.rtx(of: Media.delta(65_534), sequence: 7), from: alice)
    #expect(fixture.takeRTCP(to: alice).flatMap(statuses).isEmpty)
    fixture.wait(Limits.transportFeedbackInterval)
    let list = fixture.takeRTCP(to: alice).flatMap(statuses)
    #expect(list.map(\.ssrc) == [0x11, 0x11, 0x11, 0x11, 0x12])
    #expect(list.map(\.sequenceNumber.rawValue) == [65_533, 65_534, 65_535, 0, 7])
    #expect(list.map(\.isReceived) == [true, false, true, true, true])
    let ages = list.compactMap { $0.age?.microseconds }
    #expect(ages.count == 4 && abs(ages[0] - ages[2] - 10_000) <= 1_000)
    fixture.wait(.milliseconds(200))
    #expect(fixture.takeRTCP(to: alice).flatMap(statuses).isEmpty, "nothing new has come")
}

@Test func whoGetsReportsOnItsPacketsGetsNoREMB() {
    let fixture = publishing(["goog-remb", PacketFeedback.congestionControl], extensions: false)
    fixture.send(Media.key(1), from: alice)
    fixture.wait(.seconds(3))
    let packets = fixture.takeRTCP(to: alice)
    #expect(packets.contains { if case .congestionControlFeedback = $0.packet { true } else { false } })
    #expect(!packets.contains { if case .maximumBitrate = $0.packet { true } else { false } })
    #expect(!packets.contains { if case .transportFeedback = $0.packet { true } else { false } })
}

@Test func aPeerThatDidNotAskForReportsGetsNone() {
    let fixture = publishing(["nack"])
    fixture.send(Media.key(1), from: alice)
    fixture.wait(.seconds(1))
    #expect(fixture.takeRTCP(to: alice).flatMap(statuses).isEmpty)
}

@Test(arguments: [(300_000.0, 0), (1_000_000, 1), (3_000_000, 2)])
func reportsBySequenceNumberFindTheHighestLayerThatFits(capacity: Double, layer: Int) {
    let world = PathWorld(viewers: 1)
    let viewer = world.addViewer(capacity: capacity, feedback: PacketFeedback.congestionControl)
    world.run(.seconds(10))
    let hasFeedback = world.fixture.router.sendSides[1].hasFeedback
    #expect(hasFeedback)
    #expect(viewer.layer == layer)
    viewer.forget()
    world.run(.seconds(20))
    #expect(viewer.layer == layer)
    #expect(viewer.changes <= 1, "on a steady path")
    #expect(viewer.gap(now: world.fixture.now) < .milliseconds(500))
}

@Test(arguments: [UInt8(101), nil])
func reportsBySequenceNumberFollowAPathThatFalls(rtx: UInt8?) {
    let world = PathWorld(viewers: 1)
    let viewer = world.addViewer(capacity: 3_000_000, rtx: rtx, feedback: PacketFeedback.congestionControl)
    world.run(.seconds(8))
    // Probes are RTX: without, only what is sent shows what there is room for.
    #expect(viewer.layer >= (rtx == nil ? 1 : 2))
    viewer.capacity = 400_000
    world.run(.seconds(10))
    #expect(viewer.layer == 0)
}

@Test func packetsThatAreReportedByTheirOwnNumbersCarryNoOther() throws {
    let fixture = Fixture()
    var watch = Media.watch()
    watch.sends?.codecs[0].feedback.append(PacketFeedback.congestionControl)
    fixture.join(alice, [Media.video])
    fixture.join(bob, [watch])
    fixture.connect(alice, bob)
    let copy = try #require(fixture.send(Media.key(1), from: alice).first)
    #expect(copy.headerExtension(3) == nil)
    let next = fixture.router.sendSides[1].nextSequence
    #expect(next == 2)
}

@Test func aReportOfTheOtherKindIsIgnored() throws {
    for feedback in [PacketFeedback.transportWide, PacketFeedback.congestionControl] {
        let fixture = Fixture()
        var watch = Media.watch()
        watch.sends?.codecs[0].feedback.append(feedback)
        fixture.join(alice, [Media.video])
        fixture.join(bob, [watch])
        fixture.connect(alice, bob)
        let copy = try #require(fixture.send(Media.key(1), from: alice).first)
        var numbers = TransportFeedbackRecorder()
        numbers.record(SequenceNumber(1), arrival: fixture.now)
        var streams = CongestionControlRecorder()
        streams.record(ssrc: copy.header.ssrc, copy.header.sequenceNumber, arrival: fixture.now)
        let isWide = feedback == PacketFeedback.transportWide
        let now = fixture.now
        for other in [true, false] {
            fixture.sendRTCP(from: bob) { writer in
                if isWide == other {
                    _ = streams.writeFeedback(
                        senderSSRC: 1, timestamp: NTPTimestamp(now, unixOffset: .zero), now: now, to: &writer)
                } else {
                    _ = numbers.writeFeedback(senderSSRC: 1, mediaSSRC: 2, to: &writer)
                }
            }
            let hasFeedback = fixture.router.sendSides[1].hasFeedback
            #expect(hasFeedback == !other)
        }
    }
}

@Test func whereSectionsDifferTheNumbersAcrossTheTransportHold() {
    let fixture = Fixture()
    var first = Media.watch(ssrc: 0xAA, mid: "1")
    first.sends?.codecs[0].feedback.append(PacketFeedback.congestionControl)
    var second = Media.watch(ssrc: 0xBB, mid: "2")
    second.sends?.codecs[0].feedback.append(PacketFeedback.transportWide)
    fixture.join(bob, [first, second])
    var kind = fixture.router.sendSides[1].feedback
    #expect(kind == .transportWide)
    fixture.router.negotiate(bob, media: [first], now: fixture.now)
    kind = fixture.router.sendSides[1].feedback
    #expect(kind == .congestionControl)
    fixture.router.negotiate(bob, media: [Media.watch(ssrc: 0xAA, mid: "1")], now: fixture.now)
    let hasPath = fixture.router.sendSides.contains(1)
    #expect(!hasPath)
}

@Suite struct SentNumbersTests {
    @Test func fourStreamsWithAThousandPacketsEachAreKnown() {
        var numbers = SentNumbers()
        // Neighbouring SSRCs, as ours are, and numbers that wrap.
        let ssrcs: [UInt32] = [0xAA, 0xAB, 0xAC, 0xAD]
        for step in 0..<4_000 {
            let number = SequenceNumber(UInt16(truncatingIfNeeded: 65_000 + step / 4))
            numbers.note(ssrcs[step % 4], number, as: Int64(step + 1))
        }
        for step in 0..<4_000 {
            let number = SequenceNumber(UInt16(truncatingIfNeeded: 65_000 + step / 4))
            #expect(numbers.sequence(ssrcs[step % 4], number) == Int64(step + 1))
        }
        #expect(numbers.sequence(0xAE, SequenceNumber(65_000)) == nil)
        #expect(numbers.sequence(0xAA, SequenceNumber(64_999)) == nil)
    }

    @Test func theOldestIsForgottenFirst() {
        var numbers = SentNumbers()
        for step in 0..<10_000 { numbers.note(7, SequenceNumber(UInt16(step)), as: Int64(step + 1)) }
        #expect(numbers.sequence(7, SequenceNumber(100)) == nil)
        for step in 6_000..<10_000 { #expect(numbers.sequence(7, SequenceNumber(UInt16(step))) == Int64(step + 1)) }
    }

    @Test func aNumberThatComesRoundAgainMeansTheNewPacket() {
        var numbers = SentNumbers()
        numbers.note(7, SequenceNumber(5), as: 1)
        numbers.note(7, SequenceNumber(5), as: 65_537)
        #expect(numbers.sequence(7, SequenceNumber(5)) == 65_537)
        numbers.forget(7, SequenceNumber(5))
        #expect(numbers.sequence(7, SequenceNumber(5)) == nil)
    }
}

@Test func aPacketThatWasRepeatedAsItWasIsNotJudgedByItsArrival() throws {
    let fixture = Fixture()
    var watch = Media.watch(rtx: nil)
    watch.sends?.codecs[0].feedback.append(PacketFeedback.congestionControl)
    fixture.join(alice, [Media.video])
    fixture.join(bob, [watch])
    fixture.connect(alice, bob)
    let copy = try #require(fixture.send(Media.key(1), from: alice).first)
    fixture.sendRTCP(from: bob) {
        $0.writeNack(senderSSRC: 1, mediaSSRC: copy.header.ssrc, sequenceNumbers: [copy.header.sequenceNumber])
    }
    #expect(fixture.retransmitted.count == 1)
    var streams = CongestionControlRecorder()
    streams.record(ssrc: copy.header.ssrc, copy.header.sequenceNumber, arrival: fixture.now)
    let now = fixture.now
    fixture.sendRTCP(from: bob) {
        _ = streams.writeFeedback(senderSSRC: 1, timestamp: NTPTimestamp(now, unixOffset: .zero), now: now, to: &$0)
    }
    let hasFeedback = fixture.router.sendSides[1].hasFeedback
    #expect(!hasFeedback)
}

@Suite struct StatusBudgetTests {
    private func word(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 0xFF), UInt8(value & 0xFF)] }

    /// Transport-wide feedback: one chunk of two bytes that says of thousands of packets that they are lost.
    private func run(_ statuses: Int) -> [UInt8] {
        [0x8F, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2] + word(2) + word(statuses) + [0, 0, 0, 0] + word(statuses) + [0, 0]
    }

    /// RFC 8888: a stream that nobody sends.
    private func report(_ statuses: Int) -> [UInt8] {
        [0x8B, 205] + word(4 + statuses / 2) + [0, 0, 0, 1, 0, 0, 0, 9] + word(0) + word(statuses)
            + [UInt8](repeating: 0, count: statuses * 2) + [0, 0, 0, 0]
    }

    /// Whether the truth behind so many claims is heard.
    private func hears(_ feedback: String, behind claims: [UInt8]) throws -> Bool {
        let fixture = Fixture()
        var watch = Media.watch()
        watch.sends?.codecs[0].feedback.append(feedback)
        fixture.join(alice, [Media.video])
        fixture.join(bob, [watch])
        fixture.connect(alice, bob)
        let copy = try #require(fixture.send(Media.key(1), from: alice).first)
        var writer = ByteWriter()
        if feedback == PacketFeedback.transportWide {
            var recorder = TransportFeedbackRecorder()
            recorder.record(SequenceNumber(1), arrival: fixture.now)
            _ = recorder.writeFeedback(senderSSRC: 1, mediaSSRC: 2, to: &writer)
        } else {
            var recorder = CongestionControlRecorder()
            recorder.record(ssrc: copy.header.ssrc, copy.header.sequenceNumber, arrival: fixture.now)
            let timestamp = NTPTimestamp(fixture.now, unixOffset: .zero)
            _ = recorder.writeFeedback(senderSSRC: 1, timestamp: timestamp, now: fixture.now, to: &writer)
        }
        #expect(fixture.sendRTCP(claims + writer.bytes, from: bob) == nil)
        return fixture.router.sendSides[1].hasFeedback
    }

    @Test func oneCompoundsFeedbackCostsNoMoreThanItsBudget() throws {
        let wide = PacketFeedback.transportWide
        #expect(try hears(wide, behind: run(Limits.reportedPackets - 1)))
        #expect(try !hears(wide, behind: run(Limits.reportedPackets)))
        let again = [[UInt8]](repeating: run(200), count: 60).flatMap { $0 }
        #expect(try !hears(wide, behind: again), "many small claims are one large one")
    }

    @Test func reportsBySequenceNumberHaveTheSameBudget() throws {
        let streams = PacketFeedback.congestionControl
        #expect(try hears(streams, behind: report(Limits.reportedPackets - 2)))
        #expect(try !hears(streams, behind: report(Limits.reportedPackets)))
    }
}
