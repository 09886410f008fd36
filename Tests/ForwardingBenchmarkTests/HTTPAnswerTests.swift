import Foundation
import Testing

@testable import ForwardingBenchmark

@Suite struct HTTPAnswerTests {
    /// Feeds `text` in pieces of `size` bytes: the answer, once it is whole.
    private func parse(_ text: String, by size: Int) throws -> (HTTPAnswer?, HTTPAnswerParser) {
        var parser = HTTPAnswerParser()
        let bytes = Array(text.utf8)
        var position = 0
        while position < bytes.count {
            let end = min(position + size, bytes.count)
            if let answer = try parser.take(bytes[position..<end]) { return (answer, parser) }
            position = end
        }
        return (nil, parser)
    }

    @Test(arguments: [1, 7, 4_096])
    func anAnswerWithALengthIsWholeInAnyPieces(size: Int) throws {
        let text = "HTTP/1.1 201 Created\r\nLocation: /a/b\r\nContent-Length: 5\r\n\r\nhello"
        let (answer, parser) = try parse(text, by: size)
        #expect(answer?.status == 201)
        #expect(answer?.headers["location"] == "/a/b")
        #expect(answer?.body == Data("hello".utf8))
        #expect(parser.isKept)
    }

    @Test(arguments: [1, 7, 4_096])
    func chunksArePutTogether(size: Int) throws {
        let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=1\r\n0123456789\r\n0\r\n\r\n"
        #expect(try parse(text, by: size).0?.body == Data("abc0123456789".utf8))
    }

    @Test func anAnswerWithoutALengthEndsWithTheConnection() throws {
        let (answer, parser) = try parse("HTTP/1.1 200 OK\r\n\r\nabc", by: 100)
        #expect(answer == nil)
        #expect(parser.end()?.body == Data("abc".utf8))
    }

    @Test func anUnfinishedAnswerIsNone() throws {
        let (answer, parser) = try parse("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", by: 100)
        #expect(answer == nil)
        #expect(parser.end() == nil)
    }

    @Test func aServerThatClosesIsNotKept() throws {
        let text = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        #expect(try !parse(text, by: 100).1.isKept)
    }

    @Test(arguments: [
        "SSH-2.0-x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ])
    func malformedAnswersAreErrors(text: String) {
        #expect(throws: HTTPFailure.self) { try parse(text, by: 4_096) }
    }
}
