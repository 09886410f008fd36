import NIOCore
import NIOWebSocket

/// The server's half of RFC 6455 behind NIO's frame codec: masks, control frames, fragments, the closing
/// handshake, keep-alive, and how far a client may be read ahead.
final class WebSocketFrameHandler: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private enum State { case open, closing, closed }

    private let connection: WebSocketConnection
    private let messages: AsyncStream<String>.Continuation
    private let limits: SignalingLimits
    private var state = State.open
    private var assembler: MessageAssembler
    private var pendingMessages = 0
    private var isReadHeld = false
    private var awaitsSign = false
    private var timer: Scheduled<Void>?

    init(connection: WebSocketConnection, messages: AsyncStream<String>.Continuation, limits: SignalingLimits) {
        self.connection = connection
        self.messages = messages
        self.limits = limits
        self.assembler = MessageAssembler(limits: limits)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        armPing(context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = Self.unwrapInboundIn(data)
        awaitsSign = false
        guard state == .open else {
            // Only the answer to our close frame matters now (RFC 6455 section 5.5.1).
            if frame.opcode == .connectionClose { finish(context) }
            return
        }
        do throws(WebSocketClose) {
            try receive(frame, context: context)
        } catch {
            close(error, context: context)
        }
    }

    private func receive(_ frame: WebSocketFrame, context: ChannelHandlerContext) throws(WebSocketClose) {
        guard frame.maskKey != nil else { throw .notMasked }  // RFC 6455 section 5.1.
        guard !frame.rsv1, !frame.rsv2, !frame.rsv3 else { throw .reservedBits }  // Section 5.2.
        let data = frame.unmaskedData
        switch frame.opcode {
        case .text, .binary, .continuation:
            if let text = try assembler.add(data, opcode: frame.opcode, isFinal: frame.fin) {
                pendingMessages += 1
                messages.yield(text)
            }
        case .ping:
            let bytes = data.readableBytes
            guard connection.reserve(bytes) else { return }
            write(.pong, data, context: context).assumeIsolated().whenComplete { [connection] _ in
                connection.unreserve(bytes)
            }
        case .pong:
            break
        case .connectionClose:
            try answerClose(data, context: context)
        default:
            throw .unknownOpcode
        }
    }

    private func answerClose(_ data: ByteBuffer, context: ChannelHandlerContext) throws(WebSocketClose) {
        var data = data
        let echo: ByteBuffer
        if data.readableBytes == 0 {
            echo = data
        } else {
            guard let code = data.readInteger(as: UInt16.self), WebSocketClose.isValid(code),
                String(validating: data.readableBytesView, as: UTF8.self) != nil
            else { throw .badControlFrame }
            echo = ByteBuffer(integer: code)
        }
        endInbound(.closing)
        let channel = context.channel
        write(.connectionClose, echo, context: context).whenComplete { _ in channel.close(promise: nil) }
        armClose(context)
    }

    // MARK: Closing

    /// Sends our close frame and waits a moment for the peer's, reading past what it still sends: closing
    /// the socket with unread data would reset it and could lose the close frame on its way.
    private func close(_ reason: WebSocketClose, context: ChannelHandlerContext) {
        guard state == .open else { return }
        endInbound(.closing)
        var data = context.channel.allocator.buffer(capacity: 2 + reason.reason.utf8.count)
        data.writeInteger(reason.code)
        data.writeString(reason.reason)
        write(.connectionClose, data.readSlice(length: min(data.readableBytes, 125)) ?? data, context: context)
            .whenComplete { _ in }
        armClose(context)
        if isReadHeld {
            isReadHeld = false
            context.read()
        }
    }

    private func endInbound(_ next: State) {
        state = next
        connection.markClosed()
        messages.finish()
        assembler = MessageAssembler(limits: limits)
    }

    private func finish(_ context: ChannelHandlerContext) {
        endInbound(.closed)
        context.close(promise: nil)
    }

    private func armClose(_ context: ChannelHandlerContext) {
        timer?.cancel()
        let channel = context.channel
        timer = context.eventLoop.scheduleTask(in: limits.closeTimeout) { channel.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        endInbound(.closed)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        endInbound(.closed)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // While closing, whatever the peer sends is of no interest; the timer ends it.
        guard state == .open else { return }
        switch error as? NIOWebSocketError {
        case .invalidFrameLength: close(.tooLarge, context: context)
        case .fragmentedControlFrame, .multiByteControlFrameLength: close(.badControlFrame, context: context)
        case nil: finish(context)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            close(.goingAway, context: context)
        } else if (event as? ChannelEvent) == .inputClosed {
            finish(context)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    // MARK: Outbound

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if state == .open {
            context.write(data, promise: promise)
        } else {
            promise?.fail(ChannelError.ioOnClosedChannel)
        }
    }

    private func write(
        _ opcode: WebSocketOpcode, _ data: ByteBuffer, context: ChannelHandlerContext
    ) -> EventLoopFuture<Void> {
        context.writeAndFlush(Self.wrapOutboundOut(WebSocketFrame(fin: true, opcode: opcode, data: data)))
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        switch event {
        case let event as WebSocketConnection.CloseRequested:
            close(event.reason, context: context)
            promise?.succeed()
        case is WebSocketConnection.MessageHandled:
            pendingMessages -= 1
            if isReadHeld, pendingMessages <= limits.inboundMessages / 2 {
                isReadHeld = false
                context.read()
            }
            promise?.succeed()
        default:
            context.triggerUserOutboundEvent(event, promise: promise)
        }
    }

    func read(context: ChannelHandlerContext) {
        if state == .open, pendingMessages >= limits.inboundMessages {
            isReadHeld = true
        } else {
            context.read()
        }
    }

    // MARK: Keep-alive

    private func armPing(_ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: limits.pingInterval) {
            let (handler, context) = bound.value
            handler.ping(context)
        }
    }

    private func ping(_ context: ChannelHandlerContext) {
        guard state == .open else { return }
        // Nothing is read while the peer's messages wait for us: its silence then says nothing.
        guard !awaitsSign || isReadHeld else {
            finish(context)
            return
        }
        awaitsSign = true
        if connection.reserve(0) {
            write(.ping, ByteBuffer(), context: context).whenComplete { [connection] _ in connection.unreserve(0) }
        }
        armPing(context)
    }
}
