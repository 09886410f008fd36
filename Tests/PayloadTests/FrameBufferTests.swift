import Payload
import RTP
import Testing
import Wire

private let start = at(milliseconds: 10_000)

@Test(arguments: PayloadFormat.allCases)
func framesComeOutAsTheyWentInWhateverOrderTheirPacketsTake(format: PayloadFormat) {
    var random = SeededRandom(seed: 11)
    var stream = Stream(format)
    // Across the wraps of both numbers.
    stream.number = SequenceNumber(0xFFD0)
    stream.timestamp = .max - 4 * stream.step
    var expected: [[UInt8]] = []
    var frames: [EncodedFrame] = []
    for round in 0..<20 {
        var packets: [Packet] = []
        for index in 0..<3 {
            let frame = Sample.frame(format, key: round == 0 && index == 0, count: 400, seed: UInt64(round * 3 + index))
            expected.append(frame)
            packets += stream.packets(frame)
        }
        packets += packets.filter { _ in random.next() & 1 == 0 }
        packets.shuffle(using: &random)
        frames += stream.receive(packets, at: start + .milliseconds(Int64(100 * round)))
    }
    #expect(frames.map(\.bytes) == expected)
    #expect(frames.map(\.isKeyFrame) == frames.indices.map { format.kind == .audio || $0 == 0 })
    #expect(zip(frames, frames.dropFirst()).allSatisfy { $1.timestamp - $0.timestamp == Int64(stream.step) })
    #expect(!frames.contains { $0.followsLoss } && stream.buffer.counters.lostPackets == 0)
    #expect(stream.buffer.heldPackets == 0 && stream.isAccountedFor && !stream.buffer.wantsKeyFrame)
    let counters = stream.buffer.counters
    #expect(counters.drops[.rtpDuplicate] == counters.drops.total && counters.drops.total > 0)
}

@Test func aFrameSaysWhenItsLastPacketCameAndHowLargeItIs() {
    var stream = Stream(.vp8)
    let packets = stream.frame(key: true)
    #expect(stream.receive(Array(packets.dropLast()), at: start).isEmpty)
    let frames = stream.receive([packets[packets.count - 1]], at: start + .milliseconds(7))
    #expect(frames.first?.arrival == start + .milliseconds(7))
    #expect(frames.first?.size == FrameSize(width: 320, height: 240))
    #expect(UInt32(truncatingIfNeeded: frames.first?.timestamp ?? 0) == 5000)
}

@Test func aMissingPacketIsWaitedFor() {
    var stream = Stream(.vp8)
    stream.receive(stream.frame(key: true), at: start)
    let (second, third) = (stream.frame(), stream.frame())
    #expect(stream.receive(second.dropLast() + third, at: start).isEmpty)
    #expect(stream.buffer.deadline == start + .milliseconds(200))
    #expect(stream.fetch(at: start + .milliseconds(199)).isEmpty)
    let frames = stream.receive([second[second.count - 1]], at: start + .milliseconds(199))
    #expect(frames.count == 2 && !frames[0].followsLoss)
    #expect(stream.buffer.deadline == .distantFuture && !stream.buffer.wantsKeyFrame)
}

@Test(arguments: [PayloadFormat.vp8, .vp9, .h264])
func aLostPacketCostsThePicturesUntilTheNextKeyFrame(format: PayloadFormat) {
    var stream = Stream(format)
    stream.receive(stream.frame(key: true), at: start)
    #expect(stream.receive(Array(stream.frame().dropFirst()) + stream.frame(), at: start).isEmpty)
    #expect(!stream.buffer.wantsKeyFrame)
    let late = start + .milliseconds(200)
    #expect(stream.fetch(at: late).isEmpty)
    #expect(stream.buffer.wantsKeyFrame && stream.buffer.heldPackets == 0)
    #expect(stream.receive(stream.frame(), at: late).isEmpty)
    let key = stream.frame(key: true)
    #expect(stream.receive([key[0]], at: late).isEmpty)
    // It is coming in.
    #expect(!stream.buffer.wantsKeyFrame)
    let frames = stream.receive(key.dropFirst() + stream.frame(), at: late)
    #expect(frames.map(\.isKeyFrame) == [true, false] && frames.map(\.followsLoss) == [true, false])
    #expect(stream.buffer.counters.lostPackets == 1 && stream.isAccountedFor)
    #expect(stream.buffer.counters.drops[.frameIncomplete] > 0)
    #expect(stream.buffer.counters.drops[.waitingForKeyFrame] > 0)
}

@Test func aKeyFrameBehindAGapIsWaitedForNoLongerThanThePatience() {
    var stream = Stream(.vp8)
    stream.receive(stream.frame(key: true), at: start)
    let lost = stream.frame()
    #expect(stream.receive(lost.dropLast() + stream.frame(key: true), at: start).isEmpty)
    // The gap may still be filled, and then nothing is lost.
    let frames = stream.fetch(at: start + .milliseconds(200))
    #expect(frames.count == 1 && frames[0].isKeyFrame && frames[0].followsLoss)
}

@Test func whileNothingCanBeDecodedAKeyFrameIsNotHeldUpByAGap() {
    var stream = Stream(.vp8)
    stream.receive(Array(stream.frame(key: true).dropFirst()) + stream.frame(), at: start)
    #expect(stream.buffer.wantsKeyFrame)
    _ = stream.frame()
    let frames = stream.receive(stream.frame(key: true), at: start)
    #expect(frames.count == 1 && frames[0].isKeyFrame)
    #expect(stream.isAccountedFor)
}

@Test func whileAKeyFrameIsWaitedForNoGapBeforeItIs() {
    var stream = Stream(.vp8)
    stream.receive(stream.frame(key: true), at: start)
    stream.receive(Array(stream.frame().dropFirst()), at: start)
    let late = start + .milliseconds(200)
    #expect(stream.fetch(at: late).isEmpty && stream.buffer.wantsKeyFrame)
    // A picture that nobody could decode is lost as well.
    _ = stream.frame()
    #expect(stream.receive(stream.frame(key: true), at: late).count == 1 && stream.isAccountedFor)
}

@Test func aPacketThatComesAgainIsADuplicateAlsoAfterItsFrame() {
    var stream = Stream(.vp8)
    let packets = stream.frame(key: true)
    stream.receive(packets, at: start)
    #expect(stream.receive(packets, at: start).isEmpty)
    let drops = stream.buffer.counters.drops
    #expect(drops[.rtpDuplicate] == UInt64(packets.count) && drops[.packetTooLate] == 0)
}

@Test func audioGoesOnBehindAGap() {
    var stream = Stream(.opus)
    stream.receive(stream.frame(), at: start)
    _ = stream.frame()
    #expect(stream.receive(stream.frame() + stream.frame(), at: start).isEmpty)
    let frames = stream.fetch(at: start + .milliseconds(200))
    #expect(frames.map(\.followsLoss) == [true, false])
    #expect(frames[0].timestamp - 5000 - 1 << 32 == 2 * 960)
    #expect(stream.buffer.counters.lostPackets == 1 && !stream.buffer.wantsKeyFrame)
}

@Test func whatComesAfterItWasGivenUpIsLate() {
    var stream = Stream(.opus)
    stream.receive(stream.frame(), at: start)
    let lost = stream.frame()
    stream.receive(stream.frame(), at: start)
    _ = stream.fetch(at: start + .milliseconds(200))
    #expect(stream.receive(lost, at: start + .milliseconds(201)).isEmpty)
    #expect(stream.buffer.counters.drops[.packetTooLate] == 1)
    #expect(stream.buffer.counters.drops[.rtpDuplicate] == 0)
}

@Test func paddingIsNoFrameAndNoLoss() {
    for format in [PayloadFormat.vp8, .opus] {
        var stream = Stream(format)
        var frames = stream.receive([stream.packet([])] + stream.frame(key: true), at: start)
        frames += stream.receive([stream.packet([]), stream.packet([])], at: start)
        frames += stream.receive(stream.frame(), at: start)
        #expect(frames.count == 2 && !frames[1].followsLoss)
        #expect(stream.buffer.counters.paddingPackets == 3 && stream.buffer.counters.lostPackets == 0)
        #expect(stream.isAccountedFor && stream.buffer.heldPackets == 0)
    }
}

@Test func paddingInsideAFrameIsLeftOut() {
    var stream = Stream(.vp8)
    let payloads = stream.frame(key: true).map(\.payload)
    stream.timestamp &-= stream.step
    var packets: [Packet] = []
    for (index, payload) in payloads.enumerated() {
        packets.append(stream.packet([]))
        packets.append(stream.packet(payload, marker: index == payloads.count - 1))
    }
    #expect(stream.receive(packets, at: start).map(\.bytes) == [Sample.frame(.vp8, key: true)])
    #expect(stream.isAccountedFor)
}

@Test func lostPaddingCostsNoPictureWhenTheirNumbersGoOn() {
    var stream = Stream(.vp8)
    stream.receive(stream.frame(key: true), at: start)
    _ = stream.packet([])
    #expect(stream.receive(stream.frame(), at: start).isEmpty)
    let frames = stream.fetch(at: start + .milliseconds(200))
    #expect(frames.count == 1 && !frames[0].followsLoss && !stream.buffer.wantsKeyFrame)
    // A picture is missing between these.
    _ = stream.frame()
    stream.receive(stream.frame(), at: start)
    #expect(stream.fetch(at: start + .milliseconds(400)).isEmpty && stream.buffer.wantsKeyFrame)
}

@Test func aFrameWithoutMarkerEndsWhereTheNextBegins() {
    var stream = Stream(.h264)
    var first = stream.frame(key: true)
    first[first.count - 1].header.marker = false
    #expect(stream.receive(first, at: start).isEmpty)
    let frames = stream.receive(stream.frame(), at: start)
    #expect(frames.map(\.bytes) == [Sample.frame(.h264, key: true), Sample.frame(.h264)])
}

@Test(arguments: [PayloadFormat.vp8, .vp9, .h264])
func aStreamIsJoinedAtItsNextKeyFrame(format: PayloadFormat) {
    var stream = Stream(format)
    #expect(stream.buffer.wantsKeyFrame)
    // In the middle of a key frame, so that a part of it comes.
    let key = stream.frame(key: true, count: 800)
    #expect(stream.receive(Array(key.dropFirst(3)) + stream.frame(), at: start).isEmpty)
    #expect(stream.buffer.wantsKeyFrame)
    #expect(stream.receive(stream.frame(key: true), at: start).count == 1)
}

@Test func aBeginningWithoutItsStartIsNotHeldForLong() {
    var stream = Stream(.vp8)
    stream.receive(Array(stream.frame(key: true).dropFirst()) + stream.frame(), at: start)
    #expect(stream.buffer.heldPackets > 0 && stream.buffer.deadline == start + .milliseconds(200))
    #expect(stream.fetch(at: start + .milliseconds(200)).isEmpty)
    #expect(stream.buffer.heldPackets == 0 && stream.buffer.deadline == .distantFuture && stream.isAccountedFor)
}

@Test func packetsThatOvertakeTheFirstAreTakenIn() {
    var stream = Stream(.vp8)
    let packets = stream.frame(key: true)
    for packet in packets.dropFirst().reversed() { #expect(stream.receive([packet], at: start).isEmpty) }
    #expect(stream.receive([packets[0]], at: start).count == 1)
}

@Test func parameterSetsOfTheirOwnGoWithTheNextPicture() {
    var stream = Stream(.h264)
    let sets = [stream.packet(Sample.sps, marker: true), stream.packet(Sample.pps, marker: true)]
    #expect(stream.receive(sets, at: start).isEmpty)
    stream.timestamp &+= 3000
    let slice = hex("65 88 01")
    let frames = stream.receive([stream.packet(slice, marker: true)], at: start)
    #expect(frames.map(\.bytes) == [NALUnits(of: Sample.sps, Sample.pps, slice).annexB])
    #expect(frames.first?.isKeyFrame == true && stream.isAccountedFor)
}

@Test func anIDRPictureWithoutAnyParameterSetsIsNoBeginning() {
    var stream = Stream(.h264)
    let slice = hex("65 88 01")
    #expect(stream.receive([stream.packet(slice, marker: true)], at: start).isEmpty)
    #expect(stream.buffer.wantsKeyFrame)
    stream.receive(stream.frame(key: true), at: start)
    // The decoder has them now.
    stream.timestamp &+= 3000
    #expect(stream.receive([stream.packet(slice, marker: true)], at: start).count == 1)
}

@Test func aFrameOfContradictingFragmentsIsDropped() {
    var stream = Stream(.h264)
    stream.receive(stream.frame(key: true), at: start)
    let broken = [stream.packet(hex("7C 81 9A")), stream.packet(hex("7C 45 02"), marker: true)]
    stream.timestamp &+= 3000
    #expect(stream.receive(broken, at: start).isEmpty)
    #expect(stream.buffer.counters.drops[.payloadMalformed] == 2 && stream.buffer.wantsKeyFrame)
    #expect(stream.isAccountedFor)
}

@Test func aFrameWhoseLastUnitLacksItsEndIsDropped() {
    var stream = Stream(.h264)
    stream.receive(stream.frame(key: true), at: start)
    #expect(stream.receive([stream.packet(hex("7C 81 9A"), marker: true)], at: start).isEmpty)
    #expect(stream.buffer.counters.drops[.payloadMalformed] == 1 && stream.buffer.wantsKeyFrame)
}

@Test func aPictureIsAsLargeAsItsHighestLayerThatIsThere() {
    // Two layers, 320 by 180 and 640 by 360, as the structure in the first payload says.
    let base = hex("AE 05 00 01 30 014000B4 02800168 82 498342 0013F00B30")
    let upper = hex("AC 05 03 01 86 00")
    var both = Stream(.vp9)
    let frames = both.receive([both.packet(base), both.packet(upper, marker: true)], at: start)
    #expect(frames.map(\.size) == [FrameSize(width: 640, height: 360)])
    #expect(frames.map(\.bytes) == [hex("82 498342 0013F00B30 86 00")])
    var one = Stream(.vp9)
    let small = one.receive([one.packet(base, marker: true)], at: start)
    #expect(small.map(\.size) == [FrameSize(width: 320, height: 180)])
}

@Test func aPayloadThatCannotBeReadIsAsIfItHadNotCome() {
    var stream = Stream(.vp8)
    stream.receive(stream.frame(key: true), at: start)
    stream.receive([stream.packet(hex("90"))], at: start)
    #expect(stream.buffer.counters.drops[.payloadMalformed] == 1 && stream.buffer.heldPackets == 0)
    stream.receive(stream.frame(), at: start)
    #expect(stream.fetch(at: start + .milliseconds(200)).count == 1)
}
