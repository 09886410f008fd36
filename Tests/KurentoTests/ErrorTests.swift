import Session
import Testing

@testable import Kurento

@Suite(.timeLimit(.minutes(1)))
struct ErrorTests {
    @Test(arguments: [
        (#"{"id":1,"jsonrpc":"2.0","method"#, #"{"error":{"code":-32700,"message":"Parse error."},"id":null,"jsonrpc":"2.0"}"#),
        ("", #"{"error":{"code":-32700,"message":"Parse error."},"id":null,"jsonrpc":"2.0"}"#),
        ("[]", #"{"error":{"code":-32600,"message":"Invalid JSON-RPC request."},"id":null,"jsonrpc":"2.0"}"#),
        (#"{"jsonrpc":"1.0","method":"ping","id":1}"#, #"{"error":{"code":-32600,"message":"Invalid JSON-RPC request."},"id":null,"jsonrpc":"2.0"}"#),
        (#"{"jsonrpc":"2.0","method":1,"id":1}"#, #"{"error":{"code":-32600,"message":"Invalid JSON-RPC request."},"id":null,"jsonrpc":"2.0"}"#),
        (#"{"jsonrpc":"2.0","method":"ping","id":[1]}"#, #"{"error":{"code":-32600,"message":"Invalid JSON-RPC request."},"id":null,"jsonrpc":"2.0"}"#),
        (#"{"jsonrpc":"2.0","method":"nope","id":7}"#, #"{"error":{"code":-32601,"message":"Method not found."},"id":7,"jsonrpc":"2.0"}"#),
        (#"{"jsonrpc":"2.0","method":"create","id":"a"}"#, #"{"error":{"code":-32602,"data":{"type":"INVALID_PARAMS"},"message":"'params' is required"},"id":"a","jsonrpc":"2.0"}"#),
        (#"{"jsonrpc":"2.0","method":"invoke","params":{},"id":1}"#, #"{"error":{"code":-32000,"message":"'object' parameter is required"},"id":1,"jsonrpc":"2.0"}"#),
        (#"{"jsonrpc":"2.0","method":"invoke","params":{"object":{}},"id":1}"#, #"{"error":{"code":-32000,"message":"'object' parameter should be a string"},"id":1,"jsonrpc":"2.0"}"#),
        (#"{"jsonrpc":"2.0","method":"invoke","params":{"object":1234567890,"operation":"x"},"id":1}"#, #"{"error":{"code":40101,"data":{"type":"MEDIA_OBJECT_NOT_FOUND"},"message":"Object '1234567890' not found"},"id":1,"jsonrpc":"2.0"}"#),
        (#"{"jsonrpc":"2.0","method":"invoke","params":{"object":"newref:0","operation":"x"},"id":1}"#, #"{"error":{"code":40109,"data":{"type":"MEDIA_OBJECT_NOT_FOUND_TRANSACTION_NO_COMMIT"},"message":"Object 'newref:0' not found"},"id":1,"jsonrpc":"2.0"}"#),
        (#"{"jsonrpc":"2.0","method":"create","params":{"type":"X"},"id":1}"#, #"{"error":{"code":40108,"data":{"type":"MEDIA_OBJECT_NOT_AVAILABLE"},"message":"Factory 'X' not found"},"id":1,"jsonrpc":"2.0"}"#),
        (#"{"jsonrpc":"2.0","method":"create","params":{"type":"MediaElement"},"id":1}"#, #"{"error":{"code":40108,"data":{"type":"MEDIA_OBJECT_NOT_AVAILABLE"},"message":"Factory 'MediaElement' not found"},"id":1,"jsonrpc":"2.0"}"#),
        (#"{"jsonrpc":"2.0","method":"connect","params":{"sessionId":"gone"},"id":1}"#, #"{"error":{"code":40007,"data":{"type":"INVALID_SESSION"},"message":"Invalid session"},"id":1,"jsonrpc":"2.0"}"#),
        (#"{"jsonrpc":"2.0","method":"keepAlive","params":{"sessionId":"gone"},"id":1}"#, #"{"error":{"code":40007,"data":{"type":"INVALID_SESSION"},"message":"Invalid session"},"id":1,"jsonrpc":"2.0"}"#),
        (#"{"jsonrpc":"2.0","method":"ref","params":{"object":"x"},"id":1}"#, #"{"error":{"code":-32000,"message":"'sessionId' parameter is required"},"id":1,"jsonrpc":"2.0"}"#),
        (#"{"jsonrpc":"2.0","method":"ping"}"#, #"{"error":{"code":-32000,"message":"Ignoring response because of a notification request"},"id":null,"jsonrpc":"2.0"}"#),
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
        #expect(await message("setSendTagsInEvents", ["sendTagsInEvents": "x"]) == "'sendTagsInEvents' parameter should be a boolean")
        #expect(await message("addIceCandidate", ["candidate": 1]) == "'candidate' parameter should be a object")
        #expect(
            await message("connect", ["sink": .string(endpoint), "mediaType": "SMELL"]) == "Invalid value for 'MediaType'")
        #expect(await message("connect", ["sink": .string(pipeline)]) == "'sink' parameter should be a object")
        #expect(await message("setRembParams", ["rembParams": ["upLosses": []]]) == "'upLosses' parameter should be a integer")
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
        #expect(await client.invokeRequest(endpoint, "setSendTagsInEvents", ["sendTagsInEvents": "true"])["error"] == nil)
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
        await bench.plane.refuseSessions(Refusal(.overLimit, "all workers are full"))
        let client = await bench.client()
        let error = await client.request("create", ["type": "MediaPipeline"])["error"] ?? .null
        #expect(error.code == 40009)
        #expect(error["data"]?["type"] == "NOT_ENOUGH_RESOURCES")
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
