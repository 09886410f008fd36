import CLinux
import Elements
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Reactor
import Settings
import TURN
import Wire
import Worker

/// A worker's HTTP port for uploads: `POST /upload/<token>`, one upload for each connection.
///
/// It takes no more of a body than is played, and says goodbye after the answer.
final class UploadServer: Sendable {
    /// Connections at one time, and of one address.
    static let connections = 512
    static let connectionsPerAddress = 64
    /// From a connection to the end of the request's head.
    static let headTime = TimeAmount.seconds(10)
    /// Bytes of one upload.
    static let bodyBytes: Int64 = 32 << 30
    /// What is read and thrown away behind an answer that came early, so that its receiver lives to read it (RFC 9112
    /// section 9.6), and how long.
    static let discardedBytes = 4 << 20
    static let discardingTime = TimeAmount.seconds(2)

    let desk: UploadDesk
    private let logger: Logger
    /// All connections are this loop's.
    private let eventLoop: any EventLoop
    private let table: NIOLoopBoundBox<Table>

    private struct Table {
        var budget = StreamBudget(limit: UploadServer.connections, perAddress: UploadServer.connectionsPerAddress)
        var listening: [any Channel] = []
    }

    /// Serves at the listener's sockets, and has the worker's elements name one of its addresses. Nil for a worker that
    /// takes no uploads.
    init?(
        _ configuration: WorkerConfiguration, _ listener: StreamListener?, settings: ClusterSettings, logger: Logger
    ) async throws {
        guard let listener, let engine = configuration.reactors.first?.elements as? MediaEngine else { return nil }
        desk = engine.uploads
        self.logger = logger
        eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        table = NIOLoopBoundBox.makeBoxSendingValue(Table(), eventLoop: eventLoop)
        try await start(listener, announced: try MediaAddresses.announced(settings.media))
    }

    private func start(_ listener: StreamListener, announced: [IPAddress: IPAddress]) async throws {
        let addresses = listener.addresses
        // Clients are elsewhere, unless there is nowhere else.
        let outward = addresses.filter { !$0.ip.isLoopback }
        let named = outward.first { $0.ip.isIPv4 } ?? outward.first ?? addresses.first { $0.ip.isIPv4 } ?? addresses[0]
        let bootstrap = ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 256)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: false)
                    try pipeline.addHandler(UploadHandler(self))
                }
            }
        for descriptor in listener.descriptors {
            // The listener keeps its own.
            let channel = try await bootstrap.withBoundSocket(apus_duplicate(descriptor)).get()
            try await eventLoop.submit { self.table.value.listening.append(channel) }.get()
        }
        let place = Wire.SocketAddress(ip: announced[named.ip] ?? named.ip, port: named.port)
        desk.open(at: "http://\(place)")
        logger.info("worker takes uploads", metadata: ["http": "\(place)"])
    }

    /// Takes no more connections.
    func stop() async {
        let channels = try? await eventLoop.submit { self.table.value.listening }.get()
        for channel in channels ?? [] { try? await channel.close() }
    }

    /// On the loop. False when it is one connection too many.
    func admit(_ ip: IPAddress) -> Bool {
        do throws(DropReason) {
            try table.value.budget.take(ip)
            return true
        } catch {
            return false
        }
    }

    func dismiss(_ ip: IPAddress) { table.value.budget.giveBack(ip) }
}
