import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOPosix
import Session
import Synchronization

/// Carries a request to the controller that has its room, and the answer back, so that clients may come in anywhere.
///
/// One connection for each request, without TLS: controllers share a network. What cannot be reached in time is the
/// caller's to answer for.
struct GatewayForwarder: Sendable {
    /// IP addresses and ports of a controller's HTTP, in the order in which they are tried.
    typealias Addresses = @Sendable (ControllerID) async -> [String]

    let addresses: Addresses

    /// Marks a forwarded request: it goes no further, whatever the next controller thinks of it.
    static let mark: HTTPField.Name = {
        guard let name = HTTPField.Name("Apus-Forwarded") else { preconditionFailure("a name of letters is one") }
        return name
    }()
    private static let connectTime = TimeAmount.seconds(1)
    /// Until the answer is whole: an operation takes five seconds at most. A stream of events lasts as its ends do.
    private static let answerTime = TimeAmount.seconds(6)
    /// Pieces of a body that wait for a client that reads slowly.
    private static let waitingPieces = 256
    private static let addressesTried = 4
    /// What is about one connection and not about the resource (RFC 9110 section 7.6.1), or written anew.
    private static let dropped: [HTTPField.Name] = [.connection, .transferEncoding, .contentLength, .date, .server]
    private static let passed: [HTTPField.Name] = [.contentType, .ifMatch, .authorization, .accept]

    /// What came back: the head, the length of the body if that is known, and its pieces as they come.
    struct Answer: Sendable {
        var head: HTTPResponse
        var length: Int?
        var pieces: AsyncStream<ByteBuffer>

        /// Server-sent events, which end with one of the two sides.
        var isStream: Bool { head.headerFields[.contentType]?.hasPrefix("text/event-stream") ?? false }
    }

    /// Nil when the controller cannot be reached.
    func forward(_ request: HTTPRequest, _ body: ByteBuffer, to controller: ControllerID) async -> Answer? {
        for address in await addresses(controller).prefix(Self.addressesTried) {
            guard let connection = await connect(address) else { continue }
            // Once it has been sent it may have been done: it is not sent again.
            return try? await exchange(Self.outgoing(request, body, authority: address), body, on: connection)
        }
        return nil
    }

    private static func outgoing(_ request: HTTPRequest, _ body: ByteBuffer, authority: String) -> HTTPRequest {
        var outgoing = HTTPRequest(
            method: request.method, scheme: "http", authority: request.authority ?? authority, path: request.path)
        for name in passed {
            if let value = request.headerFields[name] { outgoing.headerFields[name] = value }
        }
        outgoing.headerFields[.contentLength] = String(body.readableBytes)
        outgoing.headerFields[.connection] = "close"
        outgoing.headerFields[mark] = "1"
        return outgoing
    }

    private typealias Connection = NIOAsyncChannel<HTTPResponsePart, HTTPRequestPart>

    private func connect(_ address: String) async -> Connection? {
        guard let colon = address.lastIndex(of: ":"), let port = Int(address[address.index(after: colon)...]) else {
            return nil
        }
        let host = address[..<colon].trimmingPrefix("[")
        return try? await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(Self.connectTime)
            .connect(host: String(host.last == "]" ? host.dropLast() : host), port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(HTTP1ToHTTPClientCodec())
                    return try Connection(wrappingChannelSynchronously: channel)
                }
            }
    }

    private func exchange(
        _ request: HTTPRequest, _ body: ByteBuffer, on connection: Connection
    ) async throws -> Answer {
        let (pieces, feed) = AsyncStream.makeStream(
            of: ByteBuffer.self, bufferingPolicy: .bufferingOldest(Self.waitingPieces))
        let timer = connection.channel.eventLoop.scheduleTask(in: Self.answerTime) {
            connection.channel.close(promise: nil)
        }
        return try await withCheckedThrowingContinuation { waiter in
            let head = Head(waiter)
            let work = Task {
                defer {
                    timer.cancel()
                    feed.finish()
                    head.fail()
                }
                try await connection.executeThenClose { inbound, outbound in
                    try await outbound.write(.head(request))
                    if body.readableBytes > 0 { try await outbound.write(.body(body)) }
                    try await outbound.write(.end(nil))
                    for try await part in inbound {
                        switch part {
                        case .head(var response):
                            guard response.status.kind != .informational else { continue }
                            let length = response.headerFields[.contentLength].flatMap { Int($0) }
                            for name in Self.dropped { response.headerFields[name] = nil }
                            let answer = Answer(head: response, length: length, pieces: pieces)
                            if answer.isStream { timer.cancel() }
                            head.arrive(answer)
                        case .body(let piece):
                            // A client that does not read for so long is given up, rather than half of what it gets.
                            guard case .enqueued = feed.yield(piece) else { return }
                        case .end: return
                        }
                    }
                }
            }
            feed.onTermination = { _ in work.cancel() }
        }
    }

    /// Hands the head to who waits for it, once; or that there will be none.
    private final class Head: Sendable {
        private let waiter: Mutex<CheckedContinuation<Answer, any Error>?>

        init(_ waiter: CheckedContinuation<Answer, any Error>) { self.waiter = Mutex(waiter) }

        func arrive(_ answer: Answer) { take()?.resume(returning: answer) }

        func fail() { take()?.resume(throwing: CancellationError()) }

        private func take() -> CheckedContinuation<Answer, any Error>? {
            waiter.withLock { waiter in
                defer { waiter = nil }
                return waiter
            }
        }
    }
}
