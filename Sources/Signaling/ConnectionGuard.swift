import NIOCore

/// First in every pipeline, before TLS: holds the connection to the budget and waits only so long
/// for a first byte.
final class ConnectionGuard: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let budget: ConnectionBudget
    private let timeout: TimeAmount
    private var address: String?
    private var timer: Scheduled<Void>?

    init(budget: ConnectionBudget, timeout: TimeAmount) {
        self.budget = budget
        self.timeout = timeout
    }

    func channelActive(context: ChannelHandlerContext) {
        let key = ConnectionBudget.key(of: context.remoteAddress)
        guard budget.acquire(key) else {
            context.close(promise: nil)
            return
        }
        address = key
        let channel = context.channel
        timer = context.eventLoop.scheduleTask(in: timeout) { channel.close(promise: nil) }
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        timer?.cancel()
        timer = nil
        context.fireChannelRead(data)
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        finish()
    }

    private func finish() {
        timer?.cancel()
        timer = nil
        if let address { budget.release(address) }
        address = nil
    }
}
