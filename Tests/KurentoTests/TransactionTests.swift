import Session
import Testing

@testable import Kurento

@Suite(.timeLimit(.minutes(1)))
struct TransactionTests {
    private let bench = Bench()

    private func operation(_ id: Int64, _ method: String, _ params: JSONValue) -> JSONValue {
        ["id": .integer(id), "jsonrpc": "2.0", "method": .string(method), "params": params]
    }

    private func transaction(_ client: Client, _ operations: [JSONValue]) async -> JSONValue {
        await client.request("transaction", ["sessionId": "s", "operations": .array(operations)])
    }

    @Test func referencesToEarlierResultsAreFollowed() async {
        let client = await bench.client()
        let reply = await transaction(
            client,
            [
                operation(0, "create", ["type": "MediaPipeline", "constructorParams": [:]]),
                operation(1, "create", ["type": "WebRtcEndpoint", "constructorParams": ["mediaPipeline": "newref:0"]]),
                operation(2, "create", ["type": "PassThrough", "constructorParams": ["mediaPipeline": "newref:0"]]),
                operation(
                    3, "invoke",
                    ["object": "newref:1", "operation": "connect", "operationParams": ["sink": "newref:2"]]),
            ])
        #expect(reply["result"]?["sessionId"] == "s")
        guard case .array(let entries)? = reply["result"]?["value"] else { return #expect(Bool(false)) }
        #expect(entries.count == 4)
        #expect(
            entries.first?.text
                == #"{"id":0,"jsonrpc":"2.0","result":{"sessionId":"s","value":"u1_kurento.MediaPipeline"}}"#)
        #expect(entries.last?["result"]?["value"] == .null)
        #expect(await client.invoke("u1_kurento.MediaPipeline", "getChildren").strings.count == 2)
    }

    @Test func theFirstFailureStopsItAndNothingIsUndone() async {
        let client = await bench.client()
        let reply = await transaction(
            client,
            [
                operation(0, "create", ["type": "MediaPipeline"]), operation(1, "create", ["type": "Nope"]),
                operation(2, "create", ["type": "MediaPipeline"]),
            ])
        guard case .array(let entries)? = reply["result"]?["value"] else { return #expect(Bool(false)) }
        #expect(entries.count == 2)
        #expect(entries.last?["error"]?.code == 40108)
        #expect(await bench.server.statistics.pipelines == 1)
    }

    @Test func idsOutOfOrderRefuseTheWhole() async {
        let client = await bench.client()
        let reply = await transaction(
            client,
            [operation(0, "create", ["type": "MediaPipeline"]), operation(2, "create", ["type": "MediaPipeline"])])
        #expect(reply["error"]?.code == 40008)
        #expect(reply["error"]?.message == "Id of request '1' should be '1'")
        #expect(await bench.server.statistics.pipelines == 0)
    }

    @Test func anEmptyOneReturnsAnEmptyList() async {
        let client = await bench.client()
        #expect(await transaction(client, [])["result"]?["value"] == [])
    }

    @Test func aForwardReferenceFindsNothing() async {
        let client = await bench.client()
        let reply = await transaction(
            client, [operation(0, "invoke", ["object": "newref:5", "operation": "getName"])])
        guard case .array(let entries)? = reply["result"]?["value"] else { return #expect(Bool(false)) }
        #expect(entries.first?["error"]?.code == 40109)
    }

    @Test func tooManyOrNestedOnesAreMalformed() async {
        let client = await bench.client()
        let many = (0...Int64(Limits.transactionOperations)).map { operation($0, "ping", [:]) }
        #expect(await transaction(client, many)["error"]?.code == 40008)
        let nested = await transaction(client, [operation(0, "transaction", ["operations": []])])
        guard case .array(let entries)? = nested["result"]?["value"] else { return #expect(Bool(false)) }
        #expect(entries.first?["error"]?.code == 40008)
    }
}
