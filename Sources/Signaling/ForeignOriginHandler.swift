import NIOCore
import NIOHTTP1

/// Takes the wish to upgrade from a request that must not: it then gets its refusal as plain HTTP.
final class ForeignOriginHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    private let routes: WebSocketRoutes

    init(routes: WebSocketRoutes) { self.routes = routes }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(var head) = unwrapInboundIn(data), !routes.allows(origin: head.headers.first(name: "origin"))
        else { return context.fireChannelRead(data) }
        head.headers.remove(name: "upgrade")
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }
}
