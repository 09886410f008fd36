import Session
import Testing

@testable import Kurento

@Suite(.timeLimit(.minutes(1)))
struct ErrorTests {
    private static func reply(_ code: Int, _ message: String, type: String? = nil, id: String = "1") -> String {
        let data = type.map { #""data":{"type":"\#($0)"},"# } ?? ""
        return #"{"error":{"code":\#(code),\#(data)"message":"\#(message)"},"id":\#(id),"jsonrpc":"2.0"}"#
    }

    /// A request with id 1.
    private static func frame(_ method: String, _ params: String? = nil) -> String {
        #"{"jsonrpc":"2.0","method":"\#(method)","id":1\#(params.map { #","params":"# + $0 } ?? "")}"#
    }

    private static let parseError = reply(-32700, "Parse error.", id: "null")
    private static let invalid = reply(-32600, "Invalid JSON-RPC request.", id: "null")

    @Test(arguments: [
        (#"{"id":1,"jsonrpc":"2.0","method"#, parseError), ("", parseError), ("[]", invalid), ("1", invalid),
        (#"{"jsonrpc":"1.0","method":"ping","id":1}"#, invalid), (#"{"jsonrpc":"2.0","method":1,"id":1}"#, invalid),
        (#"{"jsonrpc":"2.0","method":"ping","id":[1]}"#, invalid),
        (#"{"jsonrpc":"2.0","method":"ping","id":{}}"#, invalid),
        (
            #"{"jsonrpc":"2.0","method":"ping"}"#,
            reply(-32000, "Ignoring response because of a notification request", id: "null")
        ),
    ])
    func brokenEnvelopesGetTheReferenceErrors(frame: String, reply: String) async {
        #expect(await Bench().client().exchange(frame) == reply)
    }

    @Test(arguments: [
        (frame("nope"), reply(-32601, "Method not found.")),
        (frame("create"), reply(-32602, "'params' is required", type: "INVALID_PARAMS")),
        (frame("invoke", "{}"), reply(-32000, "'object' parameter is required")),
        (frame("invoke", #"{"object":{}}"#), reply(-32000, "'object' parameter should be a string")),
        (frame("create", #"{"type":"X","sessionId":{}}"#), reply(-32000, "'sessionId' parameter should be a string")),
        (
            frame("invoke", #"{"object":1234567890,"operation":"x"}"#),
            reply(40101, "Object '1234567890' not found", type: "MEDIA_OBJECT_NOT_FOUND")
        ),
        (
            frame("invoke", #"{"object":"newref:0","operation":"x"}"#),
            reply(40109, "Object 'newref:0' not found", type: "MEDIA_OBJECT_NOT_FOUND_TRANSACTION_NO_COMMIT")
        ),
        (
            frame("create", #"{"type":"X"}"#),
            reply(40108, "Factory 'X' not found", type: "MEDIA_OBJECT_NOT_AVAILABLE")
        ),
        (
            frame("create", #"{"type":"MediaElement"}"#),
            reply(40108, "Factory 'MediaElement' not found", type: "MEDIA_OBJECT_NOT_AVAILABLE")
        ),
        (frame("connect", #"{"sessionId":"gone"}"#), reply(40007, "Invalid session", type: "INVALID_SESSION")),
        (frame("keepAlive", #"{"sessionId":"gone"}"#), reply(40007, "Invalid session", type: "INVALID_SESSION")),
        (frame("ref", #"{"object":"x"}"#), reply(-32000, "'sessionId' parameter is required")),
    ])
    func malformedRequestsGetTheReferenceErrors(frame: String, reply: String) async {
        #expect(await Bench().client().exchange(frame) == reply)
    }

    @Test func aFrameOverTheLimitIsRefusedAndTheConnectionGoesOn() async {
        let client = await Bench().client()
        let reply = await client.exchange(String(repeating: " ", count: Limits.frameBytes + 1))
        #expect(reply.contains("-32600"))
        #expect(await client.value("ping") == "pong")
    }

    @Test func deepNestingIsRefusedNotFollowed() async {
        let client = await Bench().client()
        let deep = String(repeating: "[", count: 100_000)
        #expect(await client.exchange(deep).contains("-32700"))
    }

    @Test func argumentsOfTheWrongTypeAreNamed() async {
        let client = await Bench().client()
        let pipeline = await client.create("MediaPipeline")
        let endpoint = await client.endpoint(pipeline)
        func message(_ operation: String, _ arguments: JSONValue?) async -> String {
            let error = await client.error(endpoint, operation, arguments)
            #expect(error.code == 40001)
            #expect(error["data"]?["type"] == "MARSHALL_ERROR")
            return error.message
        }
        #expect(await message("connect", nil) == "'operationParams' is required")
        #expect(await message("processOffer", ["offer": [:]]) == "'offer' parameter should be a string")
        #expect(await message("processOffer", [:]) == "'offer' parameter should be a string")
        #expect(await message("setMtu", ["mtu": "x"]) == "'mtu' parameter should be a integer")
        #expect(await message("setMtu", ["mtu": 3_000_000_000]) == "'mtu' parameter should be a integer")
        #expect(
            await message("setSendTagsInEvents", ["sendTagsInEvents": "x"])
                == "'sendTagsInEvents' parameter should be a boolean")
        #expect(await message("addIceCandidate", ["candidate": 1]) == "'candidate' parameter should be a object")
        #expect(
            await message("connect", ["sink": .string(endpoint), "mediaType": "SMELL"])
                == "Invalid value for 'MediaType'")
        #expect(await message("connect", ["sink": .string(pipeline)]) == "'sink' parameter should be a object")
        #expect(
            await message("setRembParams", ["rembParams": ["upLosses": []]])
                == "'upLosses' parameter should be a integer")
        let missing = await client.request("create", ["type": "WebRtcEndpoint"])["error"] ?? .null
        #expect(missing.message == "'constructorParams' is required")
        let unknown = await client.error(
            endpoint, "setRembParams", ["rembParams": ["__module__": "kurento", "__type__": "Nope"]])
        #expect(unknown.code == 40003)
        #expect(unknown.message == "Type Nope does not exist in module kurento")
    }

    @Test func numbersAndBooleansMayArriveAsStrings() async {
        let client = await Bench().client()
        let endpoint = await client.endpoint(await client.create("MediaPipeline"))
        #expect(await client.invokeRequest(endpoint, "setMtu", ["mtu": "1100"])["error"] == nil)
        #expect(await client.invoke(endpoint, "getMtu") == 1100)
        _ = await client.invoke(endpoint, "setSendTagsInEvents", ["sendTagsInEvents": "true"])
        #expect(await client.invoke(endpoint, "getSendTagsInEvents") == true)
        #expect(await client.invokeRequest(endpoint, "setName", ["name": 12])["error"] == nil)
        #expect(await client.invoke(endpoint, "getName") == "12")
    }

    @Test func unknownOperationsAndEventsHaveTheirOwnCodes() async {
        let client = await Bench().client()
        let pipeline = await client.create("MediaPipeline")
        let operation = await client.error(pipeline, "foo", ["a": 1])
        #expect(operation.code == 40008)
        #expect(operation.message == "Method 'foo' with 1 parameters not found")
        let event = await client.request("subscribe", ["object": .string(pipeline), "type": "Foo"])["error"] ?? .null
        #expect(event.code == 40106)
        #expect(event.message == "Event 'Foo' not supported")
        #expect(await client.error(pipeline, "setId", ["id": "x"]).code == 40008)
        #expect(await client.error(pipeline, "getTag", ["key": "k"]).code == 40110)
    }

    @Test func releasingTheUnknownSucceeds() async {
        let client = await Bench().client()
        #expect(await client.request("release", ["object": "nothing"])["result"] != nil)
    }

    @Test func aFullClusterIsReportedAsNotEnoughResources() async {
        let bench = Bench()
        await bench.plane.refuseSessions(Refusal(.overLimit, "all workers are full", retryAfter: 5))
        let client = await bench.client()
        let error = await client.request("create", ["type": "MediaPipeline"])["error"] ?? .null
        #expect(error.code == 40009)
        #expect(error["data"]?["type"] == "NOT_ENOUGH_RESOURCES")
        #expect(error["data"]?["retryAfter"] == 5)
        #expect(await bench.server.statistics.objects == 1)
    }

    @Test func objectAndSessionLimitsRefuseWithNotEnoughResources() async {
        let bench = Bench { $0.sessionLimit = 1; $0.objectLimit = 2 }
        let first = await bench.client()
        #expect(await first.create("MediaPipeline") != "")
        #expect(await first.request("create", ["type": "MediaPipeline"])["error"]?.code == 40009)
        let second = await bench.client()
        #expect(await second.request("describe", ["object": "manager_ServerManager"])["error"]?.code == 40009)
    }
}
