import Payload
import RTP
import Testing
import Wire

private let start = at(milliseconds: 10_000)
private let policy = FrameBuffer.Policy.playout(minimum: .milliseconds(40), maximum: .milliseconds(400))

/// Packets of audio, 20 ms apart, each `delays` milliseconds after the fastest; what came out, by the time it did.
private func play(
    _ stream: inout Stream, from first: Instant = start, delays: [Int64]
) -> [(frame: EncodedFrame, at: Instant)] {
    var arrivals: [(at: Instant, packet: Packet)] = []
    for (index, delay) in delays.enumerated() {
        let sent = first + .milliseconds(20) * Int64(index)
        for packet in stream.frame() { arrivals.append((sent + .milliseconds(delay), packet)) }
    }
    arrivals.sort { $0.at < $1.at }
    var frames: [(frame: EncodedFrame, at: Instant)] = []
    func drain(until now: Instant) {
        while stream.buffer.deadline <= now {
            let due = stream.buffer.deadline
            frames += stream.fetch(at: due).map { (frame: $0, at: due) }
        }
    }
    for arrival in arrivals {
        drain(until: arrival.at)
        frames += stream.receive([arrival.packet], at: arrival.at).map { (frame: $0, at: arrival.at) }
    }
    drain(until: first + .milliseconds(20) * Int64(delays.count) + .seconds(1))
    return frames
}

@Test func aFrameIsGivenOutWhenItIsDue() {
    var stream = Stream(.opus, policy)
    #expect(stream.receive(stream.frame(), at: start).isEmpty)
    #expect(stream.buffer.deadline == start + .milliseconds(40))
    #expect(stream.fetch(at: start + .milliseconds(39)).isEmpty)
    let frames = stream.fetch(at: start + .milliseconds(40))
    #expect(frames.map(\.playoutTime) == [start + .milliseconds(40)])
    #expect(frames.first?.arrival == start)
}

@Test func framesComeOutAsEvenlyAsTheyWereSent() {
    var stream = Stream(.opus, policy)
    let out = play(&stream, delays: (0..<500).map { [0, 7, 19, 3, 31, 12][$0 % 6] })
    #expect(out.count == 500)
    // After the bad network is known, there is one frame each 20 ms.
    let times = out.dropFirst(50).map(\.at)
    #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 == .milliseconds(20) })
    #expect(stream.buffer.counters.lateFrames == 0 && stream.buffer.delay == .milliseconds(40))
}

@Test func theDelayGrowsAtOnceAndShrinksSlowly() {
    var stream = Stream(.opus, policy)
    _ = play(&stream, delays: Array(repeating: 0, count: 50))
    #expect(stream.buffer.delay == .milliseconds(40))
    var now = start + .seconds(1)
    _ = play(&stream, from: now, delays: [0, 120, 120, 120, 120, 0])
    let grown = stream.buffer.delay
    #expect(grown >= .milliseconds(120) && grown <= .milliseconds(125))
    // As long as the windows remember it; then by a fiftieth of the time.
    now = now + .milliseconds(120)
    _ = play(&stream, from: now, delays: Array(repeating: 0, count: 250))
    #expect(stream.buffer.delay == grown)
    now = now + .seconds(5)
    var last = grown
    for _ in 0..<15 {
        _ = play(&stream, from: now, delays: Array(repeating: 0, count: 50))
        now = now + .seconds(1)
        #expect(stream.buffer.delay <= last && last - stream.buffer.delay <= .milliseconds(20))
        last = stream.buffer.delay
    }
    #expect(last == .milliseconds(40))
}

@Test func oneLatePacketInManyIsNotWaitedForForEver() {
    var stream = Stream(.opus, policy)
    let out = play(&stream, delays: (0..<1000).map { $0 % 200 == 150 ? 390 : 0 })
    #expect(stream.buffer.delay < .milliseconds(300))
    #expect(out.count >= 995 && stream.buffer.counters.frames == UInt64(out.count))
}

@Test func audioDoesNotWaitBeyondTheTimeOfTheNextPacket() {
    var stream = Stream(.opus, policy)
    let first = stream.frame()
    let lost = stream.frame()
    stream.receive(first, at: start)
    #expect(stream.receive(stream.frame(), at: start + .milliseconds(40)).count == 1)
    #expect(stream.buffer.deadline == start + .milliseconds(80))
    #expect(stream.fetch(at: start + .milliseconds(79)).isEmpty)
    #expect(stream.fetch(at: start + .milliseconds(80)).map(\.followsLoss) == [true])
    #expect(stream.receive(lost, at: start + .milliseconds(81)).isEmpty)
    #expect(stream.buffer.counters.drops[.packetTooLate] == 1)
    // What came too late says that the delay was too short.
    #expect(stream.buffer.delay > .milliseconds(60))
}

@Test func audioThatNobodyTookInTimeIsDropped() {
    var stream = Stream(.opus, policy)
    stream.receive(stream.frame(), at: start)
    stream.receive(stream.frame(), at: start + .milliseconds(20))
    #expect(stream.fetch(at: start + .milliseconds(410)).map(\.followsLoss) == [true])
    #expect(stream.buffer.counters.drops[.frameTooLate] == 1 && stream.isAccountedFor)
}

@Test func aPictureThatIsLateIsShownAllTheSame() {
    var stream = Stream(.vp8, policy)
    stream.receive(stream.frame(key: true), at: start)
    #expect(stream.fetch(at: start + .milliseconds(40)).count == 1)
    let packets = stream.frame()
    stream.receive(Array(packets.dropLast()), at: start + .milliseconds(34))
    #expect(stream.fetch(at: start + .milliseconds(600)).isEmpty)
    let late = stream.receive([packets[packets.count - 1]], at: start + .milliseconds(600))
    #expect(late.count == 1 && late[0].followsLoss == false && stream.buffer.counters.lateFrames == 1)
}

@Test func aMissingPartOfAPictureIsWaitedForUntilTheMaximum() {
    var stream = Stream(.vp8, policy)
    stream.receive(stream.frame(key: true), at: start)
    stream.receive(Array(stream.frame().dropFirst()), at: start + .milliseconds(34))
    #expect(stream.fetch(at: start + .milliseconds(433)).count == 1 && !stream.buffer.wantsKeyFrame)
    // The picture is 33 1/3 ms behind the first.
    #expect(stream.buffer.deadline - start >= .milliseconds(433) && stream.buffer.deadline - start <= .milliseconds(434))
    #expect(stream.fetch(at: start + .milliseconds(434)).isEmpty && stream.buffer.wantsKeyFrame)
}

@Test func anotherStreamCanBeWaitedFor() {
    var stream = Stream(.opus, policy)
    stream.buffer.extraDelay = .milliseconds(100)
    stream.receive(stream.frame(), at: start)
    #expect(stream.buffer.deadline == start + .milliseconds(140) && stream.buffer.delay == .milliseconds(40))
    stream.buffer.extraDelay = .seconds(-1)
    #expect(stream.buffer.extraDelay == .zero)
    #expect(stream.fetch(at: start + .milliseconds(40)).count == 1)
}

@Test func duplicatesSayNothingAboutTheNetwork() {
    var stream = Stream(.opus, policy)
    let packets = stream.frame()
    stream.receive(packets, at: start)
    stream.receive(packets, at: start + .milliseconds(300))
    #expect(stream.buffer.delay == .milliseconds(40) && stream.buffer.counters.drops[.rtpDuplicate] == 1)
}

@Test(arguments: [Int64(-1), 1])
func aSenderWhoseClockRunsDifferentlyIsFollowed(sign: Int64) {
    // A thousandth: more than any quartz, so that ten minutes of it are over half a second.
    var stream = Stream(.opus, policy)
    var least = Interval.seconds(1)
    var most = Interval.zero
    for index in 0..<30_000 {
        let sent = start + .microseconds(20_000 + 20 * sign) * Int64(index)
        for frame in stream.receive(stream.frame(), at: sent) {
            guard let time = frame.playoutTime else { continue }
            least = min(least, time - frame.arrival)
            most = max(most, time - frame.arrival)
        }
    }
    #expect(least >= .milliseconds(0) && most <= .milliseconds(120))
    #expect(stream.buffer.counters.frames > 29_900 && stream.buffer.counters.drops.total == 0)
}

@Test func packetsThatOvertakeTheFirstAreDueBeforeIt() {
    var stream = Stream(.opus, policy)
    let (first, second) = (stream.frame(), stream.frame())
    stream.receive(second, at: start)
    stream.receive(first, at: start + .milliseconds(5))
    // The second was the faster one: the first was due 20 ms before it.
    #expect(stream.fetch(at: start + .milliseconds(19)).isEmpty)
    let frames = stream.fetch(at: start + .milliseconds(20)) + stream.fetch(at: start + .milliseconds(40))
    #expect(frames.map(\.playoutTime) == [start + .milliseconds(20), start + .milliseconds(40)])
}

@Test func aTimestampThatJumpsBeginsANewTimeLine() {
    var stream = Stream(.opus, policy)
    stream.receive(stream.frame(), at: start)
    stream.timestamp &+= 1_000_000_000
    stream.receive(stream.frame(), at: start + .milliseconds(20))
    #expect(stream.fetch(at: start + .milliseconds(40)).count == 1)
    #expect(stream.fetch(at: start + .milliseconds(60)).map(\.playoutTime) == [start + .milliseconds(60)])
}

@Test func packetsOfTheOldTimeLineSayNothingAboutTheNewOne() {
    var stream = Stream(.opus, policy)
    stream.receive(stream.frame(), at: start)
    let overtaken = stream.frame()
    stream.timestamp &+= 1_000_000_000
    stream.receive(stream.frame(), at: start + .milliseconds(30))
    stream.receive(overtaken, at: start + .milliseconds(31))
    #expect(stream.buffer.delay == .milliseconds(40))
    let times = stream.fetch(at: start + .milliseconds(60)).map(\.playoutTime)
        + stream.fetch(at: start + .milliseconds(70)).map(\.playoutTime)
    #expect(times == [40, 60, 70].map { start + .milliseconds($0) })
}
