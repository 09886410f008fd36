import RTP
import Testing
import Wire

@testable import Forwarding

/// A sender of VP8 frames behind a network that loses, repeats and reorders.
private struct RandomSender {
    struct Packet {
        var due: Instant
        var sequence: Int
        var isKeyFrame: Bool
        var bytes: [UInt8]
        var timestamp: UInt32
    }

    let index: Int
    let ssrc: UInt32
    var random: SeededRandom
    var sequence: Int
    var timestamp: UInt32
    var rtxSequence: UInt16 = 0
    var network: [Packet] = []

    init(index: Int, seed: UInt64) {
        self.index = index
        ssrc = UInt32(0x1000 + index)
        random = SeededRandom(seed: seed &* 31 &+ UInt64(index))
        sequence = 0xFF00 + Int(random.next() % 0x180)
        timestamp = UInt32(truncatingIfNeeded: random.next())
    }

    mutating func frame(now: Instant) {
        timestamp &+= 3000
        let isKeyFrame = random.next() % 5 == 0
        for part in 0..<(1 + Int(random.next() % 4)) {
            sequence += 1
            let starts = isKeyFrame && part == 0
            let payload = starts ? Media.vp8(isKeyFrame: true) : part == 0 ? Media.vp8(isKeyFrame: false) : [0x00, 1, 2]
            let bytes = Media.packet(
                UInt16(truncatingIfNeeded: sequence), timestamp: timestamp, ssrc: ssrc, payload: payload)
            emit(bytes, isKeyFrame: starts, now: now)
        }
    }

    private mutating func emit(_ bytes: [UInt8], isKeyFrame: Bool, now: Instant) {
        func delayed(_ least: Int64, _ spread: UInt64, _ random: inout SeededRandom) -> Instant {
            now + .microseconds(least + Int64(random.next() % spread))
        }
        var packet = Packet(
            due: now, sequence: sequence, isKeyFrame: isKeyFrame, bytes: bytes, timestamp: timestamp)
        let isLost = random.next() % 10 == 0
        if !isLost {
            packet.due = delayed(0, random.next() % 5 == 0 ? 60_000 : 1_000, &random)
            network.append(packet)
        }
        // Repeated by the network, or sent again as RTX, needed or not.
        if random.next() % 12 == 0 {
            packet.due = delayed(0, 80_000, &random)
            network.append(packet)
        }
        if random.next() % (isLost ? 2 : 12) == 0 {
            rtxSequence &+= 1
            packet.due = delayed(20_000, 80_000, &random)
            packet.bytes = Media.rtx(of: bytes, sequence: rtxSequence, ssrc: ssrc + 0x100)
            network.append(packet)
        }
    }

    mutating func arrivals(now: Instant) -> [Packet] {
        let due = network.filter { $0.due <= now }.sorted { $0.due < $1.due }
        network.removeAll { $0.due <= now }
        return due
    }
}

/// What the subscriber must get, kept in the plainest way.
private struct ReferenceStream {
    var seen: [Set<Int>] = Array(repeating: [], count: 3)
    var newest: [Int] = Array(repeating: -1, count: 3)
    var current = -1
    /// The current sender's newest packet when it was connected: later ones are kept.
    var keptSince = -1
    var first: Int?
    var offset: Int?
    var timestampOffset: UInt32?
    var unwrapper = SequenceUnwrapper()
    var used: Set<Int64> = []
    var segmentFloor: Int64 = 0
    var newestTimestamp: UInt32?

    mutating func connect(_ sender: Int) {
        guard sender != current else { return }
        current = sender
        keptSince = newest[sender]
        first = nil
        offset = nil
        timestampOffset = nil
        segmentFloor = used.max() ?? 0
    }

    /// Whether the packet must come out.
    mutating func expects(_ packet: RandomSender.Packet, from sender: Int, isRTX: Bool) -> Bool {
        // RTX before the stream's first packet has nothing to refer to.
        if isRTX, newest[sender] < 0 { return false }
        guard seen[sender].insert(packet.sequence).inserted else { return false }
        newest[sender] = max(newest[sender], packet.sequence)
        guard sender == current else { return false }
        if first == nil {
            // A late key frame starts the output only when what followed it can still be sent.
            let isComplete = packet.sequence == newest[sender] || packet.sequence > keptSince
            guard packet.isKeyFrame, isComplete else { return false }
            first = packet.sequence
        }
        return packet.sequence >= first ?? 0
    }

    /// Checks a packet that came out.
    mutating func check(_ copy: Fixture.Sent, of packet: RandomSender.Packet) {
        let number = unwrapper.unwrap(copy.header.sequenceNumber)
        #expect(used.insert(number).inserted, "an output number was used twice")
        #expect(number > segmentFloor, "a number of a former source was reached again")
        let step = Int(number) - packet.sequence
        #expect(offset == nil || offset == step, "order or gaps changed within a source")
        let ticks = copy.header.timestamp &- packet.timestamp
        #expect(timestampOffset == nil || timestampOffset == ticks, "a frame lost its timestamp")
        if offset == nil, let newestTimestamp {
            #expect(Int32(bitPattern: copy.header.timestamp &- newestTimestamp) > 0, "time went back at a switch")
            #expect(copy.header.timestamp &- newestTimestamp < 90_000 * 60)
        }
        if offset == nil, !used.isEmpty, segmentFloor > 0 { #expect(number == segmentFloor + 1) }
        offset = step
        timestampOffset = ticks
        if newestTimestamp.map({ Int32(bitPattern: copy.header.timestamp &- $0) > 0 }) ?? true {
            newestTimestamp = copy.header.timestamp
        }
    }
}

@Test(arguments: 1...40) func theOutputIsOneStreamWhateverTheSourcesAndTheNetworkDo(seed: Int) {
    let fixture = Fixture(seed: UInt64(seed))
    var random = SeededRandom(seed: UInt64(seed))
    var reference = ReferenceStream()
    var senders = (0..<3).map { RandomSender(index: $0, seed: UInt64(seed)) }
    for index in 0..<3 { fixture.join(EndpointIndex(Int32(index)), [Media.video]) }
    fixture.join(dave, [Media.watch()])
    var forwarded = 0
    for step in 0..<600 {
        if step % 40 == 0 || random.next() % 60 == 0 {
            let next = Int(random.next() % 3)
            fixture.connect(EndpointIndex(Int32(next)), dave)
            reference.connect(next)
        }
        for index in 0..<3 {
            if step % 3 == 0 { senders[index].frame(now: fixture.now) }
            for packet in senders[index].arrivals(now: fixture.now) {
                let isRTX = packet.bytes[1] & 0x7F == 97
                let isExpected = reference.expects(packet, from: index, isRTX: isRTX)
                let copies = fixture.send(packet.bytes, from: EndpointIndex(Int32(index)))
                #expect(copies.count == (isExpected ? 1 : 0))
                if let copy = copies.first {
                    reference.check(copy, of: packet)
                    forwarded += 1
                }
            }
        }
        fixture.wait(.milliseconds(11))
    }
    #expect(forwarded > 100)
    #expect(fixture.router.statistics(of: dave).outbound.first?.packetsSent == UInt64(forwarded))
}

@Test func audioGoesOnAtOnceWhenItsSourceChanges() {
    let fixture = Fixture()
    fixture.join(alice, [Media.audio])
    fixture.join(bob, [Media.audio])
    fixture.join(carol, [Media.listen()])
    fixture.connect(alice, carol, .audio)
    let before = fixture.send(Media.packet(10, timestamp: 960, type: 111, payload: [1]), from: alice)[0]
    fixture.connect(bob, carol, .audio)
    #expect(fixture.send(Media.packet(11, timestamp: 1920, type: 111, payload: [1]), from: alice).isEmpty)
    #expect(fixture.lastDrop == .noSubscriber)
    fixture.wait(.milliseconds(500))
    let after = fixture.send(Media.packet(9000, timestamp: 77, ssrc: 5, type: 111, payload: [2]), from: bob)[0]
    #expect(after.header.sequenceNumber == before.header.sequenceNumber.advanced(by: 1))
    #expect(after.header.timestamp &- before.header.timestamp == 24_000)
    #expect(after.header.ssrc == before.header.ssrc)
}

@Test func videoWaitsForAKeyFrameAndAsksForIt() {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    fixture.join(bob, [Media.watch()])
    fixture.send(Media.key(1), from: alice)
    fixture.rtcp = []
    fixture.connect(alice, bob)
    #expect(fixture.takeKeyFrameRequests(to: alice) == 1)
    #expect(fixture.send(Media.delta(2), from: alice).isEmpty)
    #expect(fixture.lastDrop == .waitingForKeyFrame)
    #expect(fixture.send(Media.key(3), from: alice).count == 1)
    #expect(fixture.send(Media.delta(4), from: alice).count == 1)
}

@Test func packetsFromBeforeTheSwitchDoNotFollow() {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    fixture.join(bob, [Media.watch()])
    fixture.connect(alice, bob)
    fixture.send(Media.delta(9), from: alice)
    fixture.send(Media.key(11), from: alice)
    #expect(fixture.send(Media.delta(10), from: alice).isEmpty)
    #expect(fixture.lastDrop == .staleSource)
}

@Test func aPacketIsForwardedOnceHoweverOftenItComes() {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    fixture.join(bob, [Media.watch()])
    fixture.connect(alice, bob)
    fixture.send(Media.key(10), from: alice)
    fixture.send(Media.delta(12), from: alice)
    let recovered = fixture.send(Media.rtx(of: Media.delta(11, timestamp: 5), sequence: 1), from: alice)
    #expect(recovered.count == 1)
    #expect(recovered.first?.payload == Media.vp8(isKeyFrame: false))
    #expect(recovered.first?.header.payloadType == 100)
    #expect(fixture.send(Media.delta(11), from: alice).isEmpty)
    #expect(fixture.lastDrop == .rtpDuplicate)
    #expect(fixture.send(Media.rtx(of: Media.key(10), sequence: 2), from: alice).isEmpty)
    #expect(fixture.lastDrop == .rtpDuplicate)
}

@Test func aSenderThatStartsOverIsFollowedWithoutASeam() {
    let fixture = Fixture()
    fixture.join(alice, [Media.audio])
    fixture.join(bob, [Media.listen()])
    fixture.connect(alice, bob, .audio)
    let before = fixture.send(Media.packet(100, type: 111, payload: [1]), from: alice)[0]
    #expect(fixture.send(Media.packet(30_000, type: 111, payload: [1]), from: alice).isEmpty)
    #expect(fixture.lastDrop == .staleSource)
    let after = fixture.send(Media.packet(30_001, type: 111, payload: [1]), from: alice)[0]
    #expect(after.header.sequenceNumber == before.header.sequenceNumber.advanced(by: 1))
}

@Test func aTransportThatComesBackGetsAKeyFrameAndNoGap() {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    fixture.join(bob, [Media.watch()])
    fixture.connect(alice, bob)
    let before = fixture.send(Media.key(1), from: alice)[0]
    fixture.router.setConnected(bob, false, now: fixture.now)
    #expect(fixture.send(Media.delta(2), from: alice).isEmpty)
    #expect(fixture.lastDrop == .subscriberNotConnected)
    fixture.wait(.seconds(1))
    fixture.rtcp = []
    fixture.router.setConnected(bob, true, now: fixture.now)
    fixture.drain()
    #expect(fixture.takeKeyFrameRequests(to: alice) == 1)
    #expect(fixture.send(Media.delta(3), from: alice).isEmpty)
    let after = fixture.send(Media.key(4, timestamp: 3000), from: alice)[0]
    #expect(after.header.sequenceNumber == before.header.sequenceNumber.advanced(by: 1))
    #expect(after.header.timestamp &- before.header.timestamp == 90_000)
}

/// A successor of a process that had sent `copies` to Bob, in the same memory, before Alice's next packet.
private func succession(rtx: UInt8?) -> (copies: [Fixture.Sent], successor: Fixture, memory: Fixture) {
    let first = Fixture()
    first.join(alice, [Media.video])
    first.join(bob, [Media.watch(rtx: rtx)])
    first.connect(alice, bob)
    let copies = first.send(Media.key(1), from: alice) + first.send(Media.delta(2), from: alice)
    let second = Fixture(seed: 99, memory: first.memory)
    second.now = first.now + .milliseconds(200)
    second.join(alice, [Media.video])
    second.join(bob, [Media.watch(rtx: rtx)])
    second.connect(alice, bob)
    return (copies, second, first)
}

@Test func aSuccessorContinuesTheStreamFromTheMemoryWithoutAGap() {
    let (copies, second, _) = succession(rtx: 101)
    let after = second.send(Media.key(7), from: alice)[0]
    #expect(after.header.sequenceNumber == copies[1].header.sequenceNumber.advanced(by: 1))
    #expect(after.header.timestamp &- copies[0].header.timestamp == 18_000)
}

@Test func whoMissesAPacketOfThePredecessorsIsToldThatNothingComes() throws {
    let (copies, second, _) = succession(rtx: 101)
    let lost = copies[1].header.sequenceNumber
    let ask = { second.sendRTCP(from: bob) { $0.writeNack(senderSSRC: 9, mediaSSRC: 0xAA, sequenceNumbers: [lost]) } }
    ask()
    // Not before the stream goes on: until then it may still be on its way.
    #expect(second.retransmitted.isEmpty)
    second.send(Media.key(7), from: alice)
    ask()
    let empty = try #require(second.retransmitted.first)
    #expect(empty.header.ssrc == 0xAB && empty.header.payloadType == 101)
    #expect(empty.payload == [UInt8(lost.rawValue >> 8), UInt8(lost.rawValue & 0xFF)])
    #expect(empty.header.timestamp == copies[1].header.timestamp)
    #expect(empty.headerExtension(9) == Array("w".utf8))
    ask()
    #expect(second.retransmitted.count == 1 && second.router.drops[.retransmissionThrottled] == 1)
    second.sendRTCP(from: bob) {
        $0.writeNack(senderSSRC: 9, mediaSSRC: 0xAA, sequenceNumbers: [lost.advanced(by: -512)])
    }
    #expect(second.retransmitted.count == 1)
}

@Test func thePredecessorsNumbersAreNotUsedAgainForWhoTakesNoRTX() {
    let (copies, second, _) = succession(rtx: nil)
    second.send(Media.key(7), from: alice)
    second.sendRTCP(from: bob) {
        $0.writeNack(senderSSRC: 9, mediaSSRC: 0xAA, sequenceNumbers: [copies[1].header.sequenceNumber])
    }
    #expect(second.retransmitted.isEmpty && second.router.drops[.retransmissionUnavailable] == 1)
}
