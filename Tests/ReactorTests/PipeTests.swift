import RTP
import Session
import Testing
import Wire

@testable import Reactor

/// Media from a reactor to another.
@Suite(.serialized) struct PipeTests {
    private let source = [LoopbackMedia.section(.video, .recvonly), LoopbackMedia.section(.audio, .recvonly)]

    /// A publisher on the near reactor and viewers on the far one, all connected, the pipe between.
    private func makeStage(viewers: Int) throws -> (PipeStage, LoopbackPeer, [LoopbackPeer]) {
        let stage = try PipeStage(source)
        let publisher = try stage.near.add("p", source)
        let viewers = try (0..<viewers).map { number in
            try stage.far.add(
                "v\(number)",
                [
                    LoopbackMedia.section(.video, .sendonly, ssrc: 0xA00 + 16 * UInt32(number)),
                    LoopbackMedia.section(.audio, .sendonly, ssrc: 0xB00 + 16 * UInt32(number)),
                ])
        }
        try stage.near.connect()
        try stage.far.connect()
        try stage.open()
        try stage.route(from: publisher, to: viewers, [.video, .audio])
        return (stage, publisher, viewers)
    }

    private func carry(_ numbers: Range<Int>, from publisher: LoopbackPeer, isKeyFrame: Bool? = nil) throws {
        for number in numbers {
            try publisher.send(LoopbackMedia.packet(.video, number, ssrc: 0x11, isKeyFrame: isKeyFrame))
        }
        publisher.flush()
    }

    private func payloads(_ peer: LoopbackPeer, type: UInt8 = 96) throws -> [[UInt8]] {
        try peer.rtp.map(ReceivedPacket.init).filter { $0.header.payloadType == type }.map(\.payload)
    }

    @Test func aStreamCrossesOnceHoweverManyWatchIt() throws {
        let (stage, publisher, viewers) = try makeStage(viewers: 6)
        for start in stride(from: 0, to: 300, by: 20) {
            try carry(start..<(start + 20), from: publisher)
            try publisher.send(LoopbackMedia.packet(.audio, start / 20, ssrc: 0x22))
            publisher.flush()
            let expected = start + 20 + start / 20 + 1
            try #require(stage.run { viewers.allSatisfy { $0.packetCount >= expected } })
        }
        #expect(stage.relay.media.count == 315, "one copy of each packet")
        for viewer in viewers {
            #expect(try payloads(viewer) == (0..<300).map { LoopbackMedia.payload(.video, $0) })
            #expect(try payloads(viewer, type: 111) == (0..<15).map { LoopbackMedia.payload(.audio, $0) })
            #expect(viewer.drops.isEmpty)
        }
        let (sent, received) = (stage.near.driver.load, stage.far.driver.load)
        stage.run(for: .milliseconds(250))
        #expect(sent.packetsSent > 0 && received.packetsReceived > 0)
        #expect(stage.near.driver.pipeLoad.pipes == 1 && stage.far.driver.pipeLoad.pipes == 1)
        #expect(stage.near.driver.pipeLoad.endpoints == 1 && stage.far.driver.pipeLoad.endpoints == 6)
        #expect(stage.near.driver.pipeLoad.sent >= 315 && stage.far.driver.pipeLoad.received >= 315)
    }

    @Test func whatTheHopLosesIsAskedForAndSentAgain() throws {
        let (stage, publisher, viewers) = try makeStage(viewers: 2)
        try carry(0..<20, from: publisher)
        try #require(stage.run { viewers.allSatisfy { $0.packetCount >= 20 } })
        let lost = stage.relay.fromNear.count..<(stage.relay.fromNear.count + 3)
        stage.relay.loses = { lost.contains($0) }
        for start in stride(from: 20, to: 60, by: 10) {
            try carry(start..<(start + 10), from: publisher)
            stage.run(for: .milliseconds(20))
        }
        let all = Set((0..<60).map { LoopbackMedia.payload(.video, $0) })
        #expect(stage.run { viewers.allSatisfy { (try? Set(payloads($0))) == all } }, "\(viewers.map(\.packetCount))")
        #expect(publisher.rtcp.allSatisfy { !contains($0, type: 205, format: 1) }, "the publisher need not send again")
        guard case .statistics(let statistics) = stage.near.driver.perform(
            .readStatistics(stage.pipe), in: stage.near.session)
        else { throw Refusal(.invalid, "no statistics") }
        #expect(statistics.outbound.reduce(0) { $0 + $1.packetsRetransmitted } >= 3)
        #expect(statistics.transport.srtpProfile == "AEAD_AES_128_GCM")
    }

    @Test func aViewersKeyFrameRequestReachesThePublisher() throws {
        let (stage, publisher, viewers) = try makeStage(viewers: 1)
        try carry(0..<20, from: publisher)
        try #require(stage.run { viewers[0].packetCount >= 20 })
        // Past what the routes asked for themselves.
        stage.run(for: .milliseconds(700))
        publisher.rtcp.removeAll()
        var writer = ByteWriter()
        writer.writeReceiverReport(ssrc: 0x99, blocks: [])
        writer.writePictureLossIndication(senderSSRC: 0x99, mediaSSRC: 0xA00)
        try viewers[0].send(writer.bytes, isRTCP: true)
        viewers[0].flush()
        #expect(stage.run { publisher.rtcp.contains { contains($0, type: 206, format: 1) } })
    }

    @Test func aPublishersReportReachesTheViewers() throws {
        let (stage, publisher, viewers) = try makeStage(viewers: 1)
        try carry(0..<20, from: publisher)
        try #require(stage.run { viewers[0].packetCount >= 20 })
        var writer = ByteWriter()
        writer.writeSenderReport(
            SenderReport(
                ssrc: 0x11, ntp: NTPTimestamp(HostClock.now, unixOffset: .seconds(1000)), rtpTimestamp: 19 * 3000, packetCount: 20,
                octetCount: 2000))
        try publisher.send(writer.bytes, isRTCP: true)
        publisher.flush()
        #expect(stage.run { viewers[0].rtcp.contains { $0[1] == 200 } })
    }

    @Test func thePipesMediaMayChangeWhileItIsOpen() throws {
        let (stage, publisher, viewers) = try makeStage(viewers: 1)
        let video = Array(source.prefix(1))
        var generator = SystemRandomNumberGenerator()
        var changed = stage.specification
        changed.media = PipeSpecification.sections(carrying: video, keeping: changed.media, using: &generator)
        for _ in 0..<2 {
            _ = stage.far.driver.perform(.openPipe(stage.pipe, changed.reversed), in: stage.far.session)
            _ = stage.near.driver.perform(.openPipe(stage.pipe, changed), in: stage.near.session)
        }
        #expect(stage.far.driver.pipeSSRCs == changed.reversed.remoteSSRCs.count)
        try carry(0..<20, from: publisher)
        try publisher.send(LoopbackMedia.packet(.audio, 0, ssrc: 0x22))
        publisher.flush()
        #expect(stage.run { viewers[0].packetCount >= 20 })
        #expect(try payloads(viewers[0], type: 111).isEmpty)
    }

    @Test func closingLeavesNothing() throws {
        let (stage, _, _) = try makeStage(viewers: 1)
        #expect(stage.far.driver.pipeSSRCs > 0 && stage.far.driver.knowsPipe(from: stage.relay.address))
        for end in [stage.near, stage.far] {
            for _ in 0..<2 { try end.expectDone(.closeEndpoint(stage.pipe)) }
            #expect(end.driver.pipeSSRCs == 0 && !end.driver.knowsPipe(from: stage.relay.address))
            #expect(end.driver.peerCount == end.peers.count && end.driver.recordCount == end.peers.count)
        }
        try stage.open()
        #expect(stage.far.driver.pipeSSRCs > 0)
    }

    private func contains(_ compound: [UInt8], type: UInt8, format: UInt8) -> Bool {
        var offset = 0
        while offset + 4 <= compound.count {
            if compound[offset + 1] == type, compound[offset] & 31 == format { return true }
            offset += 4 * (Int(compound[offset + 2]) << 8 + Int(compound[offset + 3]) + 1)
        }
        return false
    }
}
