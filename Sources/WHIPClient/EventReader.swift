import Foundation
import LoadGenerator
import NIOCore
import NIOHTTP1
import Wire

/// Reads a stream of server-sent events (HTML standard, section 9.2), of which it knows `event` and `data`.
final class EventReader: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let promise: EventLoopPromise<Int>
    private let event: (String, String) -> Void
    private var status = 0
    private var text = ByteBuffer()
    private var name = ""
    private var data = ""

    init(_ promise: EventLoopPromise<Int>, _ event: @escaping (String, String) -> Void) {
        self.promise = promise
        self.event = event
    }

    func channelRead(context: ChannelHandlerContext, data part: NIOAny) {
        switch unwrapInboundIn(part) {
        case .head(let head):
            status = Int(head.status.code)
            if status != 200 { context.close(promise: nil) }
        case .body(var bytes):
            guard text.readableBytes + bytes.readableBytes <= Limits.bodyBytes else {
                return context.close(promise: nil)
            }
            text.writeBuffer(&bytes)
            readLines()
        case .end: context.close(promise: nil)
        }
    }

    private func readLines() {
        while let end = text.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) {
            var line = text.readString(length: end - text.readerIndex) ?? ""
            text.moveReaderIndex(forwardBy: 1)
            if line.last == "\r" { line.removeLast() }
            take(line)
        }
        text.discardReadBytes()
    }

    private func take(_ line: String) {
        guard !line.isEmpty else {
            if !data.isEmpty { event(name, data) }
            name = ""
            data = ""
            return
        }
        let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        var value = parts.count > 1 ? String(parts[1]) : ""
        if value.first == " " { value.removeFirst() }
        switch parts[0] {
        case "event": name = value
        case "data": data += data.isEmpty ? value : "\n" + value
        default: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise.succeed(status)
    }
}

/// What a `reconnect` event says.
struct ReconnectEvent: Decodable {
    var reconnect: String?
    var media: Bool?
    /// Milliseconds.
    var within: Int64?

    /// Of an event that cannot be read the name is enough.
    static func notice(_ data: String) -> SessionNotice {
        let event = try? JSONDecoder().decode(ReconnectEvent.self, from: Data(data.utf8))
        return SessionNotice(
            hasMedia: event?.media ?? false, within: .milliseconds(min(max(event?.within ?? 0, 0), 10_000)),
            place: event?.reconnect)
    }
}
