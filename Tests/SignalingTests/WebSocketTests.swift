import Testing

@testable import Signaling

@Suite(.timeLimit(.minutes(2)))
struct WebSocketTests {
    @Test func messagesAreEchoedInOrder() async throws {
        try await withServer { ports in
            let client = try await RawClient.webSocket(ports[0], "/echo?token=1")
            let texts = (0..<500).map { "message \($0) ☂" }
            try await client.write(texts.flatMap { RawClient.frame(1, Array($0.utf8)) })
            for text in texts { #expect(await client.nextFrame()?.text == text) }
        }
    }

    @Test func fragmentsArePutTogetherAroundAPing() async throws {
        try await withServer { ports in
            let client = try await RawClient.webSocket(ports[0])
            let umbrella = Array("☂".utf8)
            // Cut in the middle of a character, with a ping between (RFC 6455 section 5.4).
            try await client.write(RawClient.frame(1, [umbrella[0]], isFinal: false))
            try await client.write(RawClient.frame(9, [1, 2, 3]))
            try await client.write(RawClient.frame(0, [umbrella[1]], isFinal: false))
            try await client.write(RawClient.frame(0, [umbrella[2]]))
            #expect(await client.nextFrame() == RawClient.Frame(opcode: 10, payload: [1, 2, 3]))
            #expect(await client.nextFrame()?.text == "☂")
        }
    }

    @Test func aHugeFrameIsRefusedBeforeItIsRead() async throws {
        try await withServer { ports in
            let client = try await RawClient.webSocket(ports[0])
            // The server may close while we still send.
            async let sent: Void? = try? client.write(RawClient.frame(1, [UInt8](repeating: 97, count: 10 << 20)))
            #expect(await client.nextFrame()?.close?.code == 1009)
            _ = await sent
        }
    }

    @Test func aHugeMessageOfSmallFragmentsIsRefused() async throws {
        try await withServer({ $0.limits.messageBytes = 1000 }) { ports in
            let client = try await RawClient.webSocket(ports[0])
            try await client.write(RawClient.frame(1, [UInt8](repeating: 97, count: 900), isFinal: false))
            try await client.write(RawClient.frame(0, [UInt8](repeating: 97, count: 101), isFinal: false))
            #expect(await client.nextFrame()?.close?.code == 1009)
        }
    }

    @Test func endlessEmptyFragmentsAreRefused() async throws {
        try await withServer({ $0.limits.fragments = 10 }) { ports in
            let client = try await RawClient.webSocket(ports[0])
            try await client.write(RawClient.frame(1, [], isFinal: false))
            for _ in 0..<10 { try await client.write(RawClient.frame(0, [], isFinal: false)) }
            #expect(await client.nextFrame()?.close?.code == 1009)
        }
    }

    /// What RFC 6455 forbids, and the code it is closed with.
    static let violations: [(frames: [UInt8], code: Int)] = [
        (RawClient.frame(1, [97], isMasked: false), 1002),
        (RawClient.frame(0, [97]), 1002),  // A continuation of nothing.
        (RawClient.frame(1, [97], isFinal: false) + RawClient.frame(1, [97]), 1002),
        (RawClient.frame(0x41, [97]), 1002),  // A reserved bit.
        (RawClient.frame(3, [97]), 1002),  // A reserved opcode.
        (RawClient.frame(9, [UInt8](repeating: 0, count: 126)), 1002),
        (RawClient.frame(9, [1], isFinal: false), 1002),
        (RawClient.frame(8, [1]), 1002),  // Half a close code.
        (RawClient.frame(8, [0x03, 0xed]), 1002),  // 1005 must not be sent.
        (RawClient.frame(1, [0xc0, 0x80]), 1007),
        (RawClient.frame(2, [1, 2, 3]), 1003),
    ]

    @Test(arguments: violations.indices)
    func violationsAreClosedWithTheirCode(index: Int) async throws {
        let (frames, code) = Self.violations[index]
        try await withServer { ports in
            let client = try await RawClient.webSocket(ports[0])
            try await client.write(frames)
            #expect(await client.nextFrame()?.close?.code == code)
            // The answer completes the handshake; the server closes the socket.
            try await client.write(RawClient.frame(8, [0x03, 0xe8]))
            #expect(await client.nextFrame() == nil)
        }
    }

    @Test func anUnknownPathIsUpgradedAndClosed() async throws {
        try await withServer { ports in
            let client = try await RawClient.webSocket(ports[0], "/nowhere")
            let close = try #require(await client.nextFrame()?.close)
            #expect(close.code == 1002)
            #expect(close.reason == "Invalid path")
        }
    }

    @Test func aCloseIsAnsweredAndToldToTheHandler() async throws {
        let witness = Witness()
        try await withServer(routes: ["witness": witness]) { ports in
            let client = try await RawClient.webSocket(ports[0], "//witness")
            try await client.send("hello")
            try await client.write(RawClient.frame(8, [0x0f, 0xa0, 97]))
            #expect(await client.nextFrame()?.close?.code == 4000)
            #expect(await client.nextFrame() == nil)
            var events = witness.events.makeAsyncIterator()
            #expect(await events.next() == "opened")
            #expect(await events.next() == "hello")
            #expect(await events.next() == "closed")
        }
    }

    @Test func aLostConnectionIsToldToTheHandler() async throws {
        let witness = Witness()
        try await withServer(routes: ["witness": witness]) { ports in
            try await RawClient.webSocket(ports[0], "/witness").close()
            var events = witness.events.makeAsyncIterator()
            #expect(await events.next() == "opened")
            #expect(await events.next() == "closed")
        }
    }

    @Test func whatWasSentBeforeACloseStillArrives() async throws {
        try await withServer { ports in
            let client = try await RawClient.webSocket(ports[0])
            try await client.send("bye")
            #expect(await client.nextFrame()?.text == "good bye")
            #expect(await client.nextFrame()?.close?.code == 1000)
        }
    }

    @Test func aClientThatDoesNotReadIsClosedWhileAnotherGoesOn() async throws {
        try await withServer({ $0.limits.outboundBytes = 8 << 20 }) { ports in
            let slow = try await RawClient.webSocket(ports[0], reads: false)
            let other = try await RawClient.webSocket(ports[0])
            // Far more than the socket buffers of both ends and the server's own queue hold.
            for _ in 0..<64 { _ = try? await slow.send("big") }
            var closed = false
            while !closed {
                try await other.send("still here")
                #expect(await other.nextFrame()?.text == "still here")
                let metrics = try await RawClient.connect(ports[0]).get("/metrics").body
                closed = metrics.contains("apus_signaling_connections_too_slow_total 1\n")
            }
            slow.close()
        }
    }

    @Test func aFloodOfMessagesIsReadNoFasterThanItIsHandled() async throws {
        let gate = Gate()
        try await withServer({ $0.limits.inboundMessages = 4 }, routes: ["gate": gate]) { ports in
            let client = try await RawClient.webSocket(ports[0], "/gate")
            let block = RawClient.frame(1, [UInt8](repeating: 97, count: 100_000))
            let flood = Task { for _ in 0..<200 { try await client.write(block) } }
            var starts = gate.starts.makeAsyncIterator()
            for _ in 0..<200 {
                _ = await starts.next()
                gate.goOn.yield()
            }
            try await flood.value
        }
    }

    @Test func aSilentClientIsPingedAndThenClosed() async throws {
        try await withServer({ $0.limits.pingInterval = .milliseconds(100) }) { ports in
            let client = try await RawClient.webSocket(ports[0])
            #expect(await client.nextFrame() == RawClient.Frame(opcode: 9, payload: []))
            #expect(await client.nextFrame() == nil)
        }
    }

    @Test func aClientThatAnswersPingsStays() async throws {
        try await withServer({ $0.limits.pingInterval = .seconds(2) }) { ports in
            let client = try await RawClient.webSocket(ports[0], answersPings: true)
            #expect(await client.nextFrame()?.opcode == 9)
            // Without the answer it would be closed now instead.
            #expect(await client.nextFrame()?.opcode == 9)
        }
    }

    @Test func stoppingTheServerSaysGoodBye() async throws {
        var client: RawClient?
        try await withServer { ports in
            client = try await RawClient.webSocket(ports[0])
            try await client?.send("hello")
            #expect(await client?.nextFrame()?.text == "hello")
        }
        #expect(await client?.nextFrame()?.close?.code == 1001)
    }

    @Test func foreignOriginsAreRefused() async throws {
        try await withServer({ $0.allowedOrigins = ["https://good.example"] }) { ports in
            try await RawClient.connect(ports[0]).upgrade("/echo", headers: "Origin: https://GOOD.example\r\n")
            try await RawClient.connect(ports[0]).upgrade("/echo")
            await #expect(throws: RawClient.ClientError.self) {
                try await RawClient.connect(ports[0]).upgrade("/echo", headers: "Origin: https://bad.example\r\n")
            }
        }
    }

    @Test func plainHTTPOnAWebSocketsPathIsToldToUpgrade() async throws {
        try await withServer { ports in
            let response = try await RawClient.connect(ports[0]).get("/echo")
            #expect(response.status == 426)
            #expect(response.headers["upgrade"] == "websocket")
        }
    }
}

/// Handles a message only when told to.
final class Gate: WebSocketHandler, WebSocketSession {
    let starts: AsyncStream<Void>
    private let started: AsyncStream<Void>.Continuation
    let goOn: AsyncStream<Void>.Continuation
    private let permits: AsyncStream<Void>

    init() {
        (starts, started) = AsyncStream.makeStream(of: Void.self)
        (permits, goOn) = AsyncStream.makeStream(of: Void.self)
    }

    func opened(_ connection: WebSocketConnection) async -> any WebSocketSession { self }
    func text(_ text: String) async {
        started.yield()
        for await _ in permits { break }
    }
    func closed() async {}
}
