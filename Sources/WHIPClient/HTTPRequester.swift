import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// One HTTP/1.1 request on a connection of its own, on an event loop of its own: nothing of it runs where media runs.
struct HTTPRequester: Sendable {
    private let server: ServerURL
    private let group: MultiThreadedEventLoopGroup
    private let tls: NIOSSLContext?

    struct Response: Sendable {
        var status: Int
        var location: String?
        var retryAfter: Int64?
        var links: [String] = []
        var body: String
    }

    /// - Parameter acceptsAnyCertificate: for servers with a self-signed certificate.
    init(_ server: ServerURL, acceptsAnyCertificate: Bool) throws {
        self.server = server
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var configuration = TLSConfiguration.makeClientConfiguration()
        if acceptsAnyCertificate { configuration.certificateVerification = .none }
        tls = server.isSecure ? try NIOSSLContext(configuration: configuration) : nil
    }

    func shutDown() async { try? await group.shutdownGracefully() }

    func send(
        _ method: HTTPMethod, _ path: String, headers: [(String, String)], body: String
    ) async throws -> Response {
        var head = HTTPRequestHead(version: .http1_1, method: method, uri: path)
        head.headers.add(name: "Host", value: server.authority)
        head.headers.add(name: "Connection", value: "close")
        head.headers.add(name: "Content-Length", value: String(body.utf8.count))
        for (name, value) in headers { head.headers.add(name: name, value: value) }
        let promise = group.any().makePromise(of: Response.self)
        let channel: any Channel
        do {
            channel = try await bootstrap(ResponseCollector(promise)).connect(host: server.host, port: server.port)
                .get()
        } catch {
            promise.fail(error)
            _ = try? await promise.futureResult.get()
            throw error
        }
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(string: body))), promise: nil)
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        let deadline = channel.eventLoop.scheduleTask(in: Limits.responseTime) {
            promise.fail(
                HTTPFailure("no answer from \(server) in \(Limits.responseTime.nanoseconds / 1_000_000_000) s"))
        }
        defer {
            deadline.cancel()
            channel.close(promise: nil)
        }
        return try await promise.futureResult.get()
    }

    /// Reads server-sent events until the connection ends or the task is cancelled.
    /// - Parameter event: given name and data of each.
    /// - Returns: the response's status.
    func listen(
        _ path: String, headers: [(String, String)], event: @escaping @Sendable (String, String) -> Void
    ) async throws -> Int {
        var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: path)
        head.headers.add(name: "Host", value: server.authority)
        head.headers.add(name: "Accept", value: "text/event-stream")
        for (name, value) in headers { head.headers.add(name: name, value: value) }
        let promise = group.any().makePromise(of: Int.self)
        let channel: any Channel
        do {
            channel = try await bootstrap(EventReader(promise, event)).connect(host: server.host, port: server.port)
                .get()
        } catch {
            promise.fail(error)
            _ = try? await promise.futureResult.get()
            throw error
        }
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        return try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            channel.close(promise: nil)
        }
    }

    private func bootstrap(_ handler: @autoclosure @escaping @Sendable () -> any ChannelHandler) -> ClientBootstrap {
        ClientBootstrap(group: group).connectTimeout(Limits.connectTime).channelInitializer { [tls, server] channel in
            channel.eventLoop.makeCompletedFuture {
                if let tls {
                    // RFC 6066 section 3: no address as a server name.
                    let name = server.host.contains(":") || server.host.allSatisfy { $0.isNumber || $0 == "." }
                    try channel.pipeline.syncOperations.addHandler(
                        NIOSSLClientHandler(context: tls, serverHostname: name ? nil : server.host))
                }
                try channel.pipeline.syncOperations.addHTTPClientHandlers()
                try channel.pipeline.syncOperations.addHandler(handler())
            }
        }
    }
}

/// What a person reads when HTTP went wrong.
struct HTTPFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

enum Limits {
    /// Bytes of an answer.
    static let bodyBytes = 1 << 20
    static let connectTime = TimeAmount.seconds(5)
    static let responseTime = TimeAmount.seconds(15)
    /// Seconds that a server's Retry-After is obeyed for.
    static let retryAfter: Int64 = 5
}

/// Gathers one response.
private final class ResponseCollector: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let promise: EventLoopPromise<HTTPRequester.Response>
    private var response = HTTPRequester.Response(status: 0, body: "")
    private var body = ByteBuffer()

    init(_ promise: EventLoopPromise<HTTPRequester.Response>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            response.status = Int(head.status.code)
            response.location = head.headers.first(name: "Location")
            response.links = head.headers["Link"]
            response.retryAfter = head.headers.first(name: "Retry-After").flatMap { Int64($0) }
        case .body(var part):
            guard body.readableBytes + part.readableBytes <= Limits.bodyBytes else {
                promise.fail(HTTPFailure("the answer is larger than \(Limits.bodyBytes) bytes"))
                return context.close(promise: nil)
            }
            body.writeBuffer(&part)
        case .end:
            response.body = String(buffer: body)
            promise.succeed(response)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise.fail(HTTPFailure("the server closed the connection without an answer"))
    }
}
