public import Logging
import NIOCore
import NIOPosix

/// UDP sockets at which workers' direct heartbeats arrive. It hands on what comes, whoever it is from.
public final class HeartbeatListener: Sendable {
    private let channels: [any Channel]
    /// Where it listens: `192.0.2.1:40000`, `[2001:db8::1]:40000`.
    public let addresses: [String]

    /// Binds what can be bound: a controller that hears nothing judges workers by the store alone.
    ///
    /// - Parameters:
    ///   - hosts: local IP addresses.
    ///   - port: the same for all; 0 for any free one.
    ///   - receive: called with each datagram, one after the other for one address; must return soon.
    public init(
        _ hosts: [String], port: Int, logger: Logger, receive: @escaping @Sendable ([UInt8]) -> Void
    ) async {
        var channels: [any Channel] = []
        var addresses: [String] = []
        for host in hosts {
            let bootstrap = DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                // A longer datagram is no heartbeat: it comes cut off, and is dropped for its size.
                .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 512))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(HeartbeatHandler(receive))
                    }
                }
            do {
                let channel = try await bootstrap.bind(host: host, port: port).get()
                channels.append(channel)
                let bound = channel.localAddress?.port ?? port
                addresses.append(host.contains(":") ? "[\(host)]:\(bound)" : "\(host):\(bound)")
            } catch {
                logger.warning(
                    "no heartbeats are heard at this address",
                    metadata: ["address": "\(host)", "port": "\(port)", "error": "\(error)"])
            }
        }
        self.channels = channels
        self.addresses = addresses
    }

    public func close() async {
        for channel in channels { try? await channel.close() }
    }
}

private final class HeartbeatHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let receive: @Sendable ([UInt8]) -> Void

    init(_ receive: @escaping @Sendable ([UInt8]) -> Void) { self.receive = receive }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        receive(Array(unwrapInboundIn(data).data.readableBytesView))
    }

    /// Of one datagram; the socket goes on.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
