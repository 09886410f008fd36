import CAllocationCount
import RTP
import SRTP
import Session
import Testing
import Transport
import Wire

@testable import Reactor

/// Endpoints of plain RTP, with sockets of the test for their peers.
@Suite(.serialized) struct PlainTests {
    private static let ports: ClosedRange<UInt16> = 20_001...20_013
    private let stage: LoopbackStage<InlineReactor>

    init() throws {
        var configuration = testConfiguration(peerLimit: 16)
        configuration.plainPorts = Self.ports
        configuration.memory = ReactorMemory(capacity: 16)
        configuration.codec = SuccessionTests.codec
        stage = LoopbackStage(try InlineReactor(configuration))
        stage.driver.hold(stage.session)
    }

    private func open(_ name: String) -> Outcome {
        stage.driver.perform(.openPlain(EndpointID(name), PlainSpecification()), in: stage.session)
    }

    private func opened(_ name: String) throws -> OpenedPlain {
        guard case .openedPlain(let opened) = open(name) else { throw Refusal(.invalid, "not opened") }
        return opened
    }

    private func refusal(_ outcome: Outcome) -> Refusal? {
        if case .refused(let refusal) = outcome { refusal } else { nil }
    }

    private func section(
        _ direction: MediaDirection, ssrc: UInt32 = 0xAA, remote: SocketAddress? = nil
    ) -> NegotiatedPlain.Section {
        NegotiatedPlain.Section(
            media: LoopbackMedia.section(.video, direction, ssrc: ssrc), remote: remote?.description,
            controlRemote: nil, sharesPort: false)
    }

    private func negotiate(_ name: String, _ section: NegotiatedPlain.Section) -> Outcome {
        stage.driver.perform(
            .negotiatePlain(EndpointID(name), NegotiatedPlain(sections: [section])), in: stage.session)
    }

    private func server(_ port: UInt16) -> SocketAddress { SocketAddress(ip: stage.server.ip, port: port) }

    @Test func eachKindHasAPairOfPortsAndTheLowerIsEven() throws {
        let opened = try opened("rtp")
        #expect(opened.address == "127.0.0.1")
        #expect(opened.audioPort % 2 == 0 && opened.videoPort % 2 == 0 && opened.audioPort != opened.videoPort)
        #expect(Self.ports.contains(opened.audioPort) && Self.ports.contains(opened.videoPort + 1))
        #expect(open("rtp") == .openedPlain(opened), "asked again")
        #expect(stage.driver.recordCount == 2)
    }

    @Test func portsRunOutAndComeBack() throws {
        // Six pairs, two for each endpoint.
        for name in ["a", "b", "c"] { _ = try opened(name) }
        #expect(refusal(open("d"))?.reason == .overLimit)
        #expect(stage.driver.peerCount == 3 && stage.driver.recordCount == 6, "what is refused leaves nothing")
        try stage.expectDone(.closeEndpoint(EndpointID("b")))
        _ = try opened("d")
        #expect(refusal(open("e"))?.reason == .overLimit)
        try stage.expectDone(.closeSession)
        #expect(stage.driver.peerCount == 0 && stage.driver.recordCount == 0)
        for name in ["a", "b", "c"] { _ = try opened(name) }
    }

    @Test func whatIsNotNegotiatedIsGivenBack() throws {
        for name in ["a", "b", "c"] { _ = try opened(name) }
        #expect(negotiate("a", section(.recvonly)) == .done)
        #expect(negotiate("b", section(.recvonly)) == .done)
        // Two pairs of audio.
        _ = try opened("d")
    }

    @Test func whatAPeerSendsReachesAViewer() throws {
        let opened = try opened("rtp")
        #expect(negotiate("rtp", section(.recvonly)) == .done)
        let viewer = try stage.add("viewer", [LoopbackMedia.section(.video, .sendonly, ssrc: 0xA00)])
        try stage.connect()
        try stage.expectDone(.connect(Route(source: EndpointID("rtp"), sink: viewer.endpoint, kind: .video)))
        let peer = try PlainPeer()
        for number in 0..<20 {
            // Another SSRC than any that was announced.
            peer.send(LoopbackMedia.packet(.video, number, ssrc: 0x77), to: server(opened.videoPort))
        }
        #expect(stage.run { viewer.packetCount >= 20 })
        #expect(
            try viewer.rtp.map { try ReceivedPacket($0).payload } == (0..<20).map { LoopbackMedia.payload(.video, $0) })
        let events = stage.driver.log.events
        #expect(events.contains(.plainConnected(EndpointID("rtp"))))
        #expect(events.contains(.mediaFlowingIn(EndpointID("rtp"), .video, isFlowing: true)))
        #expect(events.contains(.mediaStateChanged(EndpointID("rtp"), isConnected: true)))
        // A viewer came: the peer is asked for a key frame, at the port above its own.
        let control = try PlainPeer(port: peer.local.port + 1)
        try stage.expectDone(.requestKeyFrame(EndpointID("rtp")))
        var asked: [[UInt8]] = []
        #expect(
            stage.run {
                asked += control.receive()
                return asked.contains { isKeyFrameRequest($0, of: 0x77, by: 0xAA) }
            })
    }

    @Test func aSenderMayBeStartedAgainAndAgain() throws {
        let opened = try opened("rtp")
        #expect(negotiate("rtp", section(.recvonly)) == .done)
        let viewer = try stage.add("viewer", [LoopbackMedia.section(.video, .sendonly, ssrc: 0xA00)])
        try stage.connect()
        try stage.expectDone(.connect(Route(source: EndpointID("rtp"), sink: viewer.endpoint, kind: .video)))
        let peer = try PlainPeer()
        for life in 0..<100 {
            peer.send(
                LoopbackMedia.packet(.video, 1000 + life, ssrc: 0x1000 + UInt32(life), isKeyFrame: true),
                to: server(opened.videoPort))
        }
        #expect(stage.run { viewer.packetCount >= 100 }, "\(viewer.packetCount)")
        #expect(stage.driver.drops[.rtpTooManyStreams] == 0)
    }

    @Test func aWorkerWithoutTheVersionOfIPSaysSo() {
        var specification = PlainSpecification()
        specification.usesIPv6 = true
        let outcome = stage.driver.perform(.openPlain(EndpointID("rtp"), specification), in: stage.session)
        #expect(refusal(outcome)?.message.contains("IPv6") == true)
        #expect(stage.driver.peerCount == 0 && stage.driver.recordCount == 0)
    }

    @Test func aStrangersPacketsAreDroppedAndCounted() throws {
        let opened = try opened("rtp")
        #expect(negotiate("rtp", section(.recvonly)) == .done)
        let (peer, stranger) = (try PlainPeer(), try PlainPeer())
        peer.send(LoopbackMedia.packet(.video, 0, ssrc: 0x77), to: server(opened.videoPort))
        #expect(stage.run { stage.driver.load.packetsReceived >= 1 })
        for bytes in [LoopbackMedia.packet(.video, 1, ssrc: 0x78), [1, 2, 3], []] {
            stranger.send(bytes, to: server(opened.videoPort))
        }
        #expect(stage.run { stage.driver.load.packetsReceived >= 4 })
        #expect(stage.driver.drops[.plainForeignSource] == 1 && stage.driver.drops[.unknownFirstByte] == 1)
        #expect(stage.driver.drops[.emptyDatagram] == 1)
        guard
            case .statistics(let statistics) = stage.driver.perform(
                .readStatistics(EndpointID("rtp")), in: stage.session)
        else { throw Refusal(.invalid, "no statistics") }
        #expect(statistics.transport.packetsReceived == 4 && statistics.transport.packetsDropped == 3 + 1)
    }

    @Test func whatAPublisherSendsReachesThePeer() throws {
        let peer = try PlainPeer()
        let opened = try opened("rtp")
        #expect(negotiate("rtp", section(.sendonly, ssrc: 0xB00, remote: peer.local)) == .done)
        let publisher = try stage.add("publisher", [LoopbackMedia.section(.video, .recvonly)])
        try stage.connect()
        try stage.expectDone(.connect(Route(source: publisher.endpoint, sink: EndpointID("rtp"), kind: .video)))
        for number in 0..<20 { try publisher.send(LoopbackMedia.packet(.video, number, ssrc: 0x11)) }
        publisher.flush()
        var packets: [[UInt8]] = []
        #expect(
            stage.run {
                packets += peer.receive()
                return packets.count >= 20
            })
        #expect(try packets.map { try ReceivedPacket($0).payload } == (0..<20).map { LoopbackMedia.payload(.video, $0) })
        #expect(try packets.allSatisfy { try ReceivedPacket($0).header.ssrc == 0xB00 })
        #expect(peer.lastSource == server(opened.videoPort), "sent from where it receives")
    }

    /// In at one endpoint of plain RTP, under SRTP, and out at another.
    @Test func forwardingAllocatesNothingOnceWarm() throws {
        guard apus_allocation_count_is_available() == 1 else { return }
        let key = try #require(SessionKey(suite: .aes128CMSHA180, inline: [UInt8](repeating: 3, count: 30)))
        let (peer, viewer) = (try PlainPeer(key: key), try PlainPeer())
        let opened = try opened("in")
        _ = try self.opened("out")
        var source = section(.recvonly)
        source.receiveKey = key
        source.sendKey = SessionKey(suite: .aes128CMSHA180, inline: [UInt8](repeating: 4, count: 30))
        #expect(negotiate("in", source) == .done)
        var sink = section(.sendonly, ssrc: 0xB00, remote: viewer.local)
        sink.sendKey = source.sendKey
        #expect(negotiate("out", sink) == .done)
        try stage.expectDone(.connect(Route(source: EndpointID("in"), sink: EndpointID("out"), kind: .video)))
        var (sequence, arrived) = (0, 0)
        var allocations: UInt64 = 0
        for round in 0..<150 {
            for _ in 0..<8 {
                peer.send(LoopbackMedia.packet(.video, sequence, ssrc: 0x77), to: server(opened.videoPort))
                sequence += 1
            }
            if round >= 50 { apus_allocation_count_start() }
            // The third of four sockets behind the reactor's own.
            stage.driver.world.receive(socket: 1 + 2)
            if round >= 50 { allocations += apus_allocation_count_stop() }
            stage.driver.turn()
            arrived += viewer.receive().count { $0[1] & 0x7F == 96 }
        }
        #expect(allocations == 0 && arrived == sequence, "\(allocations) allocations, \(arrived) of \(sequence)")
    }

    @Test func theOwnerOfAKeyIsWarnedBeforeItsLifetimeEnds() throws {
        let inline = [UInt8](repeating: 3, count: 30)
        let key = try #require(SessionKey(suite: .aes128CMSHA180, inline: inline, lifetime: 16))
        let opened = try opened("rtp")
        var section = section(.recvonly)
        section.receiveKey = key
        #expect(negotiate("rtp", section) == .done)
        let peer = try PlainPeer(key: key)
        func send(_ numbers: Range<Int>) -> Bool {
            for number in numbers {
                peer.send(LoopbackMedia.packet(.video, number, ssrc: 0x77), to: server(opened.videoPort))
            }
            return stage.run { stage.driver.load.packetsReceived >= numbers.upperBound }
        }
        let warning = SessionEvent.Body.keySoftLimit(EndpointID("rtp"), .video)
        #expect(send(0..<13) && !stage.driver.log.events.contains(warning))
        #expect(send(13..<20) && stage.driver.log.events.count { $0 == warning } == 1)
        #expect(stage.driver.drops[.srtpIndexExhausted] == 4)
    }

    @Test func anAddressThatNothingCanBeSentToIsRefused() throws {
        for text in ["224.0.0.1:5004", "0.0.0.0:5004", "127.0.0.1:0", "somewhere:5004"] {
            _ = try opened("rtp")
            var bad = section(.sendonly)
            bad.remote = text
            #expect(refusal(negotiate("rtp", bad))?.reason == .invalid)
        }
        #expect(negotiate("rtp", section(.recvonly)) == .done)
        #expect(refusal(negotiate("rtp", section(.recvonly)))?.reason == .invalid, "once for each")
    }

    @Test func theNextProcessGoesOnAtTheSamePorts() throws {
        let opened = try opened("rtp")
        var section = section(.recvonly)
        let key = try #require(
            SessionKey(suite: .aes128CMSHA180, inline: [UInt8](repeating: 3, count: 30)))
        section.receiveKey = key
        section.sendKey = key
        #expect(negotiate("rtp", section) == .done)
        let viewer = try stage.add("viewer", [LoopbackMedia.section(.video, .sendonly, ssrc: 0xA00)])
        try stage.connect()
        try stage.expectDone(.connect(Route(source: EndpointID("rtp"), sink: viewer.endpoint, kind: .video)))
        let peer = try PlainPeer(key: key)
        for round in 0..<3 {
            let before = viewer.packetCount
            for number in 0..<10 {
                let sequence = round * 10 + number
                peer.send(
                    LoopbackMedia.packet(.video, sequence, ssrc: 0x77, isKeyFrame: number == 0),
                    to: server(opened.videoPort))
            }
            #expect(stage.run { viewer.packetCount >= before + 10 })
            try stage.driver.succeed()
            #expect(stage.driver.log.succession?.endpoints == 2 && stage.driver.log.succession?.lost.isEmpty == true)
            #expect(stage.driver.recordCount == 3)
        }
        #expect(open("rtp") == .openedPlain(opened))
        try stage.expectDone(.closeEndpoint(EndpointID("rtp")))
        #expect(stage.driver.recordCount == 1)
    }

    /// An RTCP packet of `sender` with a PLI about `media`.
    private func isKeyFrameRequest(_ packet: [UInt8], of media: UInt32, by sender: UInt32) -> Bool {
        guard var compound = try? CompoundPacket(packet.span.bytes) else { return false }
        while let next = try? compound.next() {
            if case .pictureLossIndication(let request) = next {
                return request.mediaSSRC == media && request.senderSSRC == sender
            }
        }
        return false
    }
}

/// Somebody with a UDP socket, and perhaps a key that he sends under.
private final class PlainPeer {
    private let socket: UDPSocket
    private var egress = EgressBatch(capacity: 16)
    private var ingress = ReceiveBatch(capacity: 16)
    private let record = TransportRecord.allocate(localUfrag: "", localPassword: "")
    private var transport: PlainTransport?
    private(set) var lastSource: SocketAddress?

    init(port: UInt16 = 0, key: SessionKey? = nil) throws {
        socket = try UDPSocket(binding: SocketAddress(ip: IPAddress("127.0.0.1")!, port: port))
        guard let key else { return }
        var configuration = PlainSection.Configuration(isVideo: true, localSSRC: 0x77)
        configuration.remote = SocketAddress(ip: IPAddress("127.0.0.1")!, port: 1)
        configuration.sending = try MasterKey(
            profile: .aes128CMSHA180, key: Array(key.inline.prefix(16)), salt: Array(key.inline.dropFirst(16)))
        var transport = PlainTransport()
        transport.begin(try PlainSection(configuration, record: record))
        self.transport = consume transport
    }

    deinit { record.deallocate() }

    var local: SocketAddress { socket.local }

    func send(_ packet: [UInt8], to remote: SocketAddress) {
        var span = egress.unguardedNext()
        span.store(contentsOf: packet.span.bytes, at: 0)
        let sealed = try? transport?.protectRTP(&span, length: packet.count).length
        egress.commit(length: sealed ?? packet.count, to: Tuple(socket: 0, remote: remote))
        _ = egress.flush(descriptors: [socket.descriptor])
    }

    func receive() -> [[UInt8]] {
        var packets: [[UInt8]] = []
        for entry in 0..<ingress.receive(from: socket.descriptor) {
            lastSource = ingress.source(entry)
            var next: ReceiveBatch.Datagram? = ingress.firstDatagram(entry)
            while let datagram = next {
                packets.append(ingress.unguardedBytes(of: datagram).copied())
                next = ingress.datagram(after: datagram, in: entry)
            }
        }
        return packets
    }
}
