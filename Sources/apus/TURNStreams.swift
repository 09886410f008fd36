import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Reactor
import Synchronization
import TURN
import Wire

/// Clients of a TURN server over TCP and TLS: their connections, and what goes between them and the ``RelayLoop``.
final class TURNStreams: Sendable {
    /// What TLS clients are shown.
    struct Identity: Sendable {
        let context: NIOSSLContext

        init(certificate: String?, key: String?) throws {
            do {
                let chain = try NIOSSLCertificate.fromPEMFile(certificate ?? "").map {
                    NIOSSLCertificateSource.certificate($0)
                }
                let key = try NIOSSLPrivateKey(file: key ?? "", format: .pem)
                var configuration = TLSConfiguration.makeServerConfiguration(
                    certificateChain: chain, privateKey: .privateKey(key))
                configuration.minimumTLSVersion = .tlsv12
                context = try NIOSSLContext(configuration: configuration)
            } catch {
                throw CommandFailure("--certificate or --key cannot be used: \(error)")
            }
        }
    }

    /// Connections at one time; further ones are closed at once.
    static let limit = 4096
    /// Bytes that wait for a client that does not read. Then it is too slow for media, and its data is dropped.
    private static let waitingBytes = 256 * 1024
    /// A client must have said something within this time, and goes on saying something: allocations are refreshed.
    private static let silence = TimeAmount.seconds(3700)
    private static let firstSilence = TimeAmount.seconds(10)

    private struct State {
        var channels: [Tuple: any Channel] = [:]
        var listening: [any Channel] = []
    }

    private let state = Mutex(State())

    /// Binds what is a stream of the loop's listeners.
    func start(_ loop: RelayLoop, identity: Identity?, tls: Set<Wire.SocketAddress>) async throws {
        for (index, listener) in loop.listeners.enumerated() where listener.isStream {
            let isTLS = tls.contains(listener.address)
            let bootstrap = ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .serverChannelOption(.backlog, value: 256)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
                .childChannelOption(
                    .writeBufferWaterMark, value: .init(low: Self.waitingBytes / 2, high: Self.waitingBytes)
                )
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        if isTLS, let identity {
                            try pipeline.addHandler(NIOSSLServerHandler(context: identity.context))
                        }
                        try pipeline.addHandler(IdleStateHandler(readTimeout: Self.firstSilence))
                        try pipeline.addHandler(
                            StreamHandler(self, loop, listener: UInt8(index), silence: Self.silence))
                    }
                }
            do {
                let channel = try await bootstrap.bind(
                    host: listener.address.ip.description, port: Int(listener.address.port)
                ).get()
                state.withLock { $0.listening.append(channel) }
            } catch {
                await stop()
                throw CommandFailure("\(listener.address) cannot be bound for TCP: \(error)")
            }
        }
    }

    func stop() async {
        let all = state.withLock { state in
            defer { state = State() }
            return state.listening + state.channels.values
        }
        for channel in all { try? await channel.close() }
    }

    /// To a client; nothing happens where it is no more.
    func send(_ bytes: [UInt8], to client: Tuple) {
        guard let channel = state.withLock({ $0.channels[client] }), channel.isWritable else { return }
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }

    fileprivate func add(_ channel: any Channel, _ client: Tuple) -> Bool {
        state.withLock { state in
            guard state.channels.count < Self.limit else { return false }
            state.channels[client] = channel
            return true
        }
    }

    fileprivate func remove(_ client: Tuple) { state.withLock { $0.channels[client] = nil } }
}

/// One client's connection.
private final class StreamHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let streams: TURNStreams
    private let loop: RelayLoop
    private let listener: UInt8
    private let silence: TimeAmount
    private var framer = StreamFramer()
    private var client: Tuple?
    private var hasSpoken = false

    init(_ streams: TURNStreams, _ loop: RelayLoop, listener: UInt8, silence: TimeAmount) {
        self.streams = streams
        self.loop = loop
        self.listener = listener
        self.silence = silence
    }

    func channelActive(context: ChannelHandlerContext) {
        guard let remote = context.remoteAddress, let ip = remote.ipAddress.flatMap({ IPAddress($0) }),
            let port = remote.port.flatMap({ UInt16(exactly: $0) })
        else { return context.close(promise: nil) }
        let client = Tuple(socket: listener, remote: Wire.SocketAddress(ip: ip, port: port))
        guard streams.add(context.channel, client) else { return context.close(promise: nil) }
        self.client = client
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        guard let client else { return }
        streams.remove(client)
        _ = loop.send(.closed(client))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let client else { return }
        framer.receive(Array(Self.unwrapInboundIn(data).readableBytesView))
        while let frame = framer.next() {
            speak(context)
            if !loop.send(.frame(frame, from: client)) { return context.close(promise: nil) }
        }
        if framer.isBroken { context.close(promise: nil) }
    }

    /// Who has said a word has longer for the next.
    private func speak(_ context: ChannelHandlerContext) {
        guard !hasSpoken else { return }
        hasSpoken = true
        let pipeline = context.pipeline.syncOperations
        guard let first = try? pipeline.handler(type: IdleStateHandler.self) else { return }
        try? pipeline.addHandler(IdleStateHandler(readTimeout: silence), position: .before(first))
        pipeline.removeHandler(first, promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
