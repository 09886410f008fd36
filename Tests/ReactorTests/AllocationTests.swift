import CAllocationCount
import RTP
import Session
import Testing
import Wire

@testable import Reactor

/// Nothing is allocated per forwarded packet once warm.
@Suite(.serialized) struct AllocationTests {
    private static let subscriberCount = 20

    /// What the last count found, with the stacks of its first allocations.
    private func report() -> String {
        var text = [CChar](repeating: 0, count: 65_536)
        apus_allocation_count_describe(&text, UInt64(text.count))
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private func makeStage() throws -> (LoopbackStage<InlineReactor>, LoopbackPeer, [LoopbackPeer]) {
        let stage = LoopbackStage(try InlineReactor())
        let publisher = try stage.add(
            "p",
            [
                LoopbackMedia.section(.video, .recvonly, hasTransportFeedback: true),
                LoopbackMedia.section(.audio, .recvonly),
            ])
        let subscribers = try (0..<Self.subscriberCount).map { number in
            try stage.add(
                "s\(number)",
                [
                    LoopbackMedia.section(.video, .sendonly, ssrc: 0xA000 + UInt32(number * 2)),
                    LoopbackMedia.section(.audio, .sendonly, ssrc: 0xB000 + UInt32(number * 2)),
                ])
        }
        for subscriber in subscribers {
            subscriber.keepsPackets = false
            try stage.route(publisher, subscriber, .video)
            try stage.route(publisher, subscriber, .audio)
        }
        try stage.connect()
        return (stage, publisher, subscribers)
    }

    @Test func theCounterCounts() {
        guard apus_allocation_count_is_available() == 1 else { return }
        apus_allocation_count_start()
        let block = UnsafeMutableRawPointer.allocate(byteCount: 100, alignment: 64)
        let array = Array(repeating: 1, count: 1000)
        let count = apus_allocation_count_stop()
        #expect(count == 2 && array.count == 1000)
        block.deallocate()
    }

    /// With every packet there, and with one in `lossInterval` of video missing.
    @Test(arguments: [Int.max, 25]) func forwardingAllocatesNothingOnceWarm(lossInterval: Int) throws {
        guard apus_allocation_count_is_available() == 1 else { return }
        let (stage, publisher, subscribers) = try makeStage()
        var (audio, video, sent) = (0, 0, 0)
        var allocations: UInt64 = 0
        var received = 0
        var stacks = ""

        /// One burst through the reactor: its socket to everybody's. Counts when `isCounted`.
        func burst(isCounted: Bool) throws {
            for position in 0..<8 {
                if position % 4 == 3 {
                    try publisher.send(LoopbackMedia.packet(.audio, audio, ssrc: 0x33))
                    audio += 1
                } else {
                    if video % lossInterval == lossInterval - 1 { video += 1 }
                    try publisher.send(
                        LoopbackMedia.packet(.video, video, ssrc: 0x11, payloadBytes: 1000, hasTransportSequence: true))
                    video += 1
                }
                sent += 1
            }
            publisher.flush()
            let before = stage.driver.world.load.packetsReceived
            if isCounted { apus_allocation_count_start() }
            stage.driver.world.receive(socket: 0)
            if isCounted {
                let count = apus_allocation_count_stop()
                if count > 0, allocations == 0 { stacks = report() }
                allocations += count
                received += Int(stage.driver.world.load.packetsReceived - before)
            }
            // Timers, reports, and the clients' own checks and reports: the control side, not counted.
            stage.driver.turn()
            for peer in stage.peers { peer.pump() }
            stage.driver.turn()
        }

        for _ in 0..<100 { try burst(isCounted: false) }
        let warm = subscribers.map(\.packetCount)
        sent = 0
        for _ in 0..<300 { try burst(isCounted: true) }
        #expect(allocations == 0, "\(allocations) allocations in \(received) packets, first at\(stacks)")
        #expect(received == 2400, "something but media was counted")
        let hasArrived = stage.run { zip(subscribers, warm).allSatisfy { $0.packetCount - $1 >= sent } }
        #expect(hasArrived && sent == 2400, "\(zip(subscribers, warm).map { $0.packetCount - $1 }) of \(sent)")
    }
}
