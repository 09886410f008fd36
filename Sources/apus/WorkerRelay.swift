import Foundation
import Logging
import Reactor
import Settings
import TURN
import Wire

/// The TURN server inside a worker: for clients that reach the worker by TCP only. It relays to media addresses of its
/// own host and to nobody else.
struct WorkerRelay: Sendable {
    private let loop: RelayLoop
    private let streams: TURNStreams
    private let logger: Logger

    /// How long a credential makes new allocations; one that there is goes on.
    private static let lifetime: Int64 = 86_400

    /// Nil when the settings want none.
    init?(index: Int, settings: ClusterSettings, logger: Logger) async throws {
        guard settings.turn.port > 0 else { return nil }
        let port = UInt16(clamping: settings.turn.port + index)
        let addresses = try MediaAddresses.onThisHost(settings.media)
        let plain = addresses.map { SocketAddress(ip: $0, port: port) }
        var configuration = ServerConfiguration(
            listeners: plain.map { .init(address: $0) } + plain.map { .init(address: $0, isStream: true) })
        configuration.relayIPv4 = addresses.first { $0.isIPv4 }
        configuration.relayIPv6 = addresses.first { !$0.isIPv4 }
        configuration.secrets = [settings.turn.secret]
        configuration.unixTimeAtOrigin = Self.unixTime - Int64(HostClock.now.nanoseconds / 1_000_000_000)
        configuration.peers.isRestricted = true
        let announced = try MediaAddresses.announced(settings.media)
        configuration.peers.allowed = (addresses + addresses.compactMap { announced[$0] }).compactMap {
            AddressRange($0, length: $0.isIPv4 ? 32 : 128)
        }
        let streams = TURNStreams(perAddress: settings.turn.connectionsPerAddress)
        self.streams = streams
        self.logger = logger
        do {
            loop = try RelayLoop(configuration) { streams.send($0) }
        } catch {
            throw CommandFailure("turn.port: the TURN server cannot start at port \(port): \(error)")
        }
        do {
            try await streams.start(loop, identity: nil, tls: [])
        } catch {
            await loop.stop()
            throw error
        }
        logger.info("worker relays", metadata: ["turn": "\(plain.map(\.description).joined(separator: ", "))"])
    }

    func stop() async {
        let drops = await streams.stop()
        for reason in DropReason.allCases where drops[reason] > 0 {
            logger.notice("the relay refused clients", metadata: ["\(reason.label)": "\(drops[reason])"])
        }
        await loop.stop()
    }

    private static var unixTime: Int64 { Int64(HostClock.wallClock / 1_000_000_000) }

    /// `Link` values with a credential made now (RFC 9725 section 4.6). By TCP alone: who can use UDP needs no relay to
    /// reach a server.
    static func links(_ settings: TURNSettings, workers: Int) -> [String] {
        let username = "\(unixTime + lifetime):whip"
        let password = LongTermCredential.temporaryPassword(username: username, secret: settings.secret)
        return settings.hosts.flatMap { host in
            (0..<workers).map { index in
                "<turn:\(host):\(settings.port + index)?transport=tcp>; rel=\"ice-server\"; username=\"\(username)\"; "
                    + "credential=\"\(password)\"; credential-type=\"password\""
            }
        }
    }
}
