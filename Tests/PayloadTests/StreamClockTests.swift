import Payload
import RTP
import Testing
import Wire

private let start = at(milliseconds: 100_000)

/// A sender with a clock of its own, and the way to us. Captures happen at `start + elapsed` of our clock.
private struct Sender {
    var lipSync = LipSync()
    /// Seconds since 1900 of the sender's clock at `start`.
    var epoch: UInt64 = 3_900_000_000
    /// By how much its clock is faster, in millionths; and the one that samples sound, than its clock.
    var drift: Int64 = 0
    var samplingDrift: Int64 = 0

    struct Track {
        var ssrc: UInt32
        var rate: Int64
        /// At `start`.
        var timestamp: Int64
        var transit: Interval
    }

    let audio = Track(ssrc: 1, rate: 48_000, timestamp: 1_000_000, transit: .milliseconds(20))
    let video = Track(ssrc: 2, rate: 90_000, timestamp: 7_000_000_000, transit: .milliseconds(120))

    init() {
        lipSync.add(1, .audio, clockRate: 48_000)
        lipSync.add(2, .video, clockRate: 90_000)
    }

    func timestamp(_ track: Track, _ elapsed: Interval) -> Int64 {
        let own = elapsed.nanoseconds + elapsed.nanoseconds / 1_000_000 * (drift + (track.ssrc == 1 ? samplingDrift : 0))
        return track.timestamp + own / 1_000 * track.rate / 1_000_000
    }

    /// The capture time that comes out for what was captured at `elapsed`.
    mutating func send(_ track: Track, _ elapsed: Interval, late: Interval = .zero) -> Instant {
        let timestamp = timestamp(track, elapsed)
        lipSync.arrived(timestamp, of: track.ssrc, now: start + elapsed + track.transit + late)
        return lipSync.captureTime(of: track.ssrc, timestamp: timestamp) ?? .origin
    }

    /// `noise` is how wrong the report is about the RTP timestamp's time.
    mutating func report(_ track: Track, _ elapsed: Interval, noise: Interval = .zero, late: Interval = .zero) {
        let own = (elapsed + noise).nanoseconds + elapsed.nanoseconds / 1_000_000 * drift
        let fraction = (UInt64(own % 1_000_000_000) << 32) / 1_000_000_000
        let ntp = NTPTimestamp(rawValue: (epoch + UInt64(own / 1_000_000_000)) << 32 | fraction)
        let report = SenderReport(
            ssrc: track.ssrc, ntp: ntp, rtpTimestamp: UInt32(truncatingIfNeeded: timestamp(track, elapsed)),
            packetCount: 1, octetCount: 1)
        lipSync.receive(report, now: start + elapsed + track.transit + late)
    }
}

@Test func withoutReportsTheFastestPacketsTellTheTime() {
    var sender = Sender()
    var last = Instant.origin
    for index in 0..<500 {
        let elapsed = Interval.milliseconds(20) * Int64(index)
        let capture = sender.send(sender.audio, elapsed, late: .milliseconds(Int64(index * 7 % 31)))
        #expect(capture > last)
        last = capture
        let error = capture - (start + elapsed + .milliseconds(20))
        #expect(index < 30 || error >= .zero && error <= .milliseconds(1))
    }
}

@Test func reportsBringPictureAndSoundTogether() {
    var sender = Sender()
    var last: [Instant] = [.origin, .origin]
    for index in 0..<400 {
        let elapsed = Interval.milliseconds(20) * Int64(index)
        if index % 100 == 50 {
            sender.report(sender.audio, elapsed)
            sender.report(sender.video, elapsed)
        }
        let times = [sender.send(sender.audio, elapsed), sender.send(sender.video, elapsed)]
        #expect(times[0] > last[0] && times[1] > last[1])
        last = times
        if index < 50 { #expect(times[1] - times[0] == .milliseconds(100)) }
        // 100 ms are taken back in 0.4 s.
        if index > 80 { #expect((times[1] - times[0]).nanoseconds.magnitude < 1_000_000, "\(index)") }
    }
    #expect((last[0] - (start + .milliseconds(20 * 399)) - .milliseconds(20)).nanoseconds.magnitude < 1_000)
}

@Test func theFasterStreamWaitsForTheSlower() {
    var sender = Sender()
    #expect(sender.lipSync.extraDelay(of: 1) == .zero)
    for index in 0..<10 {
        let elapsed = Interval.milliseconds(20) * Int64(index)
        _ = sender.send(sender.audio, elapsed)
        _ = sender.send(sender.video, elapsed)
        sender.report(sender.audio, elapsed)
        sender.report(sender.video, elapsed)
    }
    _ = sender.send(sender.audio, .milliseconds(200))
    _ = sender.send(sender.video, .milliseconds(200))
    sender.lipSync.setDelay(.milliseconds(60), of: 1)
    sender.lipSync.setDelay(.milliseconds(30), of: 2)
    // Sound: 20 + 60; picture: 120 + 30.
    #expect(abs(sender.lipSync.extraDelay(of: 1).microseconds - 70_000) < 100)
    #expect(sender.lipSync.extraDelay(of: 2) == .zero)
}

@Test(arguments: [Int64(-200), 200])
func aClockThatDriftsIsFollowedWithoutAJump(drift: Int64) {
    var sender = Sender()
    sender.drift = drift
    var random = SeededRandom(seed: 4)
    var last: [Instant] = [.origin, .origin]
    var (apart, off): (UInt64, UInt64) = (0, 0)
    var steps: [Interval] = []
    for index in 0..<30_000 {
        let elapsed = Interval.milliseconds(20) * Int64(index)
        if index % 250 == 0 {
            sender.report(sender.audio, elapsed, noise: .microseconds(Int64(random.next() % 4000)))
            sender.report(sender.video, elapsed, noise: .microseconds(Int64(random.next() % 4000)))
        }
        let times = [sender.send(sender.audio, elapsed), sender.send(sender.video, elapsed)]
        if index > 500 {
            apart = max(apart, (times[1] - times[0]).nanoseconds.magnitude)
            off = max(off, ((times[0] - (start + elapsed)) - .milliseconds(20)).nanoseconds.magnitude)
            steps += zip(times, last).map { $0 - $1 }
        }
        last = times
    }
    #expect(apart < 6_000_000)
    // 200 ppm over half a minute are 6 ms.
    #expect(off < 12_000_000)
    #expect(steps.allSatisfy { $0 > .microseconds(18_700) && $0 < .microseconds(21_300) })
}

@Test func soundThatIsSampledTooFastStaysWithThePicture() {
    // A ten-thousandth: 60 ms in ten minutes.
    var sender = Sender()
    sender.samplingDrift = 100
    var apart: UInt64 = 0
    for index in 0..<30_000 {
        let elapsed = Interval.milliseconds(20) * Int64(index)
        if index % 250 == 0 {
            sender.report(sender.audio, elapsed)
            sender.report(sender.video, elapsed)
        }
        let times = [sender.send(sender.audio, elapsed), sender.send(sender.video, elapsed)]
        if index > 500 { apart = max(apart, (times[1] - times[0]).nanoseconds.magnitude) }
    }
    #expect(apart < 5_000_000)
}

@Test(arguments: [Int64(3600), -3600])
func aSourceThatSetsItsClockMovesNothing(seconds: Int64) {
    var sender = Sender()
    var last = Instant.origin
    for index in 0..<600 {
        let elapsed = Interval.milliseconds(20) * Int64(index)
        if index == 300 { sender.epoch = UInt64(Int64(sender.epoch) + seconds) }
        // Sound says it five frames before the picture does.
        if index % 100 == 50 { sender.report(sender.audio, elapsed) }
        if index % 100 == 55 { sender.report(sender.video, elapsed) }
        let times = [sender.send(sender.audio, elapsed), sender.send(sender.video, elapsed)]
        if index > 250 {
            #expect((times[1] - times[0]).nanoseconds.magnitude < 1_000_000, "\(index)")
            #expect((times[0] - last - .milliseconds(20)).nanoseconds.magnitude < 100_000, "\(index)")
        }
        last = times[0]
    }
}

@Test func aCameraThatLaggedIsSoonWithItsSoundAgain() {
    // It says when it sent, as some do: its queue grew for three seconds to 450 ms, then it was empty at once. What it
    // reported last holds for another second.
    var sender = Sender()
    var apart: [UInt64] = []
    for index in 0..<400 {
        let elapsed = Interval.milliseconds(20) * Int64(index)
        let lag = Interval.milliseconds(index < 150 ? Int64(index) * 3 : 0)
        if index % 50 == 45 {
            sender.report(sender.audio, elapsed)
            sender.report(sender.video, elapsed, noise: lag, late: lag)
        }
        let times = [sender.send(sender.audio, elapsed), sender.send(sender.video, elapsed, late: lag)]
        apart.append((times[1] - times[0]).nanoseconds.magnitude)
        let error = times[0] - (start + elapsed) - .milliseconds(20)
        #expect(error.nanoseconds.magnitude < 120_000_000, "sound, \(index)")
    }
    // From the report at 195 on, a quarter of the time that passes is taken back.
    #expect(apart[190] > 300_000_000)
    #expect(apart[280...].allSatisfy { $0 < 10_000_000 }, "\(apart[280] / 1_000_000) ms")
}

@Test func aCameraThatWasStillLongAgoTellsNothingOfTheClocks() {
    // A ten-thousandth is 60 ms in ten minutes.
    var sender = Sender()
    sender.drift = -100
    for index in 0..<30_000 {
        let elapsed = Interval.milliseconds(20) * Int64(index)
        if index % 250 == 0 { sender.report(sender.audio, elapsed) }
        if index < 500 { _ = sender.send(sender.video, elapsed) }
        if index == 250 { sender.report(sender.video, elapsed) }
        let error = sender.send(sender.audio, elapsed) - (start + elapsed) - .milliseconds(20)
        #expect(error.nanoseconds.magnitude < 12_000_000, "\(index)")
    }
}

@Test func reportsThatSayNothingOrNonsenseAreIgnored() {
    func capture(_ spoil: (inout Sender) -> Void) -> Instant {
        var sender = Sender()
        _ = sender.send(sender.audio, .zero)
        spoil(&sender)
        return sender.send(sender.audio, .milliseconds(20))
    }
    let honest = capture { _ in }
    let silent = capture { sender in
        sender.lipSync.receive(
            SenderReport(ssrc: 1, ntp: NTPTimestamp(rawValue: 0), rtpTimestamp: 1_000_000, packetCount: 0, octetCount: 0),
            now: start)
    }
    let wrong = capture { sender in
        sender.lipSync.receive(
            SenderReport(ssrc: 1, ntp: NTPTimestamp(rawValue: 1 << 50), rtpTimestamp: 1 << 31, packetCount: 0, octetCount: 0),
            now: start)
    }
    let foreign = capture { sender in
        sender.lipSync.receive(
            SenderReport(ssrc: 9, ntp: NTPTimestamp(rawValue: 1 << 50), rtpTimestamp: 1, packetCount: 0, octetCount: 0),
            now: start)
    }
    #expect([silent, wrong, foreign] == [honest, honest, honest])
    var clock = StreamClock(.audio, clockRate: 48_000)
    clock.arrived(1_000_000, now: start)
    clock.receive(
        SenderReport(ssrc: 1, ntp: NTPTimestamp(rawValue: 1 << 50), rtpTimestamp: 1 << 31, packetCount: 0, octetCount: 0),
        now: start)
    #expect(!clock.isSynchronized)
    clock.receive(
        SenderReport(ssrc: 1, ntp: NTPTimestamp(rawValue: 0), rtpTimestamp: 1_000_000, packetCount: 0, octetCount: 0),
        now: start)
    #expect(!clock.isSynchronized)
}

@Test func aReportBeforeTheFirstPacketCounts() {
    var clock = StreamClock(.audio, clockRate: 48_000)
    clock.receive(
        SenderReport(ssrc: 1, ntp: NTPTimestamp(rawValue: 1 << 60), rtpTimestamp: 900, packetCount: 0, octetCount: 0),
        now: start)
    #expect(!clock.isSynchronized && clock.captureTime(of: 1 << 32 + 900) == nil)
    clock.arrived(1 << 32 + 900, now: start + .milliseconds(5))
    #expect(clock.isSynchronized && clock.captureTime(of: 1 << 32 + 900) == start + .milliseconds(5))
}

@Test func aReportInALongSilenceCounts() {
    // Twenty hours: the timestamp has come most of the way around.
    var clock = StreamClock(.audio, clockRate: 48_000)
    clock.arrived(1 << 32, now: start)
    let later = Interval.seconds(20 * 3600)
    clock.receive(
        SenderReport(
            ssrc: 1, ntp: NTPTimestamp(rawValue: 1 << 60), rtpTimestamp: UInt32(20 * 3600 * 48_000), packetCount: 0,
            octetCount: 0),
        now: start + later)
    #expect(clock.isSynchronized)
}

@Test func capturesGoOnWhenTheTimestampsJump() {
    for jump in [Int64(1) << 31, 1 << 40] {
        var sender = Sender()
        _ = sender.send(sender.audio, .zero)
        // What the reports said holds no more.
        sender.report(sender.audio, .zero)
        let before = sender.send(sender.audio, .milliseconds(10))
        let timestamp = sender.audio.timestamp + jump
        let now = start + .milliseconds(40)
        sender.lipSync.arrived(timestamp, of: 1, now: now)
        let after = sender.lipSync.captureTime(of: 1, timestamp: timestamp) ?? .origin
        #expect(after > before && after == now)
        let next = sender.lipSync.captureTime(of: 1, timestamp: timestamp + 960) ?? .origin
        #expect(next - after == .milliseconds(20))
    }
}

@Test func aStreamThatJumpsDoesNotTakeTheOthersAlong() {
    func picture(soundJumps jump: Int64) -> Instant {
        var sender = Sender()
        _ = [sender.send(sender.audio, .zero), sender.send(sender.video, .zero)]
        sender.report(sender.audio, .zero)
        sender.report(sender.video, .zero)
        _ = [sender.send(sender.audio, .milliseconds(20)), sender.send(sender.video, .milliseconds(20))]
        sender.lipSync.arrived(sender.audio.timestamp + 1920 + jump, of: 1, now: start + .milliseconds(60))
        return sender.send(sender.video, .milliseconds(40))
    }
    #expect(picture(soundJumps: 1 << 31) == picture(soundJumps: 0))
}

@Test func aFrameIsGivenItsCaptureTime() {
    var sender = Sender()
    var frame = EncodedFrame(timestamp: 1_000_000, bytes: [1], isKeyFrame: true, arrival: start)
    sender.lipSync.place(&frame, of: 1)
    #expect(frame.captureTime == start)
    sender.lipSync.place(&frame, of: 3)
    #expect(frame.captureTime == nil)
}

@Test func aSourceHasNoMoreStreamsThanTheLimit() {
    var lipSync = LipSync()
    var answers = (0...UInt32(Payload.Limits.streamsPerSource)).map { lipSync.add($0, .video, clockRate: 90_000) }
    #expect(answers == answers.indices.map { $0 < Payload.Limits.streamsPerSource })
    lipSync.remove(3)
    answers = [lipSync.add(100, .video, clockRate: 90_000)]
    #expect(answers == [true])
}
