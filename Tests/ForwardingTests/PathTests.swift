import RTP
import Testing
import Wire

@testable import Forwarding

/// The rates of three layers as they leave, with headers, are 160, 530 and 1,550 kb/s.
@Test(arguments: [(300_000.0, 0), (1_000_000, 1), (3_000_000, 2), (20_000_000, 2)])
func aViewerGetsTheHighestLayerThatFits(capacity: Double, layer: Int) {
    let world = PathWorld(viewers: 1)
    let viewer = world.addViewer(capacity: capacity)
    world.run(.seconds(10))
    #expect(viewer.layer == layer)
    viewer.forget()
    world.run(.seconds(30))
    #expect(viewer.layer == layer)
    #expect(viewer.changes <= 1, "on a steady path")
    #expect(viewer.gap(now: world.fixture.now) < .milliseconds(500))
}

@Test(arguments: 1...3)
func aPathThatFallsFreezesForLessThanHalfASecond(seed: UInt64) {
    let world = PathWorld(seed: seed, viewers: 1)
    let viewer = world.addViewer(capacity: 3_000_000)
    world.run(.seconds(8) + .milliseconds(Int64(seed) * 137))
    #expect(viewer.layer == 2)
    viewer.forget()
    viewer.capacity = 400_000
    world.run(.seconds(10))
    #expect(viewer.gap(now: world.fixture.now) < .milliseconds(500))
    #expect(viewer.layer == 0)
    viewer.capacity = 3_000_000
    world.run(.seconds(20))
    #expect(viewer.layer == 2)
}

@Test func aViewersPathIsNoOtherViewersAffair() {
    let world = PathWorld(viewers: 3)
    let (fast, slow, changing) = (
        world.addViewer(capacity: 5_000_000), world.addViewer(capacity: 300_000), world.addViewer(capacity: 3_000_000)
    )
    world.run(.seconds(10))
    #expect((fast.layer, slow.layer, changing.layer) == (2, 0, 2))
    for capacity in [400_000.0, 3_000_000] {
        for viewer in world.viewers { viewer.forget() }
        changing.capacity = capacity
        world.run(.seconds(10))
        for viewer in [fast, slow] {
            #expect(viewer.changes <= 1)
            #expect(viewer.gap(now: world.fixture.now) < .milliseconds(300))
        }
    }
}

@Test func whatDoesNotEvenCarryTheLowestLayerIsPausedAndTriedAgain() {
    let world = PathWorld(viewers: 1)
    world.fixture.router.pausesVideos = true
    let viewer = world.addViewer(capacity: 60_000)
    world.run(.seconds(12))
    viewer.forget()
    world.run(.seconds(10))
    #expect(viewer.bytes * 8 / 10 < 60_000)
    viewer.capacity = 2_500_000
    world.run(.seconds(30))
    #expect(viewer.layer >= 1)
}

@Test func aPeerThatSaysNothingOfItsPacketsGetsEverything() {
    let world = PathWorld(viewers: 1)
    let viewer = world.addViewer(capacity: 20_000_000)
    viewer.givesFeedback = false
    world.run(.seconds(5))
    #expect(viewer.layer == 2)
    #expect(viewer.frames > 140)
}

@Test func aLyingPeerHarmsOnlyItsOwnPicture() {
    let world = PathWorld(viewers: 2)
    let honest = world.addViewer(capacity: 3_000_000)
    let liar = world.addViewer(capacity: 3_000_000)
    world.run(.seconds(8))
    honest.forget()
    var random = SeededRandom(seed: 9)
    for _ in 0..<200 {
        // Whatever numbers and times: what is well formed is taken, and bounded.
        var recorder = TransportFeedbackRecorder()
        let first = UInt16(truncatingIfNeeded: random.next())
        for step in 0..<(random.next() % 60) {
            let arrival = Instant(nanoseconds: random.next() >> (8 + random.next() % 40))
            recorder.record(SequenceNumber(first &+ UInt16(step)), arrival: arrival)
        }
        world.fixture.sendRTCP(from: liar.endpoint) { writer in
            while recorder.writeFeedback(senderSSRC: 1, mediaSSRC: 2, to: &writer) {}
        }
        world.run(.milliseconds(20))
        let rate = world.fixture.router.sendSides[liar.endpoint.slot].controller.estimate
        #expect((Limits.minimumRate...Limits.maximumRate).contains(rate))
    }
    #expect(honest.layer == 2 && honest.changes <= 1)
    #expect(honest.gap(now: world.fixture.now) < .milliseconds(300))
}

@Test func packetsAreNumberedAcrossTheTransportAndRetransmissionsToo() {
    let world = PathWorld(viewers: 1)
    world.addViewer(capacity: 2_000_000)
    world.run(.seconds(3))
    let sent = world.fixture.router.sendSides[1].nextSequence
    let packets = world.fixture.router.statistics(of: EndpointIndex(1)).outbound.first.map {
        $0.packetsSent + $0.packetsRetransmitted
    }
    #expect(sent - 1 >= Int64(packets ?? .max))
}

@Test func aVideoThatIsShownSmallGetsNoMorePixels() {
    let world = PathWorld(viewers: 1)
    let viewer = world.addViewer(capacity: 20_000_000)
    world.run(.seconds(4))
    #expect(viewer.layer == 2)
    world.fixture.router.selectLayers(of: viewer.endpoint, pixels: 0x140 * 0xB4, now: world.fixture.now)
    world.run(.seconds(3))
    #expect(viewer.layer == 0)
    world.fixture.router.selectLayers(of: viewer.endpoint, pixels: 0x140 * 0xB4 + 1, now: world.fixture.now)
    world.run(.seconds(3))
    #expect(viewer.layer == 1)
}
