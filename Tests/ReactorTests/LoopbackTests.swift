import ICE
import RTP
import Session
import Testing
import Wire

@testable import Reactor

/// Media through a real reactor: its thread, its sockets, real handshakes.
@Suite(.serialized) struct LoopbackTests {
    /// Sends `count` packets of `kind` and waits until every sink has them all.
    private func carry(
        _ count: Int, _ kind: MediaKind = .video, ssrc: UInt32 = 0x11, from source: LoopbackPeer,
        to sinks: [LoopbackPeer], on stage: LoopbackStage<ThreadedReactor>, first: Int = 0
    ) throws {
        let before = sinks.map(\.packetCount)
        for number in first..<(first + count) {
            try source.send(LoopbackMedia.packet(kind, number, ssrc: ssrc))
            guard number % 20 == 19 || number == first + count - 1 else { continue }
            source.flush()
            let sent = number - first + 1
            let hasArrived = stage.run { zip(sinks, before).allSatisfy { $0.packetCount >= $1 + sent } }
            try #require(hasArrived, "\(sinks.map(\.packetCount)) of \(sent) packets")
        }
    }

    /// What a subscriber got is one stream of its own, and every byte of media in it.
    private func expectWhole(_ peer: LoopbackPeer, _ kind: MediaKind = .video, count: Int, ssrc: UInt32) throws {
        let packets = try peer.rtp.map(ReceivedPacket.init).filter { $0.header.ssrc == ssrc }
        #expect(packets.count == count && peer.drops.isEmpty, "\(peer.drops)")
        let start = try #require(packets.first).header.sequenceNumber
        for (index, packet) in packets.enumerated() {
            #expect(packet.header.payloadType == (kind == .video ? 96 : 111))
            #expect(packet.header.sequenceNumber == start.advanced(by: index))
            #expect(packet.payload == LoopbackMedia.payload(kind, index))
            #expect(packet.header.timestamp == packets[0].header.timestamp &+ UInt32(index * 3000))
        }
    }

    @Test func aThousandPacketsComeBackWhole() throws {
        let stage = LoopbackStage(try ThreadedReactor())
        let peer = try stage.add("a", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)])
        try stage.route(peer, peer)
        try stage.connect()
        try carry(1000, from: peer, to: [peer], on: stage)
        try expectWhole(peer, count: 1000, ssrc: 0xAA)
        #expect(stage.run { peer.iceState == .completed })
        let statistics = try stage.statistics(of: peer)
        #expect(statistics.transport.iceState == .completed && statistics.transport.dtlsState == .connected)
        #expect(statistics.transport.srtpProfile == "AEAD_AES_128_GCM")
        #expect(statistics.transport.remoteCandidate?.contains("127.0.0.1 \(peer.local.port) typ ") == true)
        #expect(statistics.transport.localCandidate?.contains("127.0.0.1 \(stage.server.port) typ host") == true)
        #expect(statistics.inbound.first?.packetsReceived == 1000 && statistics.inbound.first?.ssrc == 0x11)
        #expect(statistics.inbound.first?.packetsLost == 0)
        #expect(statistics.outbound.first?.packetsSent == 1000 && statistics.outbound.first?.ssrc == 0xAA)
        #expect(statistics.transport.packetsReceived >= 1000 && statistics.transport.packetsSent >= 1000)
        #expect(statistics.transport.bytesReceived > 100_000 && statistics.transport.packetsDropped == 0)
    }

    @Test func onePublisherFeedsEightSubscribers() throws {
        let stage = LoopbackStage(try ThreadedReactor())
        let publisher = try stage.add(
            "p", [LoopbackMedia.section(.video, .recvonly), LoopbackMedia.section(.audio, .recvonly)])
        let subscribers = try (0..<8).map { number in
            try stage.add(
                "s\(number)",
                [
                    LoopbackMedia.section(.video, .sendonly, ssrc: 0xA00 + UInt32(number)),
                    LoopbackMedia.section(.audio, .sendonly, ssrc: 0xB00 + UInt32(number)),
                ])
        }
        for subscriber in subscribers {
            try stage.route(publisher, subscriber, .video)
            try stage.route(publisher, subscriber, .audio)
        }
        try stage.connect()
        try carry(300, .video, ssrc: 0x11, from: publisher, to: subscribers, on: stage)
        try carry(100, .audio, ssrc: 0x33, from: publisher, to: subscribers, on: stage)
        for (number, subscriber) in subscribers.enumerated() {
            try expectWhole(subscriber, .video, count: 300, ssrc: 0xA00 + UInt32(number))
            try expectWhole(subscriber, .audio, count: 100, ssrc: 0xB00 + UInt32(number))
        }
        #expect(stage.run { !publisher.rtcp.isEmpty }, "the publisher gets reports…")
        #expect(publisher.rtp.isEmpty, "…and no media")
    }

    @Test func worksOverIPv6() throws {
        let ip = try #require(IPAddress("::1"))
        // A machine without IPv6 cannot show it.
        guard (try? UDPSocket(binding: SocketAddress(ip: ip, port: 0))) != nil else { return }
        let both = try ThreadedReactor(testConfiguration(addresses: [IPAddress("127.0.0.1")!, ip]))
        let stage = LoopbackStage(both)
        let six = try stage.add("six", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)], ip: ip)
        let four = try stage.add("four", [LoopbackMedia.section(.video, .sendonly, ssrc: 0xBB)])
        try stage.route(six, six)
        try stage.route(six, four)
        try stage.connect()
        try carry(100, from: six, to: [six, four], on: stage)
        try expectWhole(six, count: 100, ssrc: 0xAA)
        try expectWhole(four, count: 100, ssrc: 0xBB)
    }

    @Test func twoPeersOnOneHostAreToldApart() throws {
        let stage = LoopbackStage(try ThreadedReactor())
        let one = try stage.add("one", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xA1)])
        let two = try stage.add("two", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xA2)])
        // The same SSRC from both: tables are per transport (each sees its own stream back).
        try stage.route(one, one)
        try stage.route(two, two)
        try stage.connect()
        try carry(50, ssrc: 0x11, from: one, to: [one], on: stage)
        try carry(70, ssrc: 0x11, from: two, to: [two], on: stage)
        try expectWhole(one, count: 50, ssrc: 0xA1)
        try expectWhole(two, count: 70, ssrc: 0xA2)
    }

    @Test func aPeerWhoseAddressChangesIsFollowed() throws {
        let stage = LoopbackStage(try ThreadedReactor())
        let peer = try stage.add("a", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)])
        try stage.route(peer, peer)
        try stage.connect()
        try carry(20, from: peer, to: [peer], on: stage)
        // Not while checks are still running anyway.
        let isSettled = stage.run {
            peer.iceState == .completed && (try? stage.statistics(of: peer).transport.iceState) == .completed
        }
        try #require(isSettled)
        stage.run(for: .milliseconds(300))
        try peer.rebind()
        // Consent checks of the client tell the reactor, its own tell it that the old path is gone.
        var number = 20
        let isBack = stage.run {
            // Key frames only: what was lost meanwhile must not matter.
            try? peer.send(LoopbackMedia.packet(.video, number, ssrc: 0x11, isKeyFrame: true))
            peer.flush()
            number += 1
            return peer.packetCount > 40
        }
        #expect(isBack, "\(peer.packetCount) packets after \(number), drops \(stage.driver.reactor.load.drops)")
        #expect(stage.driver.reactor.load.drops["unknown_tuple", default: 0] > 0, "it was not lost at all")
        #expect(try stage.statistics(of: peer).transport.dtlsState == .connected)
    }

    @Test func eventsTellHowAConnectionComesAndGoes() throws {
        let stage = LoopbackStage(try ThreadedReactor())
        let peer = try stage.add("a", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)])
        try stage.route(peer, peer)
        try stage.connect()
        try carry(20, from: peer, to: [peer], on: stage)
        let id = peer.endpoint
        let log = stage.driver.log
        let expected: [SessionEvent.Body] = [
            .iceStateChanged(id, .checking), .iceStateChanged(id, .completed), .dtlsStateChanged(id, .connecting),
            .dtlsStateChanged(id, .connected), .mediaStateChanged(id, isConnected: true),
            .mediaFlowingIn(id, .video, isFlowing: true), .mediaFlowingOut(id, .video, isFlowing: true),
        ]
        #expect(stage.run { expected.allSatisfy(log.events.contains) }, "\(log.events)")
        let isPairTold = log.events.contains { event in
            if case .candidatePairSelected(id, let local, let remote) = event {
                local.contains(" \(stage.server.port) typ host") && remote.contains(" \(peer.local.port) typ ")
            } else { false }
        }
        #expect(isPairTold)
        #expect(stage.run { log.events.contains(.mediaFlowingIn(id, .video, isFlowing: false)) }, "after 2 s of silence")
        peer.close()
        #expect(stage.run { log.events.contains(.dtlsStateChanged(id, .closed)) }, "close_notify of the client")
    }

    @Test func closingAnEndpointSaysGoodbyeToThePeer() throws {
        let stage = LoopbackStage(try ThreadedReactor())
        let peer = try stage.add("a", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)])
        try stage.connect()
        try stage.expectDone(.closeEndpoint(peer.endpoint))
        #expect(stage.run { peer.dtlsPhase == .closed }, "no close_notify came")
        guard case .refused(let refusal) = stage.driver.perform(.readStatistics(peer.endpoint), in: stage.session) else {
            Issue.record("a closed endpoint still answers")
            return
        }
        #expect(refusal.reason == .notFound)
    }

    /// A lost packet is asked for again by the client and sent again by the reactor, as RTX.
    @Test func whatAClientMissedIsSentAgain() throws {
        let stage = LoopbackStage(try ThreadedReactor())
        let peer = try stage.add("a", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)])
        try stage.route(peer, peer)
        try stage.connect()
        try carry(40, from: peer, to: [peer], on: stage)
        let first = try ReceivedPacket(peer.rtp[0]).header.sequenceNumber
        var writer = ByteWriter()
        writer.writeReceiverReport(ssrc: 0x11, blocks: [])
        writer.writeNack(senderSSRC: 0x11, mediaSSRC: 0xAA, sequenceNumbers: [first.advanced(by: 10)])
        try peer.send(writer.bytes, isRTCP: true)
        peer.flush()
        #expect(stage.run { peer.packetCount == 41 })
        let again = try ReceivedPacket(try #require(peer.rtp.last))
        #expect(again.header.payloadType == 97 && again.header.ssrc == 0xAB)
        #expect(Array(again.payload.dropFirst(2)) == LoopbackMedia.payload(.video, 10))
        #expect(try stage.statistics(of: peer).outbound.first?.packetsRetransmitted == 1)
    }
}
