import CLinux
import ICE
import RTP
import STUN
import Session
import Testing
import Wire

@testable import Reactor

/// Strangers at the port while a call is on.
@Suite(.serialized) struct HostileTests {
    private func makeStage() throws -> (LoopbackStage<InlineReactor>, LoopbackPeer) {
        let stage = LoopbackStage(try InlineReactor())
        let peer = try stage.add("a", [LoopbackMedia.section(.video, .sendrecv, ssrc: 0xAA)])
        try stage.route(peer, peer)
        try stage.connect()
        return (stage, peer)
    }

    private func check(username: String, key: String) -> [UInt8] {
        var builder = MessageBuilder(MessageType(.request), transactionID: TransactionID(high: 9, low: 7))
        builder.addUsername(username)
        builder.add(.iceControlling, UInt64(1))
        builder.add(.useCandidate)
        builder.add(.priority, UInt32(1_845_501_695))
        return builder.finish(key: Array(key.utf8))
    }

    @Test func aFloodOfGarbageIsCountedByReasonAndMediaFlowsOn() throws {
        let (stage, peer) = try makeStage()
        let stranger = try stage.makePeer("stranger")
        var random = SeededRandom(seed: 4)
        let server = stage.server
        let unknown = check(username: "nobody:\(peer.credentials.ufrag)", key: peer.server.password)
        let wrongKey = check(
            username: "\(peer.server.ufrag):\(peer.credentials.ufrag)", key: String(repeating: "x", count: 24))
        let before = stage.driver.load.packetsReceived
        var sent = 0
        for number in 0..<200 {
            for _ in 0..<5 {
                var noise = random.bytes(1 + Int(random.next() % 300))
                if noise.count > 1, noise[0] < 4 { noise[0] = 99 }
                stranger.sendRaw(noise, to: server)
                stranger.sendRaw(unknown, to: server)
                stranger.sendRaw(wrongKey, to: server)
                sent += 3
            }
            try peer.send(LoopbackMedia.packet(.video, number, ssrc: 0x11))
            peer.flush()
            try #require(stage.run { peer.packetCount == number + 1 }, "packet \(number) is missing")
        }
        #expect(stage.run { stage.driver.load.packetsReceived >= before + UInt64(sent) })
        let drops = stage.driver.drops
        #expect(drops[.stunUnknownUser] == 1000 && drops[.stunBadIntegrity] == 1000)
        #expect(drops[.unknownTuple] == 1000)
        #expect(stage.driver.tupleCount <= 2, "a stranger's address takes no place")
        stranger.pump()
        #expect(stranger.packetCount == 0 && stranger.drops.isEmpty, "a stranger is not answered")
        #expect(stage.driver.selectedTuple(of: 0)?.remote == peer.local)
    }

    @Test func oversizedAndEmptyDatagramsAreCounted() throws {
        let (stage, peer) = try makeStage()
        let stranger = try UDPSocket(binding: SocketAddress(ip: stage.server.ip, port: 0))
        sendDatagram(bytes: 4000, from: stranger, to: stage.server)
        peer.sendRaw([], to: stage.server)
        peer.sendRaw([0x80], to: stage.server)
        let isCounted = stage.run {
            stage.driver.drops[.oversizedDatagram] == 1 && stage.driver.drops[.emptyDatagram] == 2
        }
        #expect(isCounted, "\(stage.driver.drops)")
        #expect(try stage.statistics(of: peer).transport.packetsDropped == 2)
    }

    /// Everything received is accounted for: handled, forwarded or dropped for a reason.
    @Test func noPacketVanishes() throws {
        let (stage, peer) = try makeStage()
        let sink = try stage.add("b", [LoopbackMedia.section(.video, .sendonly, ssrc: 0xBB)])
        try stage.connect()
        try stage.expectDone(.connect(Route(source: peer.endpoint, sink: sink.endpoint, kind: .video)))
        let sent = stage.driver.load.packetsSent
        let dropped = stage.driver.drops.total
        let queued = peer.packetCount + sink.packetCount
        for number in 0..<100 { try peer.send(LoopbackMedia.packet(.video, number, ssrc: 0x11)) }
        peer.flush()
        #expect(stage.run { peer.packetCount + sink.packetCount == queued + 200 })
        #expect(stage.driver.drops.total == dropped)
        #expect(stage.driver.load.packetsSent >= sent + 200)
    }

    /// An address may have belonged to somebody else before: who proves to be there now gets it.
    @Test func anAddressChangesHandsWithAnAuthenticatedCheck() throws {
        let (stage, peer) = try makeStage()
        let tuple = Tuple(socket: 0, remote: peer.local)
        #expect(stage.driver.slot(for: tuple) == 0)
        let other = try stage.makePeer("other")
        _ = try stage.open(other)
        try stage.expectDone(.negotiateEndpoint(other.endpoint, other.negotiated([])))
        let username = "\(other.server.ufrag):\(other.credentials.ufrag)"
        peer.sendRaw(check(username: username, key: String(repeating: "y", count: 24)), to: stage.server)
        #expect(stage.run { stage.driver.drops[.stunBadIntegrity] == 1 })
        #expect(stage.driver.slot(for: tuple) == 0, "a forged check moves nothing")
        peer.sendRaw(check(username: username, key: other.server.password), to: stage.server)
        #expect(stage.run { stage.driver.slot(for: tuple) == 1 })
        // Closing the former owner leaves the address to the new one.
        try stage.expectDone(.closeEndpoint(peer.endpoint))
        #expect(stage.driver.slot(for: tuple) == 1)
        try stage.expectDone(.closeEndpoint(other.endpoint))
        #expect(stage.driver.tupleCount == 0)
    }

    /// One who has the credentials and walks through many addresses holds a bounded number of them.
    @Test func aPeerWithManyAddressesKeepsABoundedNumber() throws {
        let (stage, peer) = try makeStage()
        let username = "\(peer.server.ufrag):\(peer.credentials.ufrag)"
        let request = check(username: username, key: peer.server.password)
        for number in 0..<40 {
            let elsewhere = try stage.makePeer("x\(number)")
            elsewhere.sendRaw(request, to: stage.server)
            let before = stage.driver.load.packetsReceived
            #expect(stage.run { stage.driver.load.packetsReceived > before || number % 2 == 1 })
        }
        stage.run(for: .milliseconds(100))
        #expect(stage.driver.tuples(of: 0).count <= Limits.tuplesPerPeer)
        #expect(stage.driver.tupleCount <= Limits.tuplesPerPeer)
        #expect(stage.driver.slot(for: Tuple(socket: 0, remote: peer.local)) == 0)
        try peer.send(LoopbackMedia.packet(.video, 0, ssrc: 0x11))
        peer.flush()
        #expect(stage.run { peer.packetCount == 1 })
    }
}

/// Sends one datagram of any size.
private func sendDatagram(bytes: Int, from socket: UDPSocket, to address: SocketAddress) {
    guard let batch = apus_batch_create(1) else { return }
    defer { apus_batch_destroy(batch) }
    let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 16)
    defer { memory.deallocate() }
    memory.initializeMemory(as: UInt8.self, repeating: 0x80, count: bytes)
    var destination = apus_address(address)
    apus_batch_set_destination(batch, 0, &destination)
    apus_batch_set_train(batch, 0, memory, bytes, bytes)
    _ = apus_batch_send(batch, socket.descriptor, 0, 1)
}
