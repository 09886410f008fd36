import Foundation
import Session
import Testing
import Wire

@testable import Kurento

@Suite(.timeLimit(.minutes(1)))
struct HostileInputTests {
    @Test func jsonSurvivesARoundTrip() throws {
        let text = #"{"a":[1,-2,0.5,true,false,null,9007199254740993],"b":"\u0001\"\\/é😀"}"#
        #expect(try JSONParser.parse(text).text == text)
        #expect(try JSONParser.parse(#""\ud83d\ude00\u00e9\/""#) == "😀é/")
        #expect(try JSONParser.parse(#""\ud83dx""#) == "\u{FFFD}x")
        #expect(try JSONParser.parse("18446744073709551616") == .double(18446744073709551616))
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\"}", "01", "1.", "-", "tru", "\"\u{1}\"", "\"\\x\"", "1 2",
        "1e999", "{'a':1}", "\"\\u12\"",
    ])
    func malformedJSONIsRefused(text: String) {
        #expect(throws: JSONParser.Failure.self) { try JSONParser.parse(text) }
    }

    @Test func nestingIsBounded() {
        let deepest = String(repeating: "[", count: Limits.jsonDepth) + String(repeating: "]", count: Limits.jsonDepth)
        #expect(throws: Never.self) { try JSONParser.parse(deepest) }
        #expect(throws: JSONParser.Failure.tooDeep) { try JSONParser.parse("[" + deepest + "]") }
    }

    @Test func everyFrameIsAnsweredWhateverItHolds() async {
        let bench = Bench()
        let client = await bench.client()
        let pipeline = await client.create("MediaPipeline", session: "s")
        let endpoint = await client.endpoint(pipeline)
        var random = SeededRandom(seed: 7)
        let seeds = [
            #"{"jsonrpc":"2.0","id":1,"method":"invoke","params":{"object":"\#(endpoint)","operation":"#
                + #""addIceCandidate","operationParams":{"candidate":{"candidate":"candidate:1 1 udp 1 192.0"#
                + #".2.1 5 typ host","sdpMid":"0","sdpMLineIndex":0}},"sessionId":"s"}}"#,
            #"{"jsonrpc":"2.0","id":2,"method":"transaction","params":{"operations":[{"id":0,"jsonrpc""#
                + #":"2.0","method":"create","params":{"type":"PassThrough","constructorParams":{"mediaPipel"#
                + #"ine":"\#(pipeline)"}}},{"id":1,"jsonrpc":"2.0","method":"invoke","params":{"object":"new"#
                + #"ref:0","operation":"connect","operationParams":{"sink":"newref:0"}}}]}}"#,
            #"{"jsonrpc":"2.0","id":3,"method":"subscribe","params":{"object":"\#(endpoint)","type":"Error"}}"#,
            #"{"jsonrpc":"2.0","id":4,"method":"invoke","params":{"object":"\#(endpoint)","operation":"#
                + #""setRembParams","operationParams":{"rembParams":{"upLosses":"7"}}}}"#,
        ]
        for _ in 0..<2_000 {
            var bytes = Array(seeds[Int(random.next() % 4)].utf8)
            for _ in 0...(random.next() % 4) {
                let at = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 3 {
                case 0: bytes[at] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: at)
                default: bytes.insert(contentsOf: bytes[at...].prefix(Int(random.next() % 40)), at: at)
                }
            }
            let replies = await client.send(String(decoding: bytes, as: UTF8.self))
            #expect(replies.contains { !$0.contains("onEvent") })
        }
    }

    @Test func everyOperationOfEveryClassIsServed() async {
        let bench = Bench()
        let client = await bench.client()
        let pipeline = await client.create("MediaPipeline")
        let endpoint = await client.endpoint(pipeline)
        let pass = await client.create("PassThrough", ["mediaPipeline": .string(pipeline)])
        let arguments: JSONValue = [
            "key": "k", "value": "v", "sink": .string(pass), "mediaType": "AUDIO", 
            "caps": ["codec": "RAW", "bitrate": 1, "framerate": ["numerator": 1, "denominator": 1]],
            "offer": "x", "answer": "x", "candidate": ["candidate": "", "sdpMid": "", "sdpMLineIndex": 0],
            "channelId": 1, "moduleName": "core",
        ]
        for (object, type) in [
            (MediaObject.serverManagerID, "ServerManager"), (pipeline, "MediaPipeline"), (pass, "PassThrough"),
            (endpoint, "WebRtcEndpoint"),
        ] {
            for declared in TypeRegistry.shared.lineage(of: type) {
                for method in declared.methods {
                    let reply = await client.invokeRequest(object, method.name, arguments)
                    let isKnownGap = method.name.hasSuffix("DataChannel")
                    #expect(reply["error"]?.code != 40006 || isKnownGap, "\(method.name)")
                    #expect(reply["error"]?.code != 40008, "\(method.name)")
                    if method.result == nil, reply["error"] == nil { #expect(reply["result"]?["value"] == .null) }
                }
                for property in declared.properties {
                    let reply = await client.invokeRequest(object, "get" + property.operationSuffix)
                    #expect(reply["result"]?["value"] != nil, "\(property.field.name)")
                }
            }
        }
    }
}
