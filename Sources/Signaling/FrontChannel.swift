import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOWebSocket

/// Sets up an accepted connection: HTTP/1.1 that may become a WebSocket with its first request.
///
/// Deviation: a later request of a kept-alive connection cannot upgrade; it gets 426. Clients open a
/// connection of its own for a WebSocket.
struct FrontChannel: HTTPChannelHandler {
    enum Negotiated: Sendable {
        case http(NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>)
        case webSocket(WebSocketConnection, AsyncStream<String>, path: String)
    }

    struct Value: ServerChildChannelValue {
        let channel: any Channel
        let negotiated: EventLoopFuture<Negotiated>
    }

    let responder: Responder
    let routes: WebSocketRoutes
    let limits: SignalingLimits
    let budget: ConnectionBudget
    let logger: Logger

    func setup(channel: any Channel, logger _: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(
                ConnectionGuard(budget: budget, timeout: limits.firstByteTimeout), position: .first)
            var decoderLimits = NIOHTTPDecoderLimitConfiguration()
            decoderLimits.maxHeaderFieldSize = limits.headerBytes
            decoderLimits.maxHeaderListSize = limits.headerBytes
            decoderLimits.maxHeaderFieldCount = limits.headerFields
            let encoder = HTTPResponseEncoder()
            let decoder = ByteToMessageHandler(
                HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: decoderLimits))
            let deadline = RequestDeadlineHandler(limits: limits)
            let foreign = ForeignOriginHandler(routes: routes)
            let upgrade = NIOTypedHTTPServerUpgradeHandler(
                httpEncoder: encoder, extraHTTPHandlers: [decoder, deadline, foreign],
                upgradeConfiguration: NIOTypedHTTPServerUpgradeConfiguration(
                    upgraders: [upgrader()],
                    notUpgradingCompletionHandler: { setUpHTTP($0) }))
            try pipeline.addHandlers([encoder, decoder, deadline, foreign, upgrade])
            return Value(channel: channel, negotiated: upgrade.upgradeResultFuture)
        }
    }

    private func setUpHTTP(_ channel: any Channel) -> EventLoopFuture<Negotiated> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
            let idle = Duration.nanoseconds(limits.idleTimeout.nanoseconds)
            try pipeline.addHandler(HTTPConnectionStateHandler(idleTimeout: idle, logger: logger))
            return .http(
                try NIOAsyncChannel(
                    wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true)))
        }
    }

    private func upgrader() -> NIOTypedWebSocketServerUpgrader<Negotiated> {
        NIOTypedWebSocketServerUpgrader(
            maxFrameSize: limits.messageBytes, enableAutomaticErrorHandling: false,
            shouldUpgrade: { channel, head in
                let isAllowed = head.method == .GET && routes.allows(origin: head.headers.first(name: "origin"))
                return channel.eventLoop.makeSucceededFuture(isAllowed ? HTTPHeaders() : nil)
            },
            upgradePipelineHandler: { channel, head in
                channel.eventLoop.makeCompletedFuture {
                    let connection = WebSocketConnection(channel: channel, limits: limits, budget: budget)
                    // Bounded by the frame handler, which stops reading.
                    let (messages, continuation) = AsyncStream.makeStream(of: String.self)
                    try channel.pipeline.syncOperations.addHandler(
                        WebSocketFrameHandler(connection: connection, messages: continuation, limits: limits))
                    return .webSocket(connection, messages, path: head.uri)
                }
            })
    }

    func handle(value: Value, logger _: Logger) async {
        let negotiated = await withTaskCancellationHandler {
            try? await value.negotiated.get()
        } onCancel: {
            value.channel.close(promise: nil)
        }
        switch negotiated {
        case .http(let channel):
            await handleHTTP(asyncChannel: channel, logger: logger)
        case .webSocket(let connection, let messages, let path):
            await withTaskCancellationHandler {
                await serve(connection, messages, path: path)
            } onCancel: {
                connection.close(.goingAway)
            }
        case nil:
            break
        }
    }

    private func serve(_ connection: WebSocketConnection, _ messages: AsyncStream<String>, path: String) async {
        budget.webSocketOpened()
        defer { budget.webSocketClosed() }
        if let handler = routes.handler(for: path) {
            let session = await handler.opened(connection)
            for await text in messages {
                await session.text(text)
                connection.handledMessage()
            }
            await session.closed()
        } else {
            logger.debug("WebSocket with an unknown path", metadata: ["from": "\(connection.remoteAddress)"])
            // Kurento lets the handshake succeed and closes then; its clients expect that.
            connection.close(.invalidPath)
        }
        try? await connection.channel.closeFuture.get()
    }
}
