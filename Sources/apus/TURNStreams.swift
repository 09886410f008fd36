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

    /// Connections at one time, and of one address unless told otherwise; further ones are closed at once.
    static let limit = 4096
    static let perAddress = 256
    /// Bytes that wait for a client that does not read. Then it is too slow for media, and its data is dropped.
    private static let waitingBytes = 256 * 1024
    /// A client must have said something within this time, and goes on saying something: allocations are refreshed.
    private static let silence = TimeAmount.seconds(3700)
    private static let firstSilence = TimeAmount.seconds(10)

    /// Bytes on their way from the relay's thread to the connections'. What comes on top is dropped.
    private static let handoverBytes = 8 << 20

    /// All connections are this loop's, so that what belongs to them needs no lock.
    private let eventLoop: any EventLoop
    private let table: NIOLoopBoundBox<ClientTable>
    private let handedOver = Atomic(0)

    init(perAddress: Int = TURNStreams.perAddress) {
        eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        table = NIOLoopBoundBox.makeBoxSendingValue(
            ClientTable(limit: Self.limit, perAddress: perAddress), eventLoop: eventLoop)
    }

    /// Binds what is a stream of the loop's listeners.
    func start(_ loop: RelayLoop, identity: Identity?, tls: Set<Wire.SocketAddress>) async throws {
        for (index, listener) in loop.listeners.enumerated() where listener.isStream {
            let isTLS = tls.contains(listener.address)
            let bootstrap = ServerBootstrap(group: eventLoop)
                .serverChannelOption(.backlog, value: 256)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
                // What one read brings goes to the relay in one piece, which is to stay small.
                .childChannelOption(.maxMessagesPerRead, value: 1)
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
                try await eventLoop.submit { self.table.value.listening.append(channel) }.get()
            } catch {
                _ = await stop()
                throw CommandFailure("\(listener.address) cannot be bound for TCP: \(error)")
            }
        }
    }

    /// Closes everything. What was refused and dropped since the beginning.
    func stop() async -> DropCounters {
        let end = eventLoop.submit { [table] in
            let all = table.value.listening + table.value.clients.compactMap(\.self)
            return (channels: all, drops: table.value.drops)
        }
        guard let (channels, drops) = try? await end.get() else { return DropCounters() }
        for channel in channels { try? await channel.close() }
        return drops
    }

    /// To clients, from the relay's thread; nothing happens where one is no more. False when too much is on its way
    /// already, and none of it went.
    func send(_ batch: [RelayLoop.StreamOutput]) -> Bool {
        let bytes = batch.reduce(0) { $0 + $1.bytes.count }
        guard handedOver.load(ordering: .relaxed) < Self.handoverBytes else { return false }
        handedOver.add(bytes, ordering: .relaxed)
        eventLoop.execute {
            self.write(batch)
            self.handedOver.subtract(bytes, ordering: .relaxed)
        }
        return true
    }

    /// One flush for each client, however much there is for it.
    private func write(_ batch: [RelayLoop.StreamOutput]) {
        var written: [any Channel] = []
        for output in batch {
            guard let channel = table.value.client(output.client) else { continue }
            guard channel.isWritable else {
                table.value.drops.count(.streamBacklogFull)
                continue
            }
            channel.write(ByteBuffer(bytes: output.bytes), promise: nil)
            if written.last !== channel { written.append(channel) }
        }
        for channel in written { channel.flush() }
    }

    /// The place of a new connection, on its loop; nil when it is one too many.
    fileprivate func add(_ channel: any Channel, _ client: Tuple) -> Int32? { table.value.add(channel, client) }

    fileprivate func remove(_ client: Tuple, at place: Int32) { table.value.remove(client, at: place) }
}

/// The connections, by a client's tuple. Lives on their event loop.
private struct ClientTable {
    private var places: SlotIndex<Tuple>
    private(set) var clients: [(any Channel)?] = []
    private var free: [Int32] = []
    private var budget: StreamBudget
    var listening: [any Channel] = []
    var drops = DropCounters()

    init(limit: Int, perAddress: Int) {
        places = SlotIndex(capacity: limit)
        budget = StreamBudget(limit: limit, perAddress: perAddress)
    }

    func client(_ tuple: Tuple) -> (any Channel)? { places.slot(for: tuple).flatMap { clients[Int($0)] } }

    mutating func add(_ channel: any Channel, _ client: Tuple) -> Int32? {
        do throws(DropReason) {
            try budget.take(client.remote.ip)
        } catch {
            drops.count(error)
            return nil
        }
        let place = free.popLast() ?? Int32(clients.count)
        if Int(place) == clients.count { clients.append(channel) } else { clients[Int(place)] = channel }
        // As many as the budget gives out fit.
        _ = places.set(client, to: place)
        return place
    }

    mutating func remove(_ client: Tuple, at place: Int32) {
        budget.giveBack(client.remote.ip)
        clients[Int(place)] = nil
        free.append(place)
        places.remove(client, ownedBy: place)
    }
}

/// One client's connection.
private final class StreamHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let streams: TURNStreams
    private let loop: RelayLoop
    private let listener: UInt8
    private let silence: TimeAmount
    private var framer = StreamFramer()
    private var client: (tuple: Tuple, place: Int32)?
    private var hasSpoken = false
    /// What the present read has brought.
    private var frames: [[UInt8]] = []

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
        guard let place = streams.add(context.channel, client) else { return context.close(promise: nil) }
        self.client = (client, place)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        guard let client else { return }
        self.client = nil
        streams.remove(client.tuple, at: client.place)
        _ = loop.send(.closed(client.tuple))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        framer.receive(Array(Self.unwrapInboundIn(data).readableBytesView))
        while let frame = framer.next() { frames.append(frame) }
        if framer.isBroken { context.close(promise: nil) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard let client, !frames.isEmpty else { return }
        speak(context)
        if !loop.send(.frames(frames, from: client.tuple)) { context.close(promise: nil) }
        frames = []
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
