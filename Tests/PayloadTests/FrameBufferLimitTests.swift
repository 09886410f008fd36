import Payload
import RTP
import Testing
import Wire

private let start = at(milliseconds: 10_000)

@Test func aSourceThatBeginsAgainElsewhereIsFollowed() {
    var stream = Stream(.vp8)
    let before = stream.receive(stream.frame(key: true), at: start)
    stream.number = stream.number.advanced(by: 20_000)
    stream.timestamp &-= 1_000_000_000
    let key = stream.frame(key: true)
    // The first packet waits for the one that confirms the jump, and is not lost.
    #expect(stream.receive([key[0]], at: start).isEmpty && stream.buffer.heldPackets == 1)
    let after = stream.receive(key.dropFirst() + stream.frame(), at: start)
    #expect(after.count == 2 && after[0].bytes == Sample.frame(.vp8, key: true) && after[0].followsLoss)
    #expect(after[0].timestamp > before[0].timestamp)
    #expect(UInt32(truncatingIfNeeded: after[0].timestamp) == key[0].header.timestamp)
    #expect(stream.buffer.counters.jumps == 1 && stream.isAccountedFor)
}

@Test func aPacketThatStraysDoesNotBeginAnything() {
    var stream = Stream(.opus)
    var frames = stream.receive(stream.frame(), at: start)
    let number = stream.number
    for step in [20_000, -20_000] {
        stream.number = number.advanced(by: step)
        frames += stream.receive([stream.packet([1])], at: start)
    }
    stream.number = number
    for _ in 0..<3 { frames += stream.receive(stream.frame(), at: start) }
    #expect(frames.count == 4 && !frames.contains { $0.followsLoss })
    #expect(stream.buffer.counters.jumps == 0 && stream.isAccountedFor)
}

@Test func timestampsThatJumpGoOnAbove() {
    for jump in [UInt32(0) &- 2_000_000, 1_500_000_000, 0 &- 1_500_000_000] {
        var stream = Stream(.opus)
        var frames = stream.receive(stream.frame() + stream.frame(), at: start)
        stream.timestamp &+= jump
        frames += stream.receive(stream.frame() + stream.frame(), at: start + .milliseconds(40))
        #expect(frames.count == 4 && !frames.contains { $0.followsLoss })
        #expect(zip(frames, frames.dropFirst()).allSatisfy { $0.timestamp < $1.timestamp })
        #expect(frames[3].timestamp - frames[2].timestamp == 960)
        #expect(stream.buffer.counters.jumps == 1)
    }
}

@Test func aPauseIsNoJump() {
    var stream = Stream(.opus)
    stream.receive(stream.frame(), at: start)
    stream.timestamp &+= 60 * 48_000
    #expect(stream.receive(stream.frame(), at: start + .seconds(60)).count == 1)
    #expect(stream.buffer.counters.jumps == 0)
}

@Test func anotherSourceNeedsAReset() {
    var stream = Stream(.vp8)
    let first = stream.receive(stream.frame(key: true), at: start)
    var other = Stream(.vp8)
    other.timestamp = 1
    func foreign(_ packets: [Packet]) -> [Packet] {
        packets.map { packet in
            var packet = packet
            packet.header.ssrc = 8
            return packet
        }
    }
    let key = foreign(other.frame(key: true))
    #expect(stream.receive(key, at: start).isEmpty)
    #expect(stream.buffer.counters.drops[.rtpUnknownStream] == UInt64(key.count))
    stream.receive([stream.frame()[0]], at: start)
    stream.buffer.reset()
    #expect(stream.buffer.heldPackets == 0 && stream.buffer.wantsKeyFrame && stream.isAccountedFor)
    #expect(stream.receive(foreign(other.frame()), at: start).isEmpty)
    let frames = stream.receive(foreign(other.frame(key: true)), at: start)
    #expect(frames.count == 1 && frames[0].followsLoss && frames[0].timestamp > first[0].timestamp)
}

@Test func noMorePacketsAreHeldThanTheLimit() {
    // A frame that never ends.
    var video = Stream(.vp8, .complete(patience: .seconds(10)))
    video.receive([video.packet(hex("10 10 0200"))], at: start)
    for _ in 0..<(3 * Payload.Limits.heldVideoPackets) {
        video.receive([video.packet(hex("00 01"))], at: start)
        #expect(video.buffer.heldPackets <= Payload.Limits.heldVideoPackets)
    }
    #expect(video.buffer.counters.drops[.frameBufferFull] > 0 && video.buffer.wantsKeyFrame && video.isAccountedFor)
    // Audio behind a gap, with more patience than room.
    var audio = Stream(.pcmu, .complete(patience: .seconds(10)))
    audio.receive(audio.frame(), at: start)
    _ = audio.frame()
    var count = 0
    for _ in 0..<(2 * Payload.Limits.heldAudioPackets) {
        count += audio.receive(audio.frame(), at: start).count
        #expect(audio.buffer.heldPackets <= Payload.Limits.heldAudioPackets)
    }
    #expect(count > Payload.Limits.heldAudioPackets && audio.isAccountedFor)
}

@Test func noMoreBytesAreHeldThanTheLimit() {
    var stream = Stream(.vp8, .complete(patience: .seconds(10)))
    stream.receive(stream.frame(key: true), at: start)
    _ = stream.frame()
    for _ in 0..<100 {
        stream.receive([stream.packet(hex("10 11 0200") + [UInt8](repeating: 1, count: 60_000), marker: true)], at: start)
        stream.timestamp &+= 3000
        #expect(stream.buffer.heldBytes <= Payload.Limits.heldBytes)
    }
    #expect(stream.buffer.counters.drops[.frameBufferFull] > 0 && stream.isAccountedFor)
}

@Test func aKeyFrameSurvivesWhenRoomIsMade() {
    var stream = Stream(.vp8, .complete(patience: .seconds(10)))
    stream.receive(stream.frame(key: true), at: start)
    _ = stream.frame()
    stream.receive([stream.packet(hex("10 11 0200") + [UInt8](repeating: 1, count: 50_000), marker: true)], at: start)
    stream.timestamp &+= 3000
    stream.receive(stream.frame(key: true), at: start)
    var frames: [EncodedFrame] = []
    for _ in 0..<90 {
        let packet = stream.packet(hex("10 11 0200") + [UInt8](repeating: 1, count: 50_000), marker: true)
        stream.timestamp &+= 3000
        frames += stream.receive([packet], at: start)
    }
    #expect(frames.first?.isKeyFrame == true && frames.first?.followsLoss == true && frames.count > 80)
}

@Test func aLatePacketThatMakesRoomForItselfIsTooLate() {
    var stream = Stream(.vp8, .complete(patience: .seconds(10)))
    stream.receive(stream.frame(key: true), at: start)
    // It comes behind others that fill the buffer and are given up for it, all of them.
    let late = stream.packet(hex("10 11 0200") + [UInt8](repeating: 1, count: 60_000), marker: true)
    for _ in 0..<69 {
        stream.timestamp &+= 3000
        stream.receive([stream.packet(hex("10 11 0200") + [UInt8](repeating: 1, count: 60_000), marker: true)], at: start)
    }
    let held = stream.buffer.heldPackets
    #expect(held == 69)
    stream.receive([late], at: start)
    #expect(stream.buffer.counters.drops[.packetTooLate] == 1 && stream.buffer.heldPackets == 0)
    #expect(stream.isAccountedFor && stream.buffer.wantsKeyFrame)
}

@Test func whatNobodyFetchesGrowsOld() {
    var stream = Stream(.opus)
    for second in 0..<40 {
        for packet in stream.frame() {
            stream.buffer.insert(
                packet.header, payload: packet.payload.span.bytes, now: start + .seconds(Int64(second)))
        }
    }
    #expect(stream.buffer.heldPackets <= 16)
    #expect(stream.buffer.counters.drops[.frameBufferFull] >= 24)
    #expect(stream.fetch(at: start + .seconds(40)).first?.followsLoss == true)
}

@Test func aLeapOfNumbersWithinALossIsALoss() {
    // Below the least jump, and more than the buffer has room for.
    var stream = Stream(.opus)
    stream.receive(stream.frame(), at: start)
    stream.number = stream.number.advanced(by: 2_900)
    #expect(stream.receive(stream.frame(), at: start).map(\.followsLoss) == [true])
    #expect(stream.buffer.counters.lostPackets == 2_900 && stream.buffer.counters.jumps == 0)
}
