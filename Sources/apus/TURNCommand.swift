import ArgumentParser
import Foundation
import Reactor
import Settings
import TURN
import Wire

/// `apus turn`: a TURN server.
struct TURNCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "turn", abstract: "Run a TURN server, for clients that no direct path leads to.",
        discussion: """
            Examples:
              apus turn --user alice:secret
              apus turn --listen 203.0.113.1:3478 --secret-file turn.secret --realm example.org
              apus turn --listen 10.0.0.5:3478 --external-ip 203.0.113.1 --tls-listen 10.0.0.5:5349 \\
                --certificate cert.pem --key key.pem --secret-file turn.secret
            Clients come over UDP and TCP at --listen and over TLS at --tls-listen; to peers it relays over UDP. With a
            secret, credentials are made for a time: the user name is `unix-time:name`, the password base64 of
            HMAC-SHA1 over it. Peers at loopback, private, link-local and other special addresses are refused unless
            --allow-peer names them. Ctrl-C ends it.
            """)

    @Option(name: .customLong("listen"), help: "Address and port for clients over UDP and TCP; may be repeated.")
    var listeners: [String] = []
    @Option(name: .customLong("tls-listen"), help: "Address and port for clients over TLS; may be repeated.")
    var tlsListeners: [String] = []
    @Option(help: "The certificate chain for TLS, in PEM.") var certificate: String?
    @Option(help: "The certificate's key, in PEM.") var key: String?
    @Option(help: "Where relayed addresses are; one for each family. Without: where clients come to.")
    var relayIp: [String] = []
    @Option(
        help: "What clients are told instead of --relay-ip, where a one-to-one NAT is in front; one for each family.")
    var externalIp: [String] = []
    @Option(help: "Ports of relayed addresses.") var relayPorts = "49152-65535"
    @Option(help: "The realm of the credentials.") var realm = "apus"
    @Option(name: .customLong("user"), help: "name:password of a client; may be repeated.") var users: [String] = []
    @Option(
        help:
            "A file whose lines are secrets of temporary credentials; the first lines' credentials count as the last's."
    )
    var secretFile: String?
    @Option(help: "Peers at this address or network, such as 10.1.0.0/16, are relayed to; may be repeated.")
    var allowPeer: [String] = []
    @Option(help: "Peers there are never relayed to; may be repeated.") var denyPeer: [String] = []
    @Option(help: "Allocations at one time.") var allocations = 4096
    @Option(help: "Allocations of one user at one time.") var allocationsPerUser = 128
    @Option(help: "Connections over TCP and TLS that one address, or one IPv6 /64, may have at one time.")
    var connectionsPerAddress = TURNStreams.perAddress
    @Option(help: "The longest lifetime of an allocation, in seconds, before it must be refreshed.")
    var maxLifetime: UInt32 = 3600
    @Option(help: "Bytes per second that an allocation may relay, each way. Without: no limit.")
    var bytesPerSecond: Int64?

    func validate() throws {
        guard (1...65_536).contains(allocations) else { throw ValidationError("--allocations takes 1 to 65536") }
        guard allocationsPerUser > 0 else { throw ValidationError("--allocations-per-user takes 1 and more") }
        guard (1...TURNStreams.limit).contains(connectionsPerAddress) else {
            throw ValidationError("--connections-per-address takes 1 to \(TURNStreams.limit)")
        }
        guard (600...86_400).contains(maxLifetime) else { throw ValidationError("--max-lifetime takes 600 to 86400") }
        guard bytesPerSecond.map({ (1000...1_000_000_000_000).contains($0) }) ?? true else {
            throw ValidationError("--bytes-per-second takes 1000 to 1000000000000")
        }
        guard tlsListeners.isEmpty || (certificate != nil && key != nil) else {
            throw ValidationError("--tls-listen needs --certificate and --key")
        }
        guard (1...64).contains(realm.utf8.count) else { throw ValidationError("--realm takes 1 to 64 bytes") }
    }

    func run() async throws {
        var configuration = try makeConfiguration()
        let identity = try tlsListeners.isEmpty ? nil : TURNStreams.Identity(certificate: certificate, key: key)
        let streams = TURNStreams(perAddress: connectionsPerAddress)
        let loop: RelayLoop
        do {
            loop = try RelayLoop(configuration) { streams.send($0) }
        } catch {
            throw CommandFailure("the TURN server cannot start: \(error)")
        }
        configuration.listeners = loop.listeners
        do {
            try await streams.start(loop, identity: identity, tls: Set(tlsListeners.compactMap { SocketAddress($0) }))
        } catch {
            await loop.stop()
            throw error
        }
        for listener in configuration.listeners {
            let isTLS = tlsListeners.contains { SocketAddress($0) == listener.address }
            Terminal.line("TURN at \(listener.address) over \(listener.isStream ? (isTLS ? "TLS" : "TCP") : "UDP")")
        }
        try await runUntilSignal { try await Task.sleep(for: .seconds(86_400 * 365)) }
        var statistics = await loop.statistics()
        statistics?.drops.add(await streams.stop())
        await loop.stop()
        if let statistics { Terminal.line(Self.describe(statistics)) }
    }

    private static func describe(_ statistics: RelayLoop.Statistics) -> String {
        let drops = DropReason.allCases.filter { statistics.drops[$0] > 0 }.map {
            "\($0.label) \(statistics.drops[$0])"
        }
        return "relayed \(statistics.toPeers) datagrams (\(statistics.bytesToPeers) bytes) to peers and "
            + "\(statistics.toClients) (\(statistics.bytesToClients) bytes) to clients; "
            + (drops.isEmpty ? "nothing dropped" : "dropped: \(drops.joined(separator: ", "))")
    }

    // MARK: Options

    private func makeConfiguration() throws -> ServerConfiguration {
        let plain = try (listeners.isEmpty ? ["0.0.0.0:3478"] : listeners).map { try Self.address($0, "--listen") }
        let tls = try tlsListeners.map { try Self.address($0, "--tls-listen") }
        guard plain.count * 2 + tls.count <= 64 else { throw ValidationError("--listen: 64 listeners are the most") }
        var configuration = ServerConfiguration(
            listeners: plain.map { .init(address: $0) } + plain.map { .init(address: $0, isStream: true) }
                + tls.map { .init(address: $0, isStream: true) })
        for text in relayIp {
            guard let ip = IPAddress(text), !ip.isUnspecified else {
                throw ValidationError("--relay-ip takes an address of this host, not \(text)")
            }
            if ip.isIPv4 { configuration.relayIPv4 = ip } else { configuration.relayIPv6 = ip }
        }
        if relayIp.isEmpty { try chooseRelays(plain + tls, &configuration) }
        for text in externalIp {
            guard let ip = IPAddress(text) else { throw ValidationError("--external-ip takes an address, not \(text)") }
            if ip.isIPv4 { configuration.advertisedIPv4 = ip } else { configuration.advertisedIPv6 = ip }
        }
        configuration.relayPorts = try ports()
        configuration.realm = realm
        configuration.users = try parseUsers()
        configuration.secrets = try readSecrets()
        guard !configuration.users.isEmpty || !configuration.secrets.isEmpty else {
            throw ValidationError("nobody may use it yet: give --user name:password or --secret-file")
        }
        configuration.unixTimeAtOrigin =
            Int64(HostClock.wallClock / 1_000_000_000) - Int64(HostClock.now.nanoseconds / 1_000_000_000)
        configuration.peers = PeerPolicy(
            allowed: try allowPeer.map { try Self.range($0, "--allow-peer") },
            denied: try denyPeer.map { try Self.range($0, "--deny-peer") })
        configuration.allocations = allocations
        configuration.allocationsPerUser = allocationsPerUser
        configuration.maximumLifetime = maxLifetime
        configuration.bytesPerSecond = bytesPerSecond
        return configuration
    }

    /// The addresses that clients come to, or of this host where that is any.
    private func chooseRelays(_ listeners: [SocketAddress], _ configuration: inout ServerConfiguration) throws {
        var candidates = listeners.map(\.ip).filter { !$0.isUnspecified }
        if candidates.isEmpty { candidates = try MediaAddresses.onThisHost(.init()) }
        configuration.relayIPv4 = candidates.first { $0.isIPv4 }
        configuration.relayIPv6 = candidates.first { !$0.isIPv4 }
    }

    private func ports() throws -> ClosedRange<UInt16> {
        let parts = relayPorts.split(separator: "-").compactMap { UInt16($0) }
        guard parts.count == 2, parts[0] >= 1024, parts[0] < parts[1] else {
            throw ValidationError("--relay-ports takes first-last, from 1024 on, not \(relayPorts)")
        }
        return parts[0]...parts[1]
    }

    private func parseUsers() throws -> [String: String] {
        var passwords: [String: String] = [:]
        for user in users {
            guard let colon = user.lastIndex(of: ":"), colon > user.startIndex,
                user.index(after: colon) < user.endIndex,
                user.utf8.count <= 256
            else { throw ValidationError("--user takes name:password") }
            passwords[String(user[..<colon])] = String(user[user.index(after: colon)...])
        }
        return passwords
    }

    private func readSecrets() throws -> [String] {
        guard let secretFile else { return [] }
        guard let text = try? String(contentsOf: URL(filePath: secretFile), encoding: .utf8) else {
            throw CommandFailure("--secret-file: \(secretFile) cannot be read")
        }
        let secrets = text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty }
        guard !secrets.isEmpty, secrets.allSatisfy({ $0.utf8.count >= 16 }) else {
            throw CommandFailure("--secret-file: \(secretFile) needs a line of 16 bytes or more, and none shorter")
        }
        return secrets
    }

    private static func address(_ text: String, _ option: String) throws -> SocketAddress {
        guard let address = SocketAddress(text) else {
            throw ValidationError("\(option) takes address:port, such as 0.0.0.0:3478, not \(text)")
        }
        return address
    }

    private static func range(_ text: String, _ option: String) throws -> AddressRange {
        guard let range = AddressRange(text) else {
            throw ValidationError("\(option) takes an address or a network, such as 10.1.0.0/16, not \(text)")
        }
        return range
    }
}
