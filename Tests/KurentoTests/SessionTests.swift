@testable import Session
import Testing
import Wire

@testable import Kurento

@Suite(.timeLimit(.minutes(1)))
struct SessionTests {
    private let bench = Bench()

    @Test func clientChosenSessionsAreAcceptedAndComeBackInEveryResult() async {
        let client = await bench.client()
        let reply = await client.request("create", ["type": "MediaPipeline", "sessionId": "1111"])
        #expect(reply["result"]?["sessionId"] == "1111")
        #expect(await client.request("describe", ["object": "manager_ServerManager"])["result"]?["sessionId"] == "1111")
        #expect(await client.invoke("manager_ServerManager", "getSessions").strings == ["1111"])
    }

    @Test func connectAloneMakesNoSession() async {
        let client = await bench.client()
        let reply = await client.exchange(#"{"jsonrpc":"2.0","id":1,"method":"connect"}"#)
        #expect(reply == #"{"id":1,"jsonrpc":"2.0","result":{"serverId":"server","sessionId":"u1"}}"#)
        #expect(await client.request("keepAlive", ["sessionId": "u1"])["error"]?.code == 40007)
        #expect(await bench.server.statistics.sessions == 0)
    }

    @Test func aReconnectingClientKeepsItsObjectsAndSubscriptions() async {
        let first = await bench.client()
        let endpoint = await first.endpoint(await first.create("MediaPipeline", session: "s"))
        await first.subscribe(endpoint, "MediaStateChanged")
        await bench.server.connectionClosed(first.connection)
        await bench.plane.emit(.mediaStateChanged(endpointID(endpoint), isConnected: true))

        let second = await bench.client()
        let reply = await second.request("connect", ["sessionId": "s"])
        #expect(reply["result"] == ["serverId": "server", "sessionId": "s"])
        await bench.plane.emit(.mediaStateChanged(endpointID(endpoint), isConnected: false))
        let events = await second.events(2)
        #expect(events.map { $0["data"]?["newState"] } == ["CONNECTED", "DISCONNECTED"], "none is missed")
        #expect(await second.invoke(endpoint, "getId").asString == endpoint)
    }

    @Test func theLastConnectionThatUsedASessionGetsItsEvents() async {
        let first = await bench.client()
        let endpoint = await first.endpoint(await first.create("MediaPipeline", session: "s"))
        await first.subscribe(endpoint, "MediaStateChanged")
        let second = await bench.client()
        _ = await second.request("ping", ["sessionId": "s"])
        await bench.plane.emit(.mediaStateChanged(endpointID(endpoint), isConnected: true))
        #expect(await second.events(1).count == 1)
        // The first connection's end must not unbind what the second took over.
        await bench.server.connectionClosed(first.connection)
        await bench.plane.emit(.mediaStateChanged(endpointID(endpoint), isConnected: false))
        #expect(await second.events(2).count == 2)
        #expect(await first.events.isEmpty)
    }

    @Test func abandonedSessionsLoseTheirObjectsInTheSecondRound() async {
        let client = await bench.client()
        let pipeline = await client.create("MediaPipeline")
        _ = await client.endpoint(pipeline)
        await bench.server.collectGarbage()
        await bench.server.collectGarbage()
        #expect(await bench.server.statistics.endpoints == 1)
        await bench.server.connectionClosed(client.connection)
        await bench.server.collectGarbage()
        #expect(await bench.server.statistics.pipelines == 1)
        await bench.server.collectGarbage()
        let statistics = await bench.server.statistics
        #expect(statistics.pipelines == 0 && statistics.endpoints == 0 && statistics.sessions == 0)
        #expect(await bench.plane.closed == bench.plane.opened)
    }

    @Test func keepAliveSavesASessionFromTheCollector() async {
        let client = await bench.client()
        _ = await client.create("MediaPipeline", session: "s")
        await bench.server.connectionClosed(client.connection)
        await bench.server.collectGarbage()
        let other = await bench.client()
        #expect(await other.request("keepAlive", ["sessionId": "s"])["result"] == ["sessionId": "s"])
        await bench.server.connectionClosed(other.connection)
        await bench.server.collectGarbage()
        #expect(await bench.server.statistics.pipelines == 1)
    }

    @Test func sharedObjectsOutliveTheSessionThatMadeThem() async {
        let first = await bench.client()
        let pipeline = await first.create("MediaPipeline", session: "a")
        let endpoint = await first.endpoint(pipeline)
        let second = await bench.client()
        _ = await second.request(
            "invoke", ["object": .string(endpoint), "operation": "getName", "sessionId": "b"])
        let reply = await first.request("closeSession", ["sessionId": "a"])
        #expect(reply["result"] == .null)
        #expect(await second.invoke(endpoint, "getName").asString == endpoint)
        _ = await second.request("unref", ["object": .string(endpoint), "sessionId": "b"])
        #expect(await second.error(endpoint, "getName").code == 40101)
        #expect(await second.invoke(pipeline, "getChildren") == [])
        _ = await second.request("unref", ["object": .string(pipeline), "sessionId": "b"])
        #expect(await bench.server.statistics.pipelines == 0)
    }

    @Test func refKeepsAnObjectForASession() async {
        let client = await bench.client()
        let pipeline = await client.create("MediaPipeline", session: "a")
        let reference = await client.request("ref", ["object": .string(pipeline), "sessionId": "b"])
        #expect(reference["result"] == ["sessionId": "b"])
        _ = await client.request("unref", ["object": .string(pipeline), "sessionId": "a"])
        #expect(await bench.server.statistics.pipelines == 1)
        _ = await client.request("unref", ["object": .string(pipeline), "sessionId": "b"])
        #expect(await bench.server.statistics.pipelines == 0)
        #expect(await client.request("unref", ["object": .string(pipeline), "sessionId": "b"])["error"]?.code == 40101)
    }

    @Test func closingWithReleaseTakesObjectsFromEverybody() async {
        let client = await bench.client()
        let pipeline = await client.create("MediaPipeline", session: "a")
        _ = await client.request("ref", ["object": .string(pipeline), "sessionId": "b"])
        _ = await client.request("closeSession", ["sessionId": "a", "release": true])
        #expect(await bench.server.statistics.objects == 1)
        #expect(await bench.server.statistics.sessions == 0)
    }

    @Test func releaseTakesChildrenFirstAndTellsTheManager() async {
        let client = await bench.client()
        let pipeline = await client.create("MediaPipeline")
        let endpoint = await client.endpoint(pipeline)
        await client.subscribe("manager_ServerManager", "ObjectDestroyed")
        _ = await client.request("release", ["object": .string(pipeline)])
        let destroyed = await client.events(2)
        #expect(destroyed.map { $0["data"]?["objectId"]?.asString } == [endpoint, pipeline])
        #expect(destroyed.allSatisfy { $0["data"]?["type"] == nil })
        #expect(await client.error(endpoint, "getName").code == 40101)
        #expect(await client.request("release", ["object": .string(pipeline)])["error"] == nil)
        #expect(await bench.plane.closed == bench.plane.opened)
    }

    @Test func theServerManagerSurvivesRelease() async {
        let client = await bench.client()
        _ = await client.request("release", ["object": "manager_ServerManager"])
        #expect(await client.invoke("manager_ServerManager", "getMetadata") == "{\"zone\":\"test\"}")
    }

    @Test func twoSubscriptionsOfOneSessionGetOneDelivery() async {
        let client = await bench.client()
        let endpoint = await client.endpoint(await client.create("MediaPipeline"))
        let one = await client.subscribe(endpoint, "MediaStateChanged")
        let two = await client.subscribe(endpoint, "MediaStateChanged")
        #expect(one != two)
        func unsubscribe(_ id: String) async {
            _ = await client.request("unsubscribe", ["object": .string(endpoint), "subscription": .string(id)])
        }
        await bench.plane.emit(.mediaStateChanged(endpointID(endpoint), isConnected: true))
        #expect(await client.events(1).count == 1)
        await unsubscribe(one)
        await bench.plane.emit(.mediaStateChanged(endpointID(endpoint), isConnected: false))
        #expect(await client.events(2).count == 2)
        await unsubscribe(two)
        await unsubscribe("unknown")
        await bench.plane.emit(.mediaStateChanged(endpointID(endpoint), isConnected: true))
        _ = await client.value("ping")
        #expect(await client.events.count == 2)
    }

    @Test func aRepeatedRequestIsAnsweredFromTheCacheForTwentySeconds() async {
        let client = await bench.client()
        let frame = #"{"jsonrpc":"2.0","method":"create","params":{"type":"MediaPipeline","sessionId":"s"},"id":3}"#
        let reply = await client.exchange(frame)
        bench.advance(seconds: 19)
        let other = await bench.client()
        #expect(await other.exchange(frame) == reply)
        #expect(await bench.server.statistics.pipelines == 1)
        bench.advance(seconds: 2)
        #expect(await client.exchange(frame) != reply)
        #expect(await bench.server.statistics.pipelines == 2)
    }

    @Test func aRequestRepeatedWhileItRunsWaitsForTheFirst() async {
        let client = await bench.client()
        let pipeline = await client.create("MediaPipeline", session: "s")
        let frame =
            #"{"jsonrpc":"2.0","method":"create","params":{"type":"WebRtcEndpoint","constructorParams""#
                + #":{"mediaPipeline":"\#(pipeline)"},"sessionId":"s"},"id":"x"}"#
        await bench.plane.block()
        let other = await bench.client()
        async let first = client.exchange(frame)
        await bench.plane.waitUntilBlocked()
        async let second = other.exchange(frame)
        await bench.plane.unblock()
        #expect(await first == second)
        #expect(await bench.server.statistics.endpoints == 1)
    }

    @Test func withoutTheCacheRepetitionsAreDoneAgain() async {
        let bench = Bench { _ in }
        let uncached = Bench { $0.requestCacheLifetime = .zero }
        for (bench, expected) in [(bench, 1), (uncached, 2)] {
            let client = await bench.client()
            let frame = #"{"jsonrpc":"2.0","method":"create","params":{"type":"MediaPipeline","sessionId":"s"},"id":3}"#
            _ = await client.exchange(frame)
            _ = await client.exchange(frame)
            #expect(await bench.server.statistics.pipelines == expected)
        }
    }

    @Test func aSlowPipelineDelaysNoOtherConnection() async {
        let slow = await bench.client()
        let pipeline = await slow.create("MediaPipeline", session: "slow")
        await bench.plane.block()
        async let created = slow.endpoint(pipeline)
        await bench.plane.waitUntilBlocked()
        let quick = await bench.client()
        #expect(await quick.create("MediaPipeline", session: "quick") != "")
        await bench.plane.unblock()
        #expect(await created != "")
    }

    @Test func operationsOnOnePipelineNeverInterleave() async {
        let first = await bench.client()
        let second = await bench.client()
        let third = await bench.client()
        let pipeline = await first.create("MediaPipeline", session: "s")
        await bench.plane.block()
        async let endpoint = first.endpoint(pipeline)
        await bench.plane.waitUntilBlocked()
        async let released = second.request("release", ["object": .string(pipeline), "sessionId": "t"])
        async let releasedAgain = third.request("release", ["object": .string(pipeline), "sessionId": "u"])
        while await bench.server.waiting(at: pipeline) < 2 { await Task.yield() }
        await bench.plane.unblock()
        #expect(await endpoint != "")
        #expect(await released["error"] == nil)
        #expect(await releasedAgain["error"] == nil)
        #expect(await bench.server.statistics.objects == 1)
        #expect(await bench.plane.closed.count == 1)
    }

    @Test func noEventOvertakesTheReplyOfTheSubscriptionThatAskedForIt() async {
        let client = await bench.client()
        let endpoint = await client.endpoint(await client.create("MediaPipeline"))
        let operations: JSONValue = [
            [
                "id": 0, "jsonrpc": "2.0", "method": "subscribe",
                "params": ["object": .string(endpoint), "type": "MediaStateChanged"],
            ],
            [
                "id": 1, "jsonrpc": "2.0", "method": "invoke",
                "params": ["object": .string(endpoint), "operation": "requestKeyframe"],
            ],
        ]
        await bench.plane.block()
        async let reply = client.request("transaction", ["operations": operations])
        await bench.plane.waitUntilBlocked()
        await bench.plane.emit(.mediaStateChanged(endpointID(endpoint), isConnected: true))
        await bench.plane.unblock()
        #expect(await reply["error"] == nil)
        _ = await client.events(1)
        let frames = await client.inbox.frames.suffix(2)
        #expect(frames.first?.contains("\"result\"") == true)
        #expect(frames.last?.contains("onEvent") == true)
    }

    @Test func framesOfOneConnectionAreHandledInOrder() async {
        let client = await bench.client()
        let pipeline = await client.create("MediaPipeline", session: "s")
        await bench.plane.block()
        async let slow = client.endpoint(pipeline)
        await bench.plane.waitUntilBlocked()
        async let ping = client.value("ping")
        await bench.plane.unblock()
        _ = await (slow, ping)
        let frames = await client.inbox.frames
        #expect(frames.count == 3)
        #expect(frames[1].contains("WebRtcEndpoint") && frames[2].contains("pong"))
    }
}

extension MediaServer {
    /// Tasks that wait for their turn on a pipeline.
    func waiting(at id: String) -> Int { objects[id]?.pipeline?.gate.waiters.count ?? 0 }
}
