import NIOCore
import NIOPosix
import Wire

/// UDP sockets for the small commands that speak STUN: what arrives on any of them comes as one sequence.
final class DatagramSockets: Sendable {
    struct Arrival: Sendable {
        let socket: Int
        let source: Wire.SocketAddress
        let bytes: [UInt8]
    }

    /// Where each socket is bound.
    let locals: [Wire.SocketAddress]
    let arrivals: AsyncStream<Arrival>
    private let channels: [any Channel]

    /// Binds all or none. Port 0 is any free one.
    init(binding addresses: [Wire.SocketAddress]) async throws {
        let (stream, continuation) = AsyncStream.makeStream(of: Arrival.self, bufferingPolicy: .bufferingNewest(4096))
        arrivals = stream
        var opened: [any Channel] = []
        do {
            for (index, address) in addresses.enumerated() {
                let bootstrap = DatagramBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                    .channelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try channel.pipeline.syncOperations.addHandler(
                                ArrivalHandler(socket: index, continuation: continuation))
                        }
                    }
                let target = try NIOCore.SocketAddress(ipAddress: address.ip.description, port: Int(address.port))
                opened.append(try await bootstrap.bind(to: target).get())
            }
        } catch {
            for channel in opened { try? await channel.close() }
            throw error
        }
        channels = opened
        locals = zip(opened, addresses).map { channel, address in
            Wire.SocketAddress(ip: address.ip, port: UInt16(channel.localAddress?.port ?? Int(address.port)))
        }
    }

    func send(_ bytes: [UInt8], from socket: Int, to destination: Wire.SocketAddress) {
        guard
            let target = try? NIOCore.SocketAddress(
                ipAddress: destination.ip.description, port: Int(destination.port))
        else { return }
        let channel = channels[socket]
        channel.writeAndFlush(AddressedEnvelope(remoteAddress: target, data: ByteBuffer(bytes: bytes)), promise: nil)
    }

    func close() async {
        for channel in channels { try? await channel.close() }
    }

    /// The local address that leads to a remote one.
    static func localAddress(towards remote: Wire.SocketAddress) async throws -> IPAddress? {
        let target = try NIOCore.SocketAddress(ipAddress: remote.ip.description, port: Int(remote.port))
        let bootstrap = DatagramBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        let channel = try await bootstrap.connect(to: target).get()
        let local = channel.localAddress?.ipAddress.flatMap { IPAddress($0) }
        try await channel.close()
        return local
    }

    /// The first address of `host:port` or `[address]:port`.
    static func resolve(_ text: String, defaultPort: UInt16) throws -> Wire.SocketAddress {
        if let address = Wire.SocketAddress(text) { return address }
        if let ip = IPAddress(text) { return Wire.SocketAddress(ip: ip, port: defaultPort) }
        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
        let port = parts.count == 2 ? UInt16(parts[1]) : defaultPort
        guard let name = parts.first, let port else { throw CommandFailure("\(text) is no host:port") }
        guard let found = try? NIOCore.SocketAddress.makeAddressResolvingHost(name, port: Int(port)),
            let ip = found.ipAddress.flatMap({ IPAddress($0) })
        else { throw CommandFailure("\(name) has no address: is the name right, and is there a network?") }
        return Wire.SocketAddress(ip: ip, port: port)
    }
}

private final class ArrivalHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let socket: Int
    private let continuation: AsyncStream<DatagramSockets.Arrival>.Continuation

    init(socket: Int, continuation: AsyncStream<DatagramSockets.Arrival>.Continuation) {
        self.socket = socket
        self.continuation = continuation
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = Self.unwrapInboundIn(data)
        guard let ip = envelope.remoteAddress.ipAddress.flatMap({ IPAddress($0) }),
            let port = envelope.remoteAddress.port.flatMap({ UInt16(exactly: $0) })
        else { return }
        continuation.yield(
            DatagramSockets.Arrival(
                socket: socket, source: Wire.SocketAddress(ip: ip, port: port),
                bytes: Array(envelope.data.readableBytesView)))
    }
}
