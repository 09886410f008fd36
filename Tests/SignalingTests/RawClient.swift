import NIOCore
import NIOPosix
import NIOSSL

/// A TCP client that speaks just what a test tells it to, right or wrong.
final class RawClient: @unchecked Sendable {
    let channel: any Channel
    private var received: AsyncStream<ByteBuffer>.AsyncIterator
    private var buffer = ByteBuffer()

    private init(channel: any Channel, received: AsyncStream<ByteBuffer>) {
        self.channel = channel
        self.received = received.makeAsyncIterator()
    }

    /// - Parameter answersPings: at once, on the event loop, for tests that must not depend on a busy machine.
    static func connect(_ port: Int, tls: Bool = false, answersPings: Bool = false) async throws -> RawClient {
        let (stream, continuation) = AsyncStream.makeStream(of: ByteBuffer.self)
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if tls {
                        var configuration = TLSConfiguration.makeClientConfiguration()
                        configuration.certificateVerification = .none
                        let context = try NIOSSLContext(configuration: configuration)
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: context, serverHostname: nil))
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        Collector(continuation: continuation, answersPings: answersPings))
                }
            }
        let channel = try await bootstrap.connect(host: "127.0.0.1", port: port).get()
        return RawClient(channel: channel, received: stream)
    }

    func write(_ text: String) async throws { try await write(Array(text.utf8)) }
    func write(_ bytes: [UInt8]) async throws { try await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get() }
    func close() { channel.close(promise: nil) }

    /// All that comes until the server closes.
    func readToEnd() async -> String {
        while await fill() {}
        return buffer.readString(length: buffer.readableBytes) ?? ""
    }

    /// Whether `text` comes before the server closes.
    func readUntil(_ text: String) async -> Bool {
        while !String(buffer: buffer).contains(text) {
            guard await fill() else { return false }
        }
        return true
    }

    /// One HTTP response: status line and header, then a body of `Content-Length`.
    func response(hasBody: Bool = true) async -> Response? {
        while true {
            let text = String(buffer: buffer)
            if let end = text.range(of: "\r\n\r\n") {
                let head = String(text[..<end.lowerBound])
                var lines = head.split(separator: "\r\n")
                let status = Int(lines.removeFirst().split(separator: " ")[1]) ?? 0
                var headers: [String: String] = [:]
                for line in lines {
                    let parts = line.split(separator: ":", maxSplits: 1)
                    headers[parts[0].lowercased()] = parts[1].trimmingPrefix(" ").description
                }
                let length = hasBody && status != 101 && status != 304 ? Int(headers["content-length"] ?? "0") ?? 0 : 0
                let total = head.utf8.count + 4 + length
                if buffer.readableBytes >= total {
                    buffer.moveReaderIndex(forwardBy: head.utf8.count + 4)
                    let body = buffer.readString(length: length) ?? ""
                    return Response(status: status, headers: headers, body: body)
                }
            }
            guard await fill() else { return nil }
        }
    }

    struct Response {
        var status: Int
        var headers: [String: String]
        var body: String
    }

    /// One GET on the connection.
    func get(_ target: String, headers: String = "") async throws -> Response {
        try await write("GET \(target) HTTP/1.1\r\nHost: localhost\r\n\(headers)\r\n")
        guard let response = await response() else { throw ClientError.closed }
        return response
    }

    enum ClientError: Error { case closed, refused(Int) }

    private func fill() async -> Bool {
        guard var more = await received.next() else { return false }
        buffer.writeBuffer(&more)
        return true
    }

    // MARK: WebSocket

    /// The opening handshake (the key and its answer are RFC 6455's own example, section 1.3).
    func upgrade(_ path: String, headers: String = "") async throws {
        try await write(
            "GET \(path) HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\(headers)\r\n")
        guard let response = await response() else { throw ClientError.closed }
        guard response.status == 101,
            response.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        else { throw ClientError.refused(response.status) }
    }

    static func webSocket(
        _ port: Int, _ path: String = "/echo", tls: Bool = false, reads: Bool = true, answersPings: Bool = false
    ) async throws -> RawClient {
        let client = try await connect(port, tls: tls, answersPings: answersPings)
        try await client.upgrade(path)
        if !reads { try await client.channel.setOption(.autoRead, value: false).get() }
        return client
    }

    /// A frame as clients send it (RFC 6455 section 5.2).
    static func frame(_ opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true, isMasked: Bool = true) -> [UInt8] {
        var bytes: [UInt8] = [(isFinal ? 0x80 : 0) | opcode]
        let mask: UInt8 = isMasked ? 0x80 : 0
        switch payload.count {
        case 0..<126: bytes.append(mask | UInt8(payload.count))
        case 126..<65536:
            bytes.append(mask | 126)
            bytes += [UInt8(payload.count >> 8), UInt8(payload.count & 0xff)]
        default:
            bytes.append(mask | 127)
            bytes += (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
        }
        guard isMasked else { return bytes + payload }
        // A key of zeros masks nothing; large test payloads are sent so, for speed.
        guard payload.count < 65536 else { return bytes + [0, 0, 0, 0] + payload }
        let key: [UInt8] = [0x11, 0x22, 0x33, 0x44]
        return bytes + key + payload.enumerated().map { $1 ^ key[$0 & 3] }
    }

    func send(_ text: String) async throws { try await write(Self.frame(1, Array(text.utf8))) }

    struct Frame: Equatable {
        var opcode: UInt8
        var payload: [UInt8]
        var text: String { String(decoding: payload, as: UTF8.self) }
        /// Code and reason of a close frame.
        var close: (code: Int, reason: String)? {
            guard opcode == 8, payload.count >= 2 else { return nil }
            return (Int(payload[0]) << 8 | Int(payload[1]), String(decoding: payload[2...], as: UTF8.self))
        }
    }

    func nextFrame() async -> Frame? {
        while true {
            if let frame = parseFrame() { return frame }
            guard await fill() else { return nil }
        }
    }

    private func parseFrame() -> Frame? {
        var copy = buffer
        guard let first = copy.readInteger(as: UInt8.self), let second = copy.readInteger(as: UInt8.self) else {
            return nil
        }
        var length = Int(second & 0x7f)
        if length == 126 {
            guard let word = copy.readInteger(as: UInt16.self) else { return nil }
            length = Int(word)
        } else if length == 127 {
            guard let word = copy.readInteger(as: UInt64.self) else { return nil }
            length = Int(word)
        }
        guard let payload = copy.readBytes(length: length) else { return nil }
        buffer = copy
        return Frame(opcode: first & 0x0f, payload: payload)
    }
}

private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let continuation: AsyncStream<ByteBuffer>.Continuation

    private let answersPings: Bool

    init(continuation: AsyncStream<ByteBuffer>.Continuation, answersPings: Bool) {
        self.answersPings = answersPings
        self.continuation = continuation
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = Self.unwrapInboundIn(data)
        if answersPings, bytes.readableBytesView.elementsEqual([0x89, 0]) {
            context.writeAndFlush(NIOAny(ByteBuffer(bytes: RawClient.frame(10, []))), promise: nil)
        }
        continuation.yield(bytes)
    }

    func channelInactive(context: ChannelHandlerContext) {
        continuation.finish()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
