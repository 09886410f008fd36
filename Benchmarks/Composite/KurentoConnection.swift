import ForwardingBenchmark
package import Kurento
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import Synchronization

/// A client of the Kurento protocol: requests over one WebSocket, each with its answer.
package final class KurentoConnection: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let channel: any Channel
    private let answers: Answers
    private let state = Mutex(State())

    private struct State {
        var last: Int64 = 0
        /// The server names it with its first answer.
        var session: String?
    }

    private static let connectTime = TimeAmount.seconds(5)
    private static let answerTime = TimeAmount.seconds(20)
    private static let messageBytes = 1 << 20

    /// Connects to `ws://127.0.0.1:port/kurento`.
    package init(port: Int) async throws {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let answers = Answers()
        self.answers = answers
        do {
            let upgrade = try await ClientBootstrap(group: group).connectTimeout(Self.connectTime)
                .connect(host: "127.0.0.1", port: port) { channel in Self.upgrade(channel, port: port, answers) }
            channel = try await upgrade.get()
        } catch {
            try? await group.shutdownGracefully()
            throw BenchmarkError("no WebSocket at 127.0.0.1:\(port): \(error)")
        }
    }

    private static func upgrade(
        _ channel: any Channel, port: Int, _ answers: Answers
    ) -> EventLoopFuture<EventLoopFuture<any Channel>> {
        channel.eventLoop.makeCompletedFuture {
            let upgrader = NIOTypedWebSocketClientUpgrader<any Channel>(maxFrameSize: messageBytes) { channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        NIOWebSocketFrameAggregator(
                            minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 1_024,
                            maxAccumulatedFrameSize: messageBytes),
                        AnswerReader(answers),
                    ])
                    return channel
                }
            }
            var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/kurento")
            head.headers.add(name: "Host", value: "127.0.0.1:\(port)")
            let configuration = NIOTypedHTTPClientUpgradeConfiguration(
                upgradeRequestHead: head, upgraders: [upgrader],
                notUpgradingCompletionHandler: { channel in
                    channel.eventLoop.makeFailedFuture(BenchmarkError("the server does not speak WebSocket there"))
                })
            return try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(
                configuration: NIOUpgradableHTTPClientPipelineConfiguration(upgradeConfiguration: configuration))
        }
    }

    /// Sends a request of this client's session; what the server says to it, or why not as ``BenchmarkError``.
    @discardableResult
    package func call(_ method: String, _ parameters: [String: JSONValue]) async throws -> JSONValue {
        var parameters = parameters
        let number = state.withLock { state in
            if let session = state.session { parameters["sessionId"] = .string(session) }
            state.last += 1
            return state.last
        }
        let frame: JSONValue = [
            "jsonrpc": "2.0", "id": .integer(number), "method": .string(method), "params": .object(parameters),
        ]
        let promise = channel.eventLoop.makePromise(of: JSONValue.self)
        answers.expect(number, promise)
        let deadline = channel.eventLoop.scheduleTask(in: Self.answerTime) { [answers] in
            answers.fail(number, BenchmarkError("\(method): no answer in time"))
        }
        defer { deadline.cancel() }
        channel.writeAndFlush(
            WebSocketFrame(fin: true, opcode: .text, maskKey: .random(), data: ByteBuffer(string: frame.text)),
            promise: nil)
        let answer = try await promise.futureResult.get()
        if let error = answer["error"] {
            throw BenchmarkError("\(method): \(error["message"]?.asString ?? error.text)")
        }
        if let session = answer["result"]?["sessionId"]?.asString { state.withLock { $0.session = session } }
        return answer["result"]?["value"] ?? .null
    }

    /// A new object's id.
    package func create(_ type: String, _ parameters: [String: JSONValue]) async throws -> String {
        let value = try await call("create", ["type": .string(type), "constructorParams": .object(parameters)])
        guard let name = value.asString else { throw BenchmarkError("create \(type): the answer names no object") }
        return name
    }

    @discardableResult
    package func invoke(
        _ operation: String, on object: String, _ parameters: [String: JSONValue] = [:]
    ) async throws -> JSONValue {
        try await call(
            "invoke",
            ["object": .string(object), "operation": .string(operation), "operationParams": .object(parameters)])
    }

    package func release(_ object: String) async throws { try await call("release", ["object": .string(object)]) }

    package func close() async {
        try? await channel.close()
        try? await group.shutdownGracefully()
    }
}

/// Requests that wait for their answers, by their ids.
private final class Answers: Sendable {
    private let waiting = Mutex<[Int64: EventLoopPromise<JSONValue>]>([:])

    func expect(_ number: Int64, _ promise: EventLoopPromise<JSONValue>) {
        waiting.withLock { $0[number] = promise }
    }

    func take(_ text: String) {
        // Events are not answers; nobody subscribes to any.
        guard let message = try? JSONParser.parse(text), let number = message["id"]?.asInt64 else { return }
        waiting.withLock { $0.removeValue(forKey: number) }?.succeed(message)
    }

    func fail(_ number: Int64, _ error: BenchmarkError) {
        waiting.withLock { $0.removeValue(forKey: number) }?.fail(error)
    }

    func failAll(_ error: BenchmarkError) {
        let all = waiting.withLock { waiting in
            defer { waiting = [:] }
            return waiting
        }
        for promise in all.values { promise.fail(error) }
    }
}

/// Hands whole text messages to who waits for them.
private final class AnswerReader: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private let answers: Answers

    init(_ answers: Answers) { self.answers = answers }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.opcode {
        case .text: answers.take(String(buffer: frame.unmaskedData))
        case .ping:
            // RFC 6455 section 5.5.3: with the same data.
            context.writeAndFlush(
                wrapOutboundOut(
                    WebSocketFrame(fin: true, opcode: .pong, maskKey: .random(), data: frame.unmaskedData)),
                promise: nil)
        case .connectionClose: context.close(promise: nil)
        default: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelInactive(context: ChannelHandlerContext) {
        answers.failAll(BenchmarkError("the server closed the WebSocket"))
    }
}
