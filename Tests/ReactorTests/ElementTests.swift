import RTP
import Session
import Synchronization
import Testing
import Wire

@testable import Reactor

/// Media elements as a reactor sees them. The test is the elements.
@Suite(.serialized) struct ElementTests {
    private let factory = PortKeeper()
    private let stage: LoopbackStage<InlineReactor>
    private let player = ElementSpecification.player(PlayerSpecification(uri: "file:///x"))

    init() throws {
        var configuration = testConfiguration()
        configuration.elements = factory
        stage = LoopbackStage(try InlineReactor(configuration))
    }

    private func open(_ name: String, _ media: [NegotiatedMedia]) throws -> ElementPort {
        factory.media = media
        let outcome = stage.driver.perform(.openElement(EndpointID(name), player), in: stage.session)
        try #require(outcome == .openedElement(media))
        return try #require(factory.ports[EndpointID(name)])
    }

    /// What lies at the port of an element, and whether it is to go on.
    private func read(_ port: ElementPort) -> (packets: [[UInt8]], isOpen: Bool) {
        var batch = PacketBatch()
        let isOpen = port.receive(into: &batch, waitingAtMost: .zero) { _ in }
        var packets: [[UInt8]] = []
        batch.forEach { packets.append($0.copied()) }
        return (packets, isOpen)
    }

    private func send(_ numbers: Range<Int>, by port: ElementPort) {
        var batch = PacketBatch()
        for number in numbers { batch.append(LoopbackMedia.packet(.video, number, ssrc: 0x11)) }
        #expect(port.send(.packets(batch)))
    }

    private func payloads(_ packets: [[UInt8]]) throws -> [[UInt8]] {
        try packets.filter { $0[1] & 0x7F == 96 }.map { try ReceivedPacket($0).payload }
    }

    private func asksForKeyFrame(_ packet: [UInt8]) -> Bool {
        guard var compound = try? CompoundPacket(packet.span.bytes) else { return false }
        while let next = try? compound.next() { if case .pictureLossIndication = next { return true } }
        return false
    }

    @Test func whatAnElementSendsReachesAPeer() throws {
        let port = try open("player", [LoopbackMedia.section(.video, .recvonly)])
        let viewer = try stage.add("viewer", [LoopbackMedia.section(.video, .sendonly, ssrc: 0xA00)])
        try stage.connect()
        try stage.expectDone(.connect(Route(source: EndpointID("player"), sink: viewer.endpoint, kind: .video)))
        send(0..<20, by: port)
        #expect(stage.run { viewer.packetCount >= 20 })
        #expect(
            try viewer.rtp.map { try ReceivedPacket($0).payload } == (0..<20).map { LoopbackMedia.payload(.video, $0) })
    }

    @Test func whatAPeerSendsReachesAnElementUnderItsOwnSSRC() throws {
        let port = try open("recorder", [LoopbackMedia.section(.video, .sendonly, ssrc: 0xB00)])
        let publisher = try stage.add("publisher", [LoopbackMedia.section(.video, .recvonly)])
        try stage.connect()
        try stage.expectDone(.connect(Route(source: publisher.endpoint, sink: EndpointID("recorder"), kind: .video)))
        for number in 0..<20 { try publisher.send(LoopbackMedia.packet(.video, number, ssrc: 0x11)) }
        publisher.flush()
        var packets: [[UInt8]] = []
        #expect(
            stage.run {
                packets += read(port).packets
                return packets.filter { $0[1] & 0x7F == 96 }.count >= 20
            })
        #expect(try payloads(packets) == (0..<20).map { LoopbackMedia.payload(.video, $0) })
        #expect(packets.allSatisfy { $0[1] & 0x7F != 96 || (try? ReceivedPacket($0).header.ssrc) == 0xB00 })
    }

    @Test func anElementHearsOfAViewerWhoNeedsAKeyFrame() throws {
        let port = try open("player", [LoopbackMedia.section(.video, .recvonly)])
        let viewer = try stage.add("viewer", [LoopbackMedia.section(.video, .sendonly, ssrc: 0xA00)])
        try stage.connect()
        send(0..<1, by: port)
        stage.run(for: .milliseconds(20))
        try stage.expectDone(.connect(Route(source: EndpointID("player"), sink: viewer.endpoint, kind: .video)))
        var packets: [[UInt8]] = []
        let isAsked = stage.run {
            packets += read(port).packets
            return packets.contains { asksForKeyFrame($0) }
        }
        #expect(isAsked)
    }

    @Test func anElementKnowsWhetherItIsWatchedAndFed() throws {
        let port = try open(
            "hub", [LoopbackMedia.section(.video, .recvonly), LoopbackMedia.section(.audio, .sendonly, ssrc: 0xB00)])
        let viewer = try stage.add("viewer", [LoopbackMedia.section(.video, .sendonly, ssrc: 0xA00)])
        let publisher = try stage.add("publisher", [LoopbackMedia.section(.audio, .recvonly)])
        func expect(isWatched: Bool, isFed: Bool) {
            #expect(port.isWatched(.video) == isWatched && port.isFed(.audio) == isFed)
            #expect(!port.isWatched(.audio) && !port.isFed(.video))
        }
        expect(isWatched: false, isFed: false)
        let shown = Route(source: EndpointID("hub"), sink: viewer.endpoint, kind: .video)
        let heard = Route(source: publisher.endpoint, sink: EndpointID("hub"), kind: .audio)
        try stage.expectDone(.connect(shown))
        expect(isWatched: true, isFed: false)
        try stage.expectDone(.connect(heard))
        expect(isWatched: true, isFed: true)
        try stage.expectDone(.disconnect(shown))
        expect(isWatched: false, isFed: true)
        try stage.expectDone(.closeEndpoint(publisher.endpoint))
        expect(isWatched: false, isFed: false)
    }

    @Test func aCommandIsAnsweredByTheElement() throws {
        let port = try open("player", [])
        let token = stage.driver.log.nextToken()
        let command = Operation.commandElement(EndpointID("player"), .start)
        _ = stage.driver.mailbox.send(.perform(command, session: stage.session, token: token))
        var batch = PacketBatch()
        var heard: [ElementCommand] = []
        #expect(
            stage.run {
                _ = port.receive(into: &batch, waitingAtMost: .zero) { request in
                    guard case .command(let command, let token) = request else { return }
                    heard.append(command)
                    port.send(.outcome(.done, token: token))
                }
                return stage.driver.log.takeOutcome(token) == .done
            })
        #expect(heard == [.start])
    }

    @Test func theStatusIsWhatTheElementPublishedLast() throws {
        let port = try open("player", [])
        var status = ElementStatus()
        status.state = .started
        status.position = 1234
        port.publish(status)
        #expect(stage.driver.perform(.readElement(EndpointID("player")), in: stage.session) == .element(status))
    }

    @Test func whatAnElementTellsIsAnEventOfItsEndpoint() throws {
        let port = try open("player", [])
        let failure = ElementFailure(.notFound, "it is not there")
        let said = [ElementOutput.stateChanged(.started), .encodes(.video, true), .ended, .failed(failure)]
        for output in said { port.send(output) }
        let name = EndpointID("player")
        let expected: [SessionEvent.Body] = [
            .elementStateChanged(name, .started), .elementEncodes(name, .video, true), .elementEnded(name),
            .elementFailed(name, failure),
        ]
        #expect(stage.run { stage.driver.log.events.suffix(4) == expected[...] })
    }

    @Test func openingAgainIsTheSameElementAndAnotherOneIsRefused() throws {
        _ = try open("player", [])
        let again = stage.driver.perform(.openElement(EndpointID("player"), player), in: stage.session)
        #expect(again == .openedElement([]))
        #expect(factory.opened == 1)
        let other = ElementSpecification.player(PlayerSpecification(uri: "file:///y"))
        guard
            case .refused(let refusal) = stage.driver.perform(
                .openElement(EndpointID("player"), other), in: stage.session)
        else { throw Refusal(.invalid, "not refused") }
        #expect(refusal.reason == .invalid)
    }

    @Test func aClosedElementEndsAndIsHeardNoMore() throws {
        let port = try open("player", [LoopbackMedia.section(.video, .recvonly)])
        stage.run(for: .milliseconds(5))
        try stage.expectDone(.closeEndpoint(EndpointID("player")))
        #expect(!read(port).isOpen)
        #expect(stage.driver.peerCount == 0 && stage.driver.recordCount == 0 && stage.driver.tupleCount == 0)
        port.send(.ended)
        send(0..<5, by: port)
        stage.run(for: .milliseconds(10))
        #expect(!stage.driver.log.events.contains(.elementEnded(EndpointID("player"))))
    }

    @Test func anElementThatTakesNothingCostsOnlyItsOwnPackets() throws {
        _ = try open("recorder", [LoopbackMedia.section(.audio, .sendonly, ssrc: 0xB00)])
        let publisher = try stage.add("publisher", [LoopbackMedia.section(.audio, .recvonly)])
        let viewer = try stage.add("viewer", [LoopbackMedia.section(.audio, .sendonly, ssrc: 0xA00)])
        try stage.connect()
        for sink in [EndpointID("recorder"), viewer.endpoint] {
            try stage.expectDone(.connect(Route(source: publisher.endpoint, sink: sink, kind: .audio)))
        }
        for start in stride(from: 0, to: Limits.elementPackets + 200, by: 50) {
            for number in start..<(start + 50) { try publisher.send(LoopbackMedia.packet(.audio, number, ssrc: 0x22)) }
            publisher.flush()
            try #require(stage.run { viewer.packetCount >= start + 50 })
        }
        #expect(stage.driver.drops[.elementBehind] >= 200)
    }

    @Test func withoutAMediaPlaneThereAreNoElements() throws {
        let stage = LoopbackStage(try InlineReactor())
        guard
            case .refused(let refusal) = stage.driver.perform(
                .openElement(EndpointID("player"), player), in: stage.session)
        else { throw Refusal(.invalid, "not refused") }
        #expect(refusal.message.contains("media"))
        #expect(stage.driver.recordCount == 0)
    }
}

/// Makes elements that are nothing but their ports.
private final class PortKeeper: ElementFactory {
    private struct State {
        var ports: [EndpointID: ElementPort] = [:]
        var opened = 0
        var media: [NegotiatedMedia] = []
    }

    private let state = Mutex(State())

    var ports: [EndpointID: ElementPort] { state.withLock { $0.ports } }
    var opened: Int { state.withLock { $0.opened } }
    /// Of elements that are opened next.
    var media: [NegotiatedMedia] {
        get { state.withLock { $0.media } }
        set { state.withLock { $0.media = newValue } }
    }

    func open(
        _ specification: ElementSpecification, named name: EndpointID, port: ElementPort
    ) throws(Refusal) -> [NegotiatedMedia] {
        state.withLock { state in
            state.ports[name] = port
            state.opened += 1
            return state.media
        }
    }

    func close() async {}
}
