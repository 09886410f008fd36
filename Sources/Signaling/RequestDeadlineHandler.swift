import NIOCore
import NIOHTTP1

/// Behind the HTTP decoder: bounds the time that a request may take to arrive and the size of its
/// body, and answers what is no HTTP with 400. Leaves the pipeline on an upgrade.
final class RequestDeadlineHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let limits: SignalingLimits
    private var hasHead = false
    private var bodyBytes = 0
    private var timer: Scheduled<Void>?

    init(limits: SignalingLimits) {
        self.limits = limits
    }

    func handlerAdded(context: ChannelHandlerContext) {
        arm(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch Self.unwrapInboundIn(data) {
        case .head:
            hasHead = true
            bodyBytes = 0
            arm(context)
        case .body(let bytes):
            let wasTooLarge = bodyBytes > limits.bodyBytes
            bodyBytes += bytes.readableBytes
            guard bodyBytes <= limits.discardedBodyBytes else {
                context.close(promise: nil)
                return
            }
            // The part that crosses the limit goes on, for the route to see it; the rest is for nobody.
            if wasTooLarge { return }
        case .end:
            timer?.cancel()
            timer = nil
        }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // After the first request the HTTP loop answers for itself.
        guard !hasHead else {
            context.fireErrorCaught(error)
            return
        }
        guard error is HTTPParserError else {
            context.close(promise: nil)
            return
        }
        let headers = HTTPHeaders([("connection", "close"), ("content-length", "0")])
        let head = HTTPResponseHead(version: .http1_1, status: .badRequest, headers: headers)
        context.write(Self.wrapOutboundOut(.head(head)), promise: nil)
        let channel = context.channel
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        let isOver = event is ChannelShouldQuiesceEvent || (event as? ChannelEvent) == .inputClosed
        if isOver, !hasHead {
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    private func arm(_ context: ChannelHandlerContext) {
        timer?.cancel()
        let channel = context.channel
        timer = context.eventLoop.scheduleTask(in: limits.headerTimeout) { channel.close(promise: nil) }
    }
}
