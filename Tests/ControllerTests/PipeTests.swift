import Controller
import Foundation
import RTP
import Session
import Store
import Testing

/// Media from one shard to another. `p` and `q` are on w1, `v…` on w2.
struct PipeTests {
    private func withStage(_ body: (ShardStage) async throws -> Void) async throws {
        try await withCluster(.memory, settings: ShardStage.settings()) { world in
            let stage = try await ShardStage(world)
            try await stage.open("p", "q", "v0", "v1")
            try await body(stage)
            await stage.stop()
        }
    }

    @Test func onePipeServesEveryViewerOfAShard() async throws {
        try await withStage { stage in
            try await stage.negotiate("p", [section(.audio), section(.video)])
            for sink in ["v0", "v1"] { for kind in [MediaKind.audio, .video] { try await stage.connect("p", sink, kind) } }
            let near = await stage.first.operations(in: stage.session)
            let far = await stage.second.operations(in: stage.further)
            #expect(near.opened.count == 1 && far.opened.count == 1)
            let (one, other) = (try #require(near.opened.first), try #require(far.opened.first))
            #expect(one.id == other.id)
            #expect(one.specification == other.specification.reversed)
            #expect(one.specification.sendKey != one.specification.receiveKey)
            #expect(near.paths == [PipePath(local: "127.0.0.1:40000", remote: "127.0.0.1:40000")])
            #expect(near.paths == far.paths)
            #expect(near.connected.map(\.kind) == [.audio, .video])
            #expect(near.connected.allSatisfy { $0.source.rawValue == "p" && $0.sink == one.id })
            #expect(far.connected.count == 4 && far.connected.allSatisfy { $0.source == one.id })
            #expect(Set(far.connected.map(\.sink.rawValue)) == ["v0", "v1"])
        }
    }

    @Test func aThePipesSectionsAnnounceTheirStreamsAndLeaveOutThePeersOwn() async throws {
        try await withStage { stage in
            try await stage.negotiate("p", [section(.audio), section(.video, rids: ["h", "m", "l"])])
            try await stage.connect("p", "v0")
            let sections = try #require(await stage.second.operations(in: stage.further).opened.first).specification.media
            #expect(sections.map(\.direction) == [.recvonly, .recvonly])
            #expect(sections[0].receive.encodings.count == 1 && sections[0].receive.encodings[0].rtxSSRC == nil)
            #expect(sections[1].receive.encodings.map(\.rid) == ["h", "m", "l"])
            let ssrcs = sections.flatMap { $0.receive.encodings.flatMap { [$0.ssrc, $0.rtxSSRC].compactMap(\.self) } }
            #expect(ssrcs.count == 7 && Set(ssrcs).count == 7)
            #expect(sections[1].receive.codecs[0].feedback == ["nack", "nack pli"])
            #expect(sections[1].receive.headerExtensions.map(\.uri) == [HeaderExtensionURI.audioLevel])
        }
    }

    @Test func aThousandViewersAtOnceMakeOnePipe() async throws {
        try await withCluster(.memory, settings: ShardStage.settings(limit: 200)) { world in
            let stage = try await ShardStage(world)
            for number in 0..<400 { try await stage.open("e\(number)") }
            await withTaskGroup { group in
                for number in 200..<400 { group.addTask { try? await stage.connect("e0", "e\(number)") } }
            }
            let far = await stage.second.operations(in: stage.further)
            #expect(far.opened.count == 1 && far.connected.count == 200)
            #expect(await stage.first.operations(in: stage.session).connected.count == 1)
            await stage.stop()
        }
    }

    @Test func thePipeClosesWithItsLastViewerAndCarriesOnlyKindsThatAreWanted() async throws {
        try await withStage { stage in
            try await stage.connect("p", "v0", .audio)
            try await stage.connect("p", "v0", .video)
            try await stage.connect("p", "v1", .video)
            let pipe = try #require(await stage.first.operations(in: stage.session).opened.first).id
            try await stage.disconnect("p", "v0", .audio)
            #expect(await stage.first.operations(in: stage.session).disconnected.map(\.kind) == [.audio])
            try await stage.disconnect("p", "v0", .video)
            #expect(await stage.first.operations(in: stage.session).closed.isEmpty, "somebody watches still")
            _ = try await stage.director.perform(.closeEndpoint(EndpointID("v1")), in: stage.session)
            #expect(await stage.first.operations(in: stage.session).closed == [pipe])
            #expect(await stage.second.operations(in: stage.further).closed == [EndpointID("v1"), pipe])
            // The next one opens another, under other keys.
            try await stage.connect("p", "v0")
            let opened = await stage.first.operations(in: stage.session).opened
            #expect(opened.count == 2 && opened[1].id != pipe)
            #expect(opened[0].specification.sendKey != opened[1].specification.sendKey)
        }
    }

    @Test func aSourceThatGoesTakesItsPipeAlong() async throws {
        try await withStage { stage in
            try await stage.connect("p", "v0")
            let pipe = try #require(await stage.first.operations(in: stage.session).opened.first).id
            _ = try await stage.director.perform(.closeEndpoint(EndpointID("p")), in: stage.session)
            #expect(await stage.first.operations(in: stage.session).closed == [EndpointID("p"), pipe])
            #expect(await stage.second.operations(in: stage.further).closed == [pipe])
        }
    }

    @Test func whatASinkIsFedByInsteadReleasesTheFormerPipe() async throws {
        try await withStage { stage in
            try await stage.connect("p", "v0")
            let first = try #require(await stage.first.operations(in: stage.session).opened.first).id
            try await stage.connect("q", "v0")
            #expect(await stage.first.operations(in: stage.session).closed == [first])
            let second = try #require(await stage.first.operations(in: stage.session).opened.last).id
            try await stage.connect("v1", "v0")
            #expect(await stage.first.operations(in: stage.session).closed == [first, second])
            // Late news of the first changes nothing.
            try await stage.disconnect("p", "v0")
            #expect(await stage.second.operations(in: stage.further).disconnected.isEmpty)
        }
    }

    @Test func aSourceNegotiatedLaterFillsItsPipeAndKeepsItsStreams() async throws {
        try await withStage { stage in
            try await stage.connect("p", "v0")
            #expect(await stage.first.operations(in: stage.session).opened.map(\.specification.media.count) == [0])
            try await stage.negotiate("p", [section(.video)])
            try await stage.negotiate("p", [section(.video), section(.audio)])
            try await stage.negotiate("p", [section(.video), section(.audio)])
            let near = await stage.first.operations(in: stage.session).opened
            let far = await stage.second.operations(in: stage.further).opened
            #expect(near.map(\.specification.media.count) == [0, 1, 2], "the same again changes nothing")
            #expect(far.map(\.specification.media.count) == [0, 1, 2])
            #expect(Set(near.map(\.specification.sendKey)).count == 1)
            let ssrcs = near.dropFirst().map { $0.specification.media[0].send.encodings[0] }
            #expect(ssrcs[0] == ssrcs[1])
            #expect(await stage.first.operations(in: stage.session).paths.count == 1)
        }
    }

    @Test func theSinksSectionIsKept() async throws {
        try await withStage { stage in
            try await stage.connect("p", "v0", section: 3)
            try await stage.connect("q", "v0", section: 1)
            let far = await stage.second.operations(in: stage.further).connected
            #expect(far.map(\.section) == [3, 1])
            #expect(await stage.first.operations(in: stage.session).connected.map(\.section) == [nil, nil])
            #expect(await stage.first.operations(in: stage.session).closed.isEmpty)
        }
    }

    @Test func aSourceInTwoShardsHasTwoPipes() async throws {
        try await withStage { stage in
            try await stage.connect("p", "v0")
            try await stage.connect("v0", "p")
            try await stage.connect("v0", "q")
            let near = await stage.first.operations(in: stage.session)
            #expect(near.opened.count == 2)
            #expect(near.opened[0].specification.media.allSatisfy { $0.direction == .sendonly })
            #expect(near.connected.map(\.sink.rawValue).suffix(2) == ["p", "q"])
        }
    }

    // MARK: Refusals

    @Test func anSSRCThatIsTakenIsDrawnAgain() async throws {
        try await withStage { stage in
            try await stage.negotiate("p", [section(.video)])
            let tries = Tries()
            await stage.second.refuse { operation in
                if case .openPipe = operation, tries.next() == 0 { Refusal(.invalid, "taken") } else { nil }
            }
            try await stage.connect("p", "v0")
            let near = await stage.first.operations(in: stage.session)
            #expect(near.opened.count == 2)
            #expect(near.opened[0].specification.media[0].send != near.opened[1].specification.media[0].send)
            #expect(near.opened[0].specification.sendKey != near.opened[1].specification.sendKey)
        }
    }

    @Test func aPipeThatCannotBeOpenedRefusesTheRouteAndLeavesNothing() async throws {
        try await withStage { stage in
            await stage.second.refuse { if case .openPipe = $0 { Refusal(.overLimit, "full") } else { nil } }
            #expect(await stage.director.refusal(of: .connect(stage.route("p", "v0")), in: stage.session) == .overLimit)
            let pipe = try #require(await stage.first.operations(in: stage.session).opened.first).id
            #expect(await stage.first.operations(in: stage.session).closed.contains(pipe))
            #expect(await stage.director.specification(of: stage.session)?.routes.isEmpty == true)
            await stage.second.refuse { _ in nil }
            try await stage.connect("p", "v0")
            #expect(await stage.second.operations(in: stage.further).connected.count == 1)
        }
    }

    @Test func aClosedSessionKeepsNobodyWaitingForAPipe() async throws {
        try await withStage { stage in
            await stage.second.setAnswering(false)
            let pending = ["v0", "v1"].map { sink in
                Task { await stage.director.refusal(of: .connect(stage.route("p", sink)), in: stage.session) }
            }
            let isAsked = try? await eventually { await !stage.second.operations(in: stage.further).opened.isEmpty }
            #expect(isAsked == true)
            await stage.director.close(stage.session)
            for task in pending { #expect(await task.value == .notFound) }
        }
    }

    @Test func clientsCannotOpenPipes() async throws {
        try await withStage { stage in
            var generator = SystemRandomNumberGenerator()
            let specification = PipeSpecification(
                sendKey: PipeKey(using: &generator), receiveKey: PipeKey(using: &generator), localSSRC: 1, remoteSSRC: 2)
            let open = Session.Operation.openPipe(EndpointID("x"), specification)
            #expect(await stage.director.refusal(of: open, in: stage.session) == .invalid)
            let path = PipePath(local: "127.0.0.1:1", remote: "127.0.0.1:2")
            #expect(await stage.director.refusal(of: .connectPipe(EndpointID("x"), path), in: stage.session) == .invalid)
        }
    }
}

/// Counts calls, from whatever task.
private final class Tries: @unchecked Sendable {
    private let lock = NSLock()
    private var count = 0

    func next() -> Int {
        lock.withLock {
            count += 1
            return count - 1
        }
    }
}
