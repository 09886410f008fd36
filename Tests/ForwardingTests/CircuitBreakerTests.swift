import RTP
import Testing
import Wire

@testable import Forwarding

/// A viewer that is sent audio and video and reports on both each second, as its path would have it.
private final class Call {
    let fixture = Fixture()
    /// Per stream, of what is sent.
    var loss: [UInt32: Double] = [0xAA: 0, 0xCC: 0]
    var reports = true
    /// Up to 1060 ms.
    var roundTrip = Interval.milliseconds(60)
    private var asked: (older: UInt32, newer: UInt32) = (0, 0)
    private(set) var sent: [UInt32: Int] = [:]
    private(set) var dropped = 0
    private var number: UInt16 = 0
    private var highest: [UInt32: UInt32] = [:]
    private var lost: [UInt32: Double] = [:]
    /// Numbers since the last report.
    private var expected: [UInt32: UInt32] = [:]

    init(feedback: [String] = [], hasVideo: Bool = true) {
        fixture.join(alice, [Media.video, Media.audio])
        var watch = Media.watch()
        watch.sends?.codecs[0].feedback += feedback
        fixture.join(bob, hasVideo ? [watch, Media.listen()] : [Media.listen()])
        fixture.connect(alice, bob, .video)
        fixture.connect(alice, bob, .audio)
        fixture.rtcp = []
    }

    func count(_ ssrc: UInt32) -> Int { sent[ssrc] ?? 0 }

    func run(seconds: Int) {
        for _ in 0..<seconds { runSecond() }
    }

    private func runSecond() {
        sent = [:]
        dropped = 0
        fixture.sendRTCP(from: alice) {
            for ssrc in [UInt32(0x11), 0x21] {
                $0.writeSenderReport(
                    SenderReport(
                        ssrc: ssrc, ntp: NTPTimestamp(fixture.now, unixOffset: .zero), rtpTimestamp: 0, packetCount: 0,
                        octetCount: 0))
            }
        }
        asked = (asked.newer, NTPTimestamp(fixture.now, unixOffset: .zero).middle)
        for step in 0..<50 {
            sendPair()
            fixture.wait(.milliseconds(20))
            if step == 2, reports { report() }
        }
    }

    private func sendPair() {
        number &+= 1
        let isKey = fixture.takeKeyFrameRequests(to: alice) > 0 || number == 1
        let payload = Media.vp8(isKeyFrame: isKey, [UInt8](repeating: 1, count: 1_000))
        let video = Media.packet(number, timestamp: UInt32(number) * 1_800, ssrc: 0x11, payload: payload)
        take(fixture.send(video, from: alice))
        let audio = Media.packet(
            number, timestamp: UInt32(number) * 960, ssrc: 0x21, type: 111,
            payload: [UInt8](repeating: 2, count: 80))
        take(fixture.send(audio, from: alice))
    }

    private func take(_ copies: [Fixture.Sent]) {
        if copies.isEmpty, fixture.lastDrop == .circuitBroken { dropped += 1 }
        for copy in copies {
            let ssrc = copy.header.ssrc
            let low = copy.header.sequenceNumber.rawValue
            sent[ssrc, default: 0] += 1
            // What is lost is lost evenly, but for the last packet of a report.
            expected[ssrc, default: 0] += 1
            let before = highest[ssrc] ?? UInt32(low) &- 1
            if (loss[ssrc] ?? 0) < 1 { highest[ssrc] = before &+ UInt32(low &- UInt16(truncatingIfNeeded: before)) }
        }
    }

    /// RFC 3550 section 6.4.1, as the viewer sees it.
    private func report() {
        let isOlder = roundTrip > .milliseconds(60)
        let delay = Interval.milliseconds(isOlder ? 1_060 : 60) - roundTrip
        var blocks: [ReportBlock] = []
        for ssrc in highest.keys.sorted() {
            let share = loss[ssrc] ?? 0
            lost[ssrc, default: 0] += Double(expected[ssrc] ?? 0) * share
            let hasNews = (expected[ssrc] ?? 0) > 0
            expected[ssrc] = 0
            blocks.append(
                ReportBlock(
                    ssrc: ssrc, fractionLost: hasNews ? UInt8(min(share * 256, 255)) : 0,
                    cumulativeLost: Int32(lost[ssrc] ?? 0), highestSequence: highest[ssrc] ?? 0, jitter: 0,
                    lastSenderReport: isOlder ? asked.older : asked.newer,
                    delaySinceLastSenderReport: delay.ntpShort))
        }
        fixture.sendRTCP(from: bob) { $0.writeReceiverReport(ssrc: 5, blocks: blocks) }
    }

    /// Reports on the video that come all at once, each of them bad.
    func reportAtOnce(_ count: Int) {
        for step in 1...count {
            let block = ReportBlock(
                ssrc: 0xAA, fractionLost: 180, cumulativeLost: Int32(step * 7),
                highestSequence: (highest[0xAA] ?? 0) &+ UInt32(step * 10), jitter: 0)
            sendPair()
            fixture.sendRTCP(from: bob) { $0.writeReceiverReport(ssrc: 5, blocks: [block]) }
            fixture.wait(.milliseconds(20))
        }
    }

    var events: [ForwardingEvent] {
        fixture.events().filter { if case .circuitBroken = $0 { true } else { false } }
    }
}

private let video: UInt32 = 0xAA
private let audio: UInt32 = 0xCC

@Test func aPathThatWorksIsNeverBroken() {
    let call = Call()
    call.loss = [video: 0.03, audio: 0.03]
    call.run(seconds: 90)
    #expect(call.count(video) == 50 && call.count(audio) == 50 && call.dropped == 0)
    #expect(call.events.isEmpty)
}

@Test func videoStopsOnAPathThatLosesMostOfIt() {
    let call = Call()
    call.run(seconds: 5)
    call.loss = [video: 0.7, audio: 0.05]
    call.run(seconds: 10)
    #expect(call.count(video) == 50, "not at once")
    call.run(seconds: 8)
    #expect(call.count(video) == 0 && call.dropped == 50)
    #expect(call.count(audio) == 50, "audio goes on")
    #expect(call.events == [.circuitBroken(bob, isBroken: true)])
    #expect(call.fixture.router.statistics(of: bob).outbound.contains { $0.kind == .audio && $0.packetsSent > 900 })
}

/// At 20 % TCP would send 77 kb/s with a round trip of 60 ms, and 5 kb/s with one of a second; the video has 430 kb/s.
@Test(arguments: [(Int64(60), 50), (1_000, 0)])
func tenTimesTheRateOfTCPBreaksTheCircuit(roundTrip: Int64, packets: Int) {
    let call = Call()
    call.roundTrip = .milliseconds(roundTrip)
    call.loss = [video: 0.2, audio: 0.02]
    call.run(seconds: 15)
    #expect(call.count(video) == 50)
    call.run(seconds: 8)
    #expect(call.count(video) == packets)
}

@Test func videoIsTriedAgainWhenReportsAreSane() {
    let call = Call()
    call.run(seconds: 5)
    call.loss[video] = 0.7
    call.run(seconds: 20)
    #expect(call.count(video) == 0)
    call.loss[video] = 0
    call.run(seconds: 20)
    #expect(call.count(video) == 50 && call.dropped == 0)
    #expect(call.events == [], "broken and mended between two looks")
    // A trial that fails is followed by a wait of twice the time.
    call.loss[video] = 0.7
    call.run(seconds: 18)
    #expect(call.count(video) == 0)
    call.loss[video] = 0
    call.run(seconds: 22)
    #expect(call.count(video) == 0)
    call.run(seconds: 14)
    #expect(call.count(video) == 50)
}

@Test func videoStaysOffWhileAudioIsLostToo() {
    let call = Call()
    call.run(seconds: 5)
    call.loss = [video: 0.7, audio: 0.15]
    call.run(seconds: 60)
    #expect(call.count(video) == 0 && call.count(audio) == 50)
    call.loss = [video: 0, audio: 0]
    call.run(seconds: 10)
    #expect(call.count(video) == 50)
}

@Test func audioStopsTooWhenTheEndOfVideoDidNotHelp() {
    let call = Call()
    call.run(seconds: 5)
    call.loss = [video: 0.8, audio: 0.8]
    call.run(seconds: 20)
    #expect(call.count(video) == 0 && call.count(audio) == 50)
    call.run(seconds: 20)
    #expect(call.count(video) == 0 && call.count(audio) == 0)
}

@Test func audioAloneIsStoppedAtOnce() {
    let call = Call(hasVideo: false)
    call.run(seconds: 5)
    call.loss[audio] = 0.8
    call.run(seconds: 20)
    #expect(call.count(audio) == 0)
    call.loss[audio] = 0
    call.run(seconds: 20)
    #expect(call.count(audio) == 50)
}

@Test func aPeerThatStopsReportingIsNoLongerSentVideo() {
    let call = Call()
    call.run(seconds: 5)
    call.reports = false
    call.run(seconds: 14)
    #expect(call.count(video) == 50)
    call.run(seconds: 3)
    #expect(call.count(video) == 0 && call.count(audio) == 50)
    call.run(seconds: 60)
    #expect(call.count(video) == 0 && call.count(audio) == 0, "who says nothing for a minute gets nothing")
    call.reports = true
    call.run(seconds: 20)
    #expect(call.count(video) == 50 && call.count(audio) == 50)
}

@Test func aPeerThatNeverReportsIsSentWhatItSubscribedTo() {
    let call = Call()
    call.reports = false
    call.run(seconds: 60)
    #expect(call.count(video) == 50 && call.count(audio) == 50)
}

@Test func aRequestAloneIsNoPromiseToReport() {
    let call = Call()
    call.reports = false
    call.run(seconds: 5)
    call.fixture.sendRTCP(from: bob) { $0.writePictureLossIndication(senderSSRC: 5, mediaSSRC: video) }
    call.run(seconds: 40)
    #expect(call.count(video) == 50)
}

@Test func ourOwnStandstillIsNotThePeersSilence() {
    let call = Call()
    call.run(seconds: 5)
    call.fixture.now = call.fixture.now + .seconds(20)
    call.run(seconds: 3)
    #expect(call.count(video) == 50 && call.events.isEmpty)
}

@Test func feedbackOfAnyKindIsAReport() {
    let call = Call()
    call.run(seconds: 5)
    call.reports = false
    for _ in 0..<30 {
        call.run(seconds: 1)
        call.fixture.sendRTCP(from: bob) { $0.writePictureLossIndication(senderSSRC: 5, mediaSSRC: video) }
    }
    #expect(call.count(video) == 50)
}

@Test func oneStreamThatNobodyTakesBreaksNothing() {
    let call = Call()
    call.run(seconds: 5)
    call.loss[video] = 1
    call.run(seconds: 60)
    #expect(call.count(video) == 50, "audio arrives by the same path")
    call.loss[audio] = 1
    call.run(seconds: 40)
    #expect(call.count(video) == 0)
}

@Test func reportsBesideEachRequestAreNotSoManyIntervals() {
    let call = Call()
    call.run(seconds: 5)
    call.reportAtOnce(40)
    call.run(seconds: 3)
    #expect(call.count(video) == 50)
}

@Test func aNewConnectionClosesTheCircuit() {
    let call = Call()
    call.run(seconds: 5)
    call.loss[video] = 0.7
    call.run(seconds: 20)
    #expect(call.count(video) == 0)
    call.loss[video] = 0
    call.fixture.router.setConnected(bob, false, now: call.fixture.now)
    call.fixture.router.setConnected(bob, true, now: call.fixture.now)
    call.fixture.drain()
    call.run(seconds: 2)
    #expect(call.count(video) == 50)
}

@Test func aStoppedViewersRequestsDoNotReachThePublisher() {
    let call = Call()
    call.run(seconds: 5)
    call.loss[video] = 0.7
    call.run(seconds: 20)
    call.fixture.rtcp = []
    for _ in 0..<20 {
        call.fixture.sendRTCP(from: bob) { $0.writePictureLossIndication(senderSSRC: 5, mediaSSRC: video) }
        call.fixture.wait(.milliseconds(200))
    }
    #expect(call.fixture.takeKeyFrameRequests(to: alice) == 0)
}

// MARK: Beside a congestion controller

/// Reports on what the viewer's link loses by itself, beside the world's transport feedback.
private func lossy(_ world: PathWorld, _ viewer: PathWorld.Viewer, loss: Double, seconds: Int) {
    var lost = 0.0
    var before: UInt32?
    for _ in 0..<seconds {
        world.run(.seconds(1))
        let sent = world.fixture.router.statistics(of: viewer.endpoint).outbound.first?.packetsSent ?? 0
        let highest = UInt32(truncatingIfNeeded: sent) &+ 0x10000
        lost += Double(highest &- (before ?? highest)) * loss
        before = highest
        let block = ReportBlock(
            ssrc: 0x1000, fractionLost: UInt8(loss * 256), cumulativeLost: Int32(lost), highestSequence: highest,
            jitter: 0)
        world.fixture.sendRTCP(from: viewer.endpoint) { $0.writeReceiverReport(ssrc: 5, blocks: [block]) }
    }
}

@Test func aPathThatLosesByItselfIsNotBrokenWhileItsControllerFollows() {
    let world = PathWorld(viewers: 1)
    let viewer = world.addViewer(capacity: 20_000_000)
    lossy(world, viewer, loss: 0.6, seconds: 28)
    #expect(world.fixture.router.endpoints[1].circuit.isOpen == false)
    #expect(viewer.layer == 2)
    // The same reports without feedback are believed.
    viewer.givesFeedback = false
    lossy(world, viewer, loss: 0.6, seconds: 25)
    #expect(world.fixture.router.endpoints[1].circuit.isOpen)
}

@Test func whatDoesNotFitThePathAtAllIsStoppedThoughAControllerLooksOn() {
    let world = PathWorld(viewers: 1)
    let viewer = world.addViewer(capacity: 50_000)
    lossy(world, viewer, loss: 0.65, seconds: 28)
    #expect(world.fixture.router.endpoints[1].circuit.isOpen)
}
