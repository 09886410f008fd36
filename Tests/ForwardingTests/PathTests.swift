import RTP
import Testing
import Wire

@testable import Forwarding

@Test(arguments: [(120_000.0, -1), (300_000, 0), (1_000_000, 1), (3_000_000, 2), (20_000_000, 2)])
func aViewerGetsTheHighestLayerThatFits(capacity: Double, layer: Int) {
    let world = PathWorld(viewers: 1)
    let viewer = world.addViewer(capacity: capacity)
    world.run(.seconds(20))
    if layer >= 0 {
        #expect(viewer.layer == layer)
    } else {
        #expect(world.fixture.router.statistics(of: viewer.endpoint).outbound.first?.rid == nil)
    }
    viewer.forget()
    world.run(.seconds(60))
    if layer >= 0 { #expect(viewer.layer == layer) }
    #expect(viewer.changes <= 2, "on a steady path")
    if layer >= 0 { #expect(viewer.longestGap < .milliseconds(500)) }
}

@Test func aPathThatFallsFreezesForLessThanHalfASecond() {
    for seed in 1...6 {
        let world = PathWorld(seed: UInt64(seed), viewers: 1)
        let viewer = world.addViewer(capacity: 3_000_000)
        world.run(.seconds(20) + .milliseconds(Int64(seed) * 137))
        #expect(viewer.layer == 2)
        viewer.forget()
        viewer.capacity = 400_000
        world.run(.seconds(30))
        print("fall", seed, viewer.longestGap.milliseconds, viewer.layer, viewer.changes, viewer.dropped, viewer.frames)
        viewer.forget()
        viewer.capacity = 3_000_000
        let start = world.fixture.now
        world.run(.seconds(40))
        print("rise", seed, viewer.longestGap.milliseconds, viewer.layer, viewer.changes, (viewer.layerSince - start).milliseconds)
    }
}

@Test func twentyViewersGetWhatTheirPathsCarry() {
    let world = PathWorld(viewers: 20)
    for index in 0..<20 {
        let viewer = world.addViewer(capacity: 150_000 * (Double(5_000_000) / 150_000).squareRootPower(Double(index) / 19))
        _ = viewer
    }
    let start = world.fixture.now
    world.run(.seconds(30))
    for viewer in world.viewers {
        print("v", Int(viewer.capacity / 1000), viewer.layer, (viewer.layerSince - start).milliseconds, viewer.changes, viewer.longestGap.milliseconds, viewer.dropped)
        viewer.forget()
    }
    world.run(.seconds(60))
    for viewer in world.viewers { print("w", Int(viewer.capacity / 1000), viewer.layer, viewer.changes, viewer.longestGap.milliseconds, viewer.dropped, viewer.bytes * 8 / 60000) }
    print("key frames", world.keyFrames)
}

import Foundation
extension Double {
    func squareRootPower(_ exponent: Double) -> Double { pow(self, exponent) }
}

@Test func traceFall() {
    let world = PathWorld(seed: 1, viewers: 1)
    let viewer = world.addViewer(capacity: 3_000_000)
    world.run(.seconds(20) + .milliseconds(137))
    viewer.capacity = 400_000
    for step in 0..<60 {
        viewer.forget()
        world.run(.milliseconds(50))
        let send = world.fixture.router.endpoints[1].send!
        let subscriber = Int(world.fixture.router.endpoints[1].subscribers[0])
        let target = world.fixture.router.subscribers[subscriber].target
        print("t", Double(step + 1) / 20, "layer", viewer.layer, "est", send.controller.estimate / 1000, "target", send.controller.targetRate / 1000, "drop", viewer.dropped, "frames", viewer.frames, "allow", world.fixture.router.subscribers[subscriber].allowance.spatial, target, world.fixture.router.subscribers[subscriber].current, "wait", send.waiting.count, "rtt", send.controller.roundTrip?.milliseconds ?? 0, "room", send.controller.windowRoom == .max ? -1 : send.controller.windowRoom, viewer.bytes * 8 / 50)
    }
}
