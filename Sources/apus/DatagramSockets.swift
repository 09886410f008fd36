import NIOCore
import NIOPosix
import Reactor
import Wire

/// UDP sockets for the small commands that speak STUN: what arrives on any of them comes as one sequence.
final class DatagramSockets: Sendable {
    struct Arrival: Sendable {
        let socket: Int
        let source: Wire.SocketAddress
        let bytes: [UInt8]
    }

    let arrivals: AsyncStream<Arrival>
    private let loop: DatagramLoop

    /// Binds all or none. Port 0 is any free one.
    init(binding addresses: [Wire.SocketAddress]) throws {
        let (stream, continuation) = AsyncStream.makeStream(of: Arrival.self, bufferingPolicy: .bufferingNewest(4096))
        arrivals = stream
        loop = try DatagramLoop(binding: addresses) { bytes, tuple in
            continuation.yield(Arrival(socket: Int(tuple.socket), source: tuple.remote, bytes: bytes))
        }
    }

    /// Where each socket is bound.
    var locals: [Wire.SocketAddress] { loop.locals }

    func send(_ bytes: [UInt8], from socket: Int, to destination: Wire.SocketAddress) {
        loop.send(bytes, to: Tuple(socket: UInt8(socket), remote: destination))
    }

    func close() { loop.close() }

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
