import RTP
import Testing
import Wire

@testable import Forwarding

extension PathWorld {
    /// Lets the peer do what it is told, and takes what else is told.
    func obey() {
        for case .encodingsWanted(_, let mid, let active) in fixture.events() where mid == "v" {
            told.append(active)
            switchEncodings(active)
        }
    }

    func runObeying(_ interval: Interval) {
        let end = fixture.now + interval
        while fixture.now < end {
            run(.milliseconds(1))
            obey()
        }
    }
}

private let all = [true, true, true]
private let lowest = [true, false, false]
private let lower = [true, true, false]

@Test func withoutViewersOnlyTheLowestEncodingIsWantedAfterAWhile() {
    let world = PathWorld(viewers: 1)
    world.runObeying(.milliseconds(4_900))
    #expect(world.told == [all], "told once, for whoever has just taken over")
    world.runObeying(.milliseconds(200))
    #expect(world.told == [all, lowest])
    world.runObeying(.seconds(10))
    #expect(world.told == [all, lowest])
}

@Test func theFirstViewerHasAPictureAtOnceAndSoonTheBest() {
    let world = PathWorld(viewers: 1)
    world.runObeying(.seconds(6))
    #expect(world.told.last == lowest)
    let viewer = world.addViewer(capacity: 5_000_000)
    world.runObeying(.milliseconds(2))
    #expect(world.told.last == all, "at once")
    world.runObeying(.milliseconds(100))
    #expect(viewer.frames > 0)
    world.runObeying(.seconds(8))
    #expect(viewer.layer == 2)
}

@Test func whatNoViewerAsksForIsSwitchedOffAfterAWhileAndComesBackAtOnce() {
    let world = PathWorld(viewers: 1)
    let viewer = world.addViewer(capacity: 5_000_000)
    world.runObeying(.seconds(4))
    #expect(world.told == [all])
    world.fixture.select(viewer.endpoint, spatial: 0)
    world.runObeying(.milliseconds(4_900))
    #expect(world.told == [all])
    world.runObeying(.seconds(1))
    #expect(world.told == [all, lowest])
    viewer.forget()
    world.fixture.select(viewer.endpoint, spatial: 1)
    world.runObeying(.seconds(1))
    #expect(world.told == [all, lowest, lower])
    #expect(viewer.layer == 1)
    #expect(viewer.gap(now: world.fixture.now) < .milliseconds(300))
}

@Test func whoWantsItAgainInTimeKeepsItOn() {
    let world = PathWorld(viewers: 1)
    let viewer = world.addViewer(capacity: 5_000_000)
    // Its path has no say.
    viewer.givesFeedback = false
    world.runObeying(.seconds(3))
    for _ in 0..<5 {
        world.fixture.select(viewer.endpoint, spatial: 0)
        world.runObeying(.seconds(4))
        world.fixture.select(viewer.endpoint)
        world.runObeying(.seconds(1))
    }
    #expect(world.told == [all])
}

@Test func howLargeTheVideoIsShownDecides() {
    let world = PathWorld(viewers: 1)
    let viewer = world.addViewer(capacity: 5_000_000)
    world.runObeying(.seconds(3))
    world.fixture.router.selectLayers(of: viewer.endpoint, pixels: 0x280 * 0x168, now: world.fixture.now)
    world.runObeying(.seconds(7))
    #expect(world.told == [all, lower])
    world.fixture.router.selectLayers(of: viewer.endpoint, pixels: 0x280 * 0x168 + 1, now: world.fixture.now)
    world.runObeying(.seconds(1))
    #expect(world.told == [all, lower, all])
    #expect(viewer.layer == 2)
}

@Test func theViewerWhoWantsMostDecidesAndTheOthersWhenThatOneIsGone() {
    let world = PathWorld(viewers: 2)
    let (small, large) = (world.addViewer(capacity: 5_000_000), world.addViewer(capacity: 5_000_000))
    world.fixture.select(small.endpoint, spatial: 0)
    world.runObeying(.seconds(12))
    #expect(world.told == [all])
    world.fixture.router.close(large.endpoint)
    world.runObeying(.seconds(6))
    #expect(world.told == [all, lowest])
    world.fixture.router.disconnect(source: alice, sink: small.endpoint, kind: .video)
    world.runObeying(.seconds(6))
    #expect(world.told == [all, lowest])
}

@Test func whatWasKeptForAViewerOfASmallerOneGoesWhenThatOneIsGone() {
    let world = PathWorld(viewers: 2)
    let (slow, small) = (world.addViewer(capacity: 300_000), world.addViewer(capacity: 5_000_000))
    world.fixture.select(small.endpoint, spatial: 0)
    world.runObeying(.seconds(15))
    #expect(slow.layer == 0 && small.layer == 0)
    #expect(world.told.last == lower)
    world.fixture.router.close(slow.endpoint)
    world.runObeying(.seconds(6))
    #expect(world.told.last == lowest)
}

/// Nobody would see that there is room if an encoding that does not come took nothing.
@Test func aViewerBehindANarrowPathClimbsToWhatWasSwitchedOff() {
    let world = PathWorld(viewers: 1)
    let viewer = world.addViewer(capacity: 3_000_000)
    world.runObeying(.seconds(8))
    #expect(viewer.layer == 2)
    viewer.capacity = 300_000
    world.runObeying(.seconds(15))
    #expect(viewer.layer == 0)
    #expect(world.told == [all, lower], "the next one stays, so that it is there at once")
    viewer.capacity = 3_000_000
    viewer.forget()
    world.runObeying(.seconds(20))
    #expect(viewer.layer == 2)
    #expect(world.told == [all, lower, all])
    #expect(viewer.gap(now: world.fixture.now) < .milliseconds(500))
}

@Test func aNarrowPathDoesNotClimbToWhatWasSwitchedOff() {
    let world = PathWorld(viewers: 1)
    let viewer = world.addViewer(capacity: 1_000_000)
    world.runObeying(.seconds(20))
    viewer.forget()
    world.runObeying(.seconds(30))
    #expect(viewer.layer == 1)
    #expect(viewer.changes <= 1)
    #expect(viewer.gap(now: world.fixture.now) < .milliseconds(500))
}

@Test func whoDoesNotListenLosesNothing() {
    let world = PathWorld(viewers: 1)
    let viewer = world.addViewer(capacity: 5_000_000)
    world.run(.seconds(4))
    world.fixture.select(viewer.endpoint, spatial: 0)
    world.run(.seconds(10))
    #expect(viewer.layer == 0)
    world.fixture.select(viewer.endpoint)
    world.run(.seconds(1))
    #expect(viewer.layer == 2)
}

/// A sender that cannot send what it was asked for again: it does not hold the room for that for ever.
@Test func whatWasSwitchedOnAndDoesNotComeCountsNoMoreAfterAWhile() {
    let world = PathWorld(viewers: 1)
    let viewer = world.addViewer(capacity: 5_000_000)
    world.fixture.select(viewer.endpoint, spatial: 0)
    world.runObeying(.seconds(8))
    #expect(world.told.last == lowest)
    let top = Int(world.fixture.router.publishers[0].stream(ofRank: 2))
    #expect(world.fixture.router.streams[top].sending.isAwaited(now: world.fixture.now))
    world.fixture.select(viewer.endpoint)
    world.run(.milliseconds(10))
    #expect(world.fixture.events().contains(.encodingsWanted(alice, mid: "v", all)))
    world.run(.seconds(1))
    #expect(world.fixture.router.streams[top].sending.isAwaited(now: world.fixture.now))
    world.run(.seconds(3))
    #expect(!world.fixture.router.streams[top].sending.isAwaited(now: world.fixture.now))
}

@Test func onePublisherThatLeavesOutItsSmallestEncodingKeepsTheLowestThatItSends() {
    let world = PathWorld(viewers: 1)
    world.rates[0] = 0
    world.runObeying(.seconds(15))
    #expect(world.told == [all, lower])
    let viewer = world.addViewer(capacity: 5_000_000)
    world.fixture.select(viewer.endpoint, spatial: 0)
    world.runObeying(.seconds(10))
    #expect(viewer.layer == 1)
    #expect(world.told.last == lower)
}

@Test func whatDoesNotComeIsNotSwitchedOffBeforeItWasSeen() {
    let world = PathWorld(viewers: 1)
    world.rates[2] = 0
    world.runObeying(.seconds(8))
    #expect(world.told == [all, [true, false, true]])
    world.rates[2] = 1_500_000
    world.runObeying(.milliseconds(4_900))
    #expect(world.told == [all, [true, false, true]])
    world.runObeying(.milliseconds(200))
    #expect(world.told == [all, [true, false, true], lowest])
}

@Test func aPipeToAnotherWorkerWantsAllOfIt() {
    let world = PathWorld(viewers: 1)
    var parameters = Media.videoOut()
    parameters.headerExtensions.append(HeaderExtensionParameters(uri: HeaderExtensionURI.rid, id: 12))
    parameters.encodings = [
        EncodingParameters(ssrc: 0x500, rtxSSRC: 0x600, rid: "q"),
        EncodingParameters(ssrc: 0x501, rtxSSRC: 0x601, rid: "h"),
        EncodingParameters(ssrc: 0x502, rtxSSRC: 0x602, rid: "f"),
    ]
    let pipe = EndpointIndex(1)
    world.fixture.join(pipe, [MediaSection(mid: "p", kind: .video, sends: parameters)])
    world.fixture.connect(alice, pipe)
    world.runObeying(.seconds(12))
    #expect(world.told == [all])
    world.fixture.router.close(pipe)
    world.runObeying(.seconds(6))
    #expect(world.told == [all, lowest])
}

@Test func aRenegotiationThatChangesTheEncodingsTellsAnewAndLeavesNoneOff() {
    let world = PathWorld(viewers: 1)
    world.runObeying(.seconds(6))
    #expect(world.told.last == lowest)
    func section(_ rids: [String]) -> MediaSection {
        var parameters = Media.videoIn
        parameters.headerExtensions += [HeaderExtensionParameters(uri: HeaderExtensionURI.rid, id: 5)]
        parameters.encodings = rids.map { EncodingParameters(rid: $0) }
        return MediaSection(mid: "v", kind: .video, receives: parameters)
    }
    world.fixture.router.negotiate(alice, media: [section(["f", "q"])], now: world.fixture.now)
    world.fixture.wait(.milliseconds(1))
    #expect(world.fixture.events() == [.encodingsWanted(alice, mid: "v", [false, true])])
    world.fixture.router.negotiate(alice, media: [section(["q", "f"])], now: world.fixture.now)
    world.fixture.wait(.milliseconds(1))
    #expect(world.fixture.events() == [.encodingsWanted(alice, mid: "v", [true, false])])
    world.fixture.router.negotiate(alice, media: [section(["q", "f", "x"])], now: world.fixture.now)
    world.fixture.wait(.milliseconds(1))
    world.fixture.router.negotiate(alice, media: [section(["q", "f"])], now: world.fixture.now)
    world.fixture.wait(.milliseconds(1))
    #expect(world.fixture.events() == [.encodingsWanted(alice, mid: "v", [true, false])], "others than were told")
    // The last one that is left.
    world.fixture.router.negotiate(alice, media: [section(["f"])], now: world.fixture.now)
    world.fixture.wait(.milliseconds(1))
    #expect(world.fixture.events() == [.encodingsWanted(alice, mid: "v", [true])])
}

@Test func oneEncodingAloneIsNobodysQuestion() {
    let fixture = Fixture()
    fixture.join(alice, [Media.video])
    for sequence in UInt16(1)...200 {
        fixture.send(Media.key(sequence), from: alice)
        fixture.wait(.milliseconds(50))
    }
    #expect(!fixture.events().contains { if case .encodingsWanted = $0 { true } else { false } })
}
