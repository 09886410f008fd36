import Foundation
import Logging
import Synchronization
import Testing

@testable import EventLog

/// Lines that a logger wrote.
private final class Sink: Sendable {
    private let lines = Mutex<[String]>([])

    func logger(_ label: String = "test") -> Logger {
        var logger = Logger(label: label) { label in
            JSONLogHandler(label: label, now: { Date(timeIntervalSince1970: 1_700_000_000.25) }) { line in
                self.lines.withLock { $0.append(line) }
            }
        }
        logger[metadataKey: "worker"] = "w1"
        return logger
    }

    var text: [String] { lines.withLock { $0 } }

    func object() throws -> [String: Any] {
        let line = try #require(text.first)
        #expect(line.hasSuffix("}\n") && line.dropLast().allSatisfy { $0 != "\n" })
        return try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }
}

@Suite struct JSONLogHandlerTests {
    @Test func anEventIsOneLineWithNamesAndNumbers() {
        let sink = Sink()
        sink.logger().notice(
            "took over", metadata: ["event": "succession", "milliseconds": "12", "planned": "false", "sessions": "3"])
        let expected =
            #"{"time":"2023-11-14T22:13:20.250Z","level":"notice","event":"succession","message":"took over","#
            + #""logger":"test","milliseconds":12,"planned":false,"sessions":3,"worker":"w1"}"# + "\n"
        #expect(sink.text == [expected])
    }

    @Test func stringsAreEscaped() throws {
        let sink = Sink()
        let hostile = "\"quoted\" \\ back\nline\r\t\u{0}\u{1F}\u{7F}\u{85}\u{2028}é🎥</script>"
        sink.logger("a\"b").warning("\(hostile)", metadata: ["ke\"y": "\(hostile)"])
        let object = try sink.object()
        #expect(object["message"] as? String == hostile && object["ke\"y"] as? String == hostile)
        #expect(object["logger"] as? String == "a\"b")
        #expect(sink.text[0].dropLast().unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
    }

    @Test func anEventTellsNeitherAddressesNorWholeSessionNames() throws {
        let sink = Sink()
        sink.logger().error(
            "lost",
            metadata: [
                "event": "session_lost", "session": "0123456789abcdef/2", "error": "cannot reach 192.0.2.7:6379",
                "addresses": "192.0.2.7:40000", "token": "secret", "count": "many",
            ])
        let object = try sink.object()
        #expect(Set(object.keys) == ["time", "level", "event", "message", "logger", "session", "count", "worker"])
        #expect(object["session"] as? String == "01234567…/2" && object["count"] as? String == "many")
        let room = Sink()
        room.logger().info("placed", metadata: ["event": "session_placed", "session": "room:lobby"])
        #expect(try room.object()["session"] as? String == "room:…")
    }

    @Test func otherEntriesKeepAllOfTheirMetadata() throws {
        let sink = Sink()
        sink.logger().info("listening", metadata: ["address": "[::]:8888", "time": "noon"])
        let object = try sink.object()
        #expect(object["address"] as? String == "[::]:8888" && object["event"] == nil)
        #expect(object["time"] as? String == "2023-11-14T22:13:20.250Z", "a key of the line's own is not overwritten")
    }

    @Test func entriesBelowTheLevelAreNotWritten() {
        let sink = Sink()
        var logger = sink.logger()
        logger.logLevel = .warning
        logger.info("quiet", metadata: ["event": "drained"])
        #expect(sink.text.isEmpty)
    }

    @Test func aTapGetsEventsAndNothingElse() {
        let sink = Sink()
        let events = Mutex<[TappedLogHandler.Event]>([])
        var logger = Logger(label: "test") { _ in
            TappedLogHandler(sink.logger().handler) { event in events.withLock { $0.append(event) } }
        }
        logger[metadataKey: "controller"] = "c1"
        logger.info("plain", metadata: ["worker": "w2"])
        logger.notice("gone", metadata: ["event": "worker_lost", "worker": "w2", "error": "192.0.2.7"])
        let expected = TappedLogHandler.Event(
            level: "notice", name: "worker_lost", message: "gone", details: ["controller": "c1", "worker": "w2"])
        #expect(events.withLock { $0 } == [expected])
        #expect(sink.text.count == 2)
    }
}
