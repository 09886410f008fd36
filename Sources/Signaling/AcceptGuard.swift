import Logging
import NIOCore

/// On a listening socket: an accept that fails for want of descriptors or memory must not end the
/// listener, which is what an error that reaches the end of its pipeline does. NIO tries again by
/// itself; ``ConnectionBudget`` keeps it from coming to that by our own connections.
final class AcceptGuard: ChannelInboundHandler, Sendable {
    typealias InboundIn = Any

    private static let logInterval = TimeAmount.seconds(10)
    private let lastLogged: NIOLoopBoundBox<NIODeadline?>
    private let logger: Logger

    init(eventLoop: any EventLoop, logger: Logger) {
        self.lastLogged = .makeBoxSendingValue(nil, eventLoop: eventLoop)
        self.logger = logger
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let now = NIODeadline.now()
        if let last = lastLogged.value, now - last < Self.logInterval { return }
        lastLogged.value = now
        logger.warning("a connection could not be accepted", metadata: ["error": "\(error)"])
    }
}
