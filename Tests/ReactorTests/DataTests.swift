import RTP
import SCTP
import Session
import Testing
import Transport
import Wire

@testable import Reactor

/// Data channels through a reactor: from one peer to others, as fast as the slowest, and no slower for one that sleeps.
@Suite(.serialized) struct DataTests {
    private let chat = ChannelParameters(label: "chat")

    private func stage(_ names: [String]) throws -> (LoopbackStage<InlineReactor>, [LoopbackPeer]) {
        let stage = LoopbackStage(try InlineReactor())
        let peers = try names.map { try stage.add($0, [], hasData: true) }
        try stage.connect()
        for peer in peers { _ = try peer.transport.openDataChannel(chat, now: HostClock.now) }
        #expect(stage.run { peers.allSatisfy { $0.channel != nil } })
        return (stage, peers)
    }

    private func route(_ source: LoopbackPeer, _ sink: LoopbackPeer, _ stage: LoopbackStage<InlineReactor>) throws {
        try stage.expectDone(.connectData(DataRoute(source: source.endpoint, sink: sink.endpoint)))
    }

    @Test func aMessageGoesToAllWhoAreConnected() throws {
        let (stage, peers) = try stage(["a", "b", "c"])
        try route(peers[0], peers[1], stage)
        try route(peers[0], peers[2], stage)
        try peers[0].say(ChannelMessage("hello"))
        #expect(stage.run { peers[1].messages.count == 1 && peers[2].messages.count == 1 })
        #expect(peers[1].messages == [ChannelMessage("hello")])
        #expect(peers[0].messages == [])
        let opened = stage.driver.log.events.filter { if case .dataChannelOpened = $0 { true } else { false } }
        #expect(opened.count == 3)
        let statistics = try stage.statistics(of: peers[0])
        #expect(statistics.dataChannels?.map(\.messagesReceived) == [1])
        #expect(statistics.dataChannels?.map(\.label) == ["chat"])
    }

    @Test func aSinkHasOneSourceAndForgetsAnEndpointThatIsClosed() throws {
        let (stage, peers) = try stage(["a", "b", "c"])
        try route(peers[0], peers[2], stage)
        try route(peers[1], peers[2], stage)
        try peers[0].say(ChannelMessage("from a"))
        try peers[1].say(ChannelMessage("from b"))
        #expect(stage.run { !peers[2].messages.isEmpty })
        stage.run(for: .milliseconds(50))
        #expect(peers[2].messages == [ChannelMessage("from b")])
        try stage.expectDone(.closeEndpoint(peers[2].endpoint))
        try peers[1].say(ChannelMessage("to nobody"))
        stage.run(for: .milliseconds(50))
        #expect(stage.driver.peerCount == 2)
    }

    @Test func aRepeatedRequestOpensOneChannel() throws {
        let (stage, peers) = try stage(["a"])
        let specification = DataChannelSpecification(name: "x", label: "news", isOrdered: false, maxRetransmits: 1)
        let request = Operation.openDataChannel(peers[0].endpoint, specification)
        guard case .openedDataChannel(let id) = stage.driver.perform(request, in: stage.session) else {
            Issue.record("not opened")
            return
        }
        #expect(stage.driver.perform(request, in: stage.session) == .openedDataChannel(id))
        let limit = Reliability(isOrdered: false, limit: .retransmissions(1))
        let opened = DataChannels.Event.opened(UInt16(id), ChannelParameters(label: "news", reliability: limit))
        #expect(stage.run { peers[0].dataEvents.contains(opened) })
        try stage.expectDone(.closeDataChannel(peers[0].endpoint, id))
        #expect(stage.run { peers[0].dataEvents.contains(.closed(UInt16(id))) })
    }

    @Test func withoutNegotiatedChannelsNoneIsOpened() throws {
        let stage = LoopbackStage(try InlineReactor())
        let peer = try stage.add("a", [])
        let request = Operation.openDataChannel(peer.endpoint, DataChannelSpecification(name: "x", label: ""))
        guard case .refused(let refusal) = stage.driver.perform(request, in: stage.session) else {
            Issue.record("opened")
            return
        }
        #expect(refusal.reason == .invalid)
    }

    /// 12 MB to a peer that reads and to one that does not: the first gets all, the second loses its channels, and the
    /// server keeps no more than its bound.
    @Test func aReaderThatSleepsDoesNotHoldUpTheOthers() throws {
        let (stage, peers) = try stage(["a", "b", "c"])
        try route(peers[0], peers[1], stage)
        try route(peers[0], peers[2], stage)
        let asleep = peers[2]
        stage.forget(asleep)
        let message = ChannelMessage(.binary, Array(repeating: 7, count: 100_000))
        var sent = 0
        #expect(
            stage.run {
                while sent < 120, (try? peers[0].say(message)) != nil { sent += 1 }
                return peers[1].messages.count == 120
            })
        #expect(stage.driver.drops[.dataBacklogFull] == 1)
        #expect(try stage.statistics(of: asleep).dataChannels == [])
    }
}

extension LoopbackPeer {
    /// The stream of its first open channel.
    fileprivate var channel: UInt16? {
        for event in dataEvents { if case .opened(let id, _) = event { return id } }
        return nil
    }

    fileprivate var messages: [ChannelMessage] {
        dataEvents.compactMap { if case .message(_, let message) = $0 { message } else { nil } }
    }

    fileprivate func say(_ message: ChannelMessage) throws {
        guard let channel else { throw Association.SendError.notConnected }
        try transport.sendData(message, on: channel, now: HostClock.now)
        pump()
    }
}
