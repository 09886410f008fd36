import Elements
import Foundation
import NIOCore
import NIOHTTP1
import Session
import Uploads
import Wire

/// One connection of an ``UploadServer``.
final class UploadHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        case idle
        case receiving(UploadBody)
        /// All has come; the answer has not.
        case received(UploadBody)
        /// The answer is on its way, and more may come.
        case answered
    }

    private let server: UploadServer
    private var ip: IPAddress?
    private var state = State.idle
    private var form: FormReader?
    private var received: Int64 = 0
    private var discarded = 0
    private var context: ChannelHandlerContext?
    private var headTimer: Scheduled<Void>?

    init(_ server: UploadServer) { self.server = server }

    // MARK: The connection

    func channelActive(context: ChannelHandlerContext) {
        guard let ip = context.remoteAddress?.ipAddress.flatMap({ IPAddress($0) }), server.admit(ip) else {
            return context.close(promise: nil)
        }
        self.ip = ip
        self.context = context
        headTimer = context.eventLoop.assumeIsolated().scheduleTask(in: UploadServer.headTime) {
            if case .idle = self.state { context.close(promise: nil) }
        }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        headTimer?.cancel()
        if let ip { server.dismiss(ip) }
        ip = nil
        self.context = nil
        if case .receiving(let body) = state { body.end(isWhole: false) }
        state = .answered
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (Self.unwrapInboundIn(data), state) {
        case (.head(let head), .idle):
            headTimer?.cancel()
            receive(head, context)
        case (.body(let bytes), .receiving(let body)): receive(bytes, body)
        case (.end, .receiving(let body)):
            if form?.isComplete == false {
                body.end(isWhole: false)
                return answer(.badRequest, "the form has no file, or ended before it did")
            }
            state = .received(body)
            body.end(isWhole: true)
        case (.body(let bytes), .answered):
            discarded += bytes.readableBytes
            if discarded > UploadServer.discardedBytes { context.close(promise: nil) }
        case (.end, .answered): context.close(promise: nil)
        default: break
        }
    }

    // MARK: The request

    private func receive(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let path = head.uri.prefix { $0 != "?" && $0 != "#" }
        guard path.hasPrefix(UploadDesk.path) else { return answer(.notFound, "there is nothing here") }
        switch head.method {
        case .POST: break
        case .OPTIONS: return answer(.noContent, "")
        default: return answer(.methodNotAllowed, "a file is uploaded by POST")
        }
        if let length = head.headers.first(name: "content-length").flatMap({ Int64($0) }),
            length > UploadServer.bodyBytes
        {
            return answer(.payloadTooLarge, "an upload has at most \(UploadServer.bodyBytes) bytes")
        }
        let type = head.headers.first(name: "content-type") ?? ""
        form = FormReader(contentType: type)
        guard form != nil || !FormReader.isForm(type) else {
            return answer(.badRequest, "the form's boundary is missing or none")
        }
        let body = makeBody(context)
        switch server.desk.begin(String(path.dropFirst(UploadDesk.path.count)), body) {
        case .unknown: return answer(.notFound, "nobody takes an upload here, or no longer")
        case .busy: return answer(.conflict, "another upload is playing here")
        case .taken: state = .receiving(body)
        }
        if head.headers[canonicalForm: "expect"].contains(where: { $0.lowercased() == "100-continue" }) {
            context.writeAndFlush(
                Self.wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
        }
    }

    /// What it says comes from the element's threads.
    private func makeBody(_ context: ChannelHandlerContext) -> UploadBody {
        let eventLoop = context.eventLoop
        let handler = NIOLoopBound(self, eventLoop: eventLoop)
        return UploadBody(
            onRoom: { eventLoop.execute { handler.value.readOn() } },
            onAnswer: { answer in eventLoop.execute { handler.value.answer(answer) } })
    }

    private func receive(_ bytes: ByteBuffer, _ body: UploadBody) {
        received += Int64(bytes.readableBytes)
        guard received <= UploadServer.bodyBytes else {
            body.end(isWhole: false)
            return answer(.payloadTooLarge, "an upload has at most \(UploadServer.bodyBytes) bytes")
        }
        var piece = Array(bytes.readableBytesView)
        if form != nil {
            do {
                piece = try form?.read(piece) ?? []
            } catch {
                body.end(isWhole: false)
                return answer(.badRequest, "a part of the form has too long a header")
            }
        }
        if !body.append(piece) { setReading(false) }
    }

    /// What was taken is played: there is room for more.
    private func readOn() {
        setReading(true)
        context?.read()
    }

    private func setReading(_ isReading: Bool) {
        try? context?.channel.syncOptions?.setOption(.autoRead, value: isReading)
    }

    // MARK: The answer

    private func answer(_ answer: UploadBody.Answer) {
        switch answer {
        case .done: self.answer(.ok, "played")
        case .closed: self.answer(.gone, "the endpoint was released")
        case .failed(let failure):
            let status: HTTPResponseStatus =
                switch failure.reason {
                case .wrongFormat, .unsupportedCodec: .unsupportedMediaType
                case .unreachable: .requestTimeout
                case .noSpace: .insufficientStorage
                default: .badRequest
                }
            self.answer(status, failure.message)
        }
    }

    /// Once; what still comes is thrown away, and the connection ends.
    private func answer(_ status: HTTPResponseStatus, _ text: String) {
        if case .answered = state { return }
        var isOver = false
        if case .received = state { isOver = true }
        state = .answered
        guard let context else { return }
        var head = HTTPResponseHead(version: .http1_1, status: status)
        let content = text.isEmpty ? "" : text + "\n"
        head.headers.add(name: "Connection", value: "close")
        head.headers.add(name: "Access-Control-Allow-Origin", value: "*")
        if status == .noContent {
            head.headers.add(name: "Access-Control-Allow-Methods", value: "OPTIONS, POST")
            head.headers.add(name: "Access-Control-Allow-Headers", value: "Content-Type")
            head.headers.add(name: "Access-Control-Max-Age", value: "86400")
        } else {
            head.headers.add(name: "Content-Type", value: "text/plain; charset=utf-8")
            head.headers.add(name: "X-Content-Type-Options", value: "nosniff")
            head.headers.add(name: "Content-Length", value: "\(content.utf8.count)")
        }
        if status == .methodNotAllowed { head.headers.add(name: "Allow", value: "OPTIONS, POST") }
        context.write(Self.wrapOutboundOut(.head(head)), promise: nil)
        context.write(Self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: content)))), promise: nil)
        let sent = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: sent)
        setReading(true)
        context.read()
        let wait = isOver ? TimeAmount.zero : UploadServer.discardingTime
        sent.futureResult.assumeIsolated().whenComplete { _ in
            context.eventLoop.assumeIsolated().scheduleTask(in: wait) { context.close(promise: nil) }
        }
    }
}
