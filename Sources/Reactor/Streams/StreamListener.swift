import CLinux
import STUN
import Synchronization
public import Wire

/// The TCP port of a worker (RFC 6544, passive candidates), which all its reactors share: the first of them accepts,
/// and a connection's first check tells, by its user fragment, whose it is.
public final class StreamListener: Sendable {
    /// One for each address, ports resolved.
    public let addresses: [SocketAddress]
    /// To be handed to another process.
    public let descriptors: [Int32]
    private let directory = Mutex(Directory())

    private struct Directory {
        var reactors: [UfragKey: Int] = [:]
        var mailboxes: [Int: Mailbox<ReactorCommand>] = [:]
    }

    /// Connections that the kernel holds for us.
    private static let backlog: Int32 = 256

    /// Listens on all `ips` at one port, the first of the range from `preferred` on that is free on every one.
    ///
    /// - Parameter setting: where the range comes from, for messages.
    public init(
        ips: [IPAddress], ports: ClosedRange<UInt16>, preferred: UInt16? = nil, setting: String = "media.tcp_ports"
    ) throws(SystemError) {
        let all = Array(ports)
        let start = preferred.flatMap { all.firstIndex(of: $0) } ?? 0
        var failure = SystemError(operation: "listen", code: 0)
        for port in all[start...] + all[..<start] {
            do throws(SystemError) {
                (descriptors, addresses) = try Self.listen(ips, port)
                return
            } catch {
                failure = error
            }
        }
        throw SystemError(
            operation: "no TCP port of \(ports.lowerBound)-\(ports.upperBound) (\(setting)) is free on every "
                + "address; the last \(failure.operation)", code: failure.code)
    }

    /// Takes over the listeners of another process, one for each of `ips`; nil where one of them is none.
    public init?(adopting descriptors: [Int32], ips: [IPAddress]) {
        guard descriptors.count == ips.count else { return nil }
        var addresses: [SocketAddress] = []
        for (descriptor, ip) in zip(descriptors, ips) {
            let port = apus_local_port(descriptor)
            guard port > 0 else { return nil }
            addresses.append(SocketAddress(ip: ip, port: UInt16(truncatingIfNeeded: port)))
        }
        self.descriptors = descriptors
        self.addresses = addresses
    }

    deinit { for descriptor in descriptors { apus_close(descriptor) } }

    private static func listen(_ ips: [IPAddress], _ port: UInt16) throws(SystemError) -> ([Int32], [SocketAddress]) {
        var descriptors: [Int32] = []
        var addresses: [SocketAddress] = []
        for ip in ips {
            var native = apus_address(SocketAddress(ip: ip, port: port))
            let descriptor = unsafe apus_stream_listen(&native, backlog)
            guard descriptor >= 0 else {
                for open in descriptors { apus_close(open) }
                throw SystemError(operation: "listen on \(SocketAddress(ip: ip, port: port))", code: -descriptor)
            }
            descriptors.append(descriptor)
            addresses.append(
                SocketAddress(ip: ip, port: UInt16(truncatingIfNeeded: apus_local_port(descriptor))))
        }
        return (descriptors, addresses)
    }

    // MARK: Whose a user fragment is. Asked once for each connection, told when an endpoint comes or goes.

    func note(_ ufrag: UfragKey, reactor: Int) { directory.withLock { $0.reactors[ufrag] = reactor } }

    func forget(_ ufrag: UfragKey) { directory.withLock { $0.reactors[ufrag] = nil } }

    func join(_ reactor: Int, _ mailbox: Mailbox<ReactorCommand>) {
        directory.withLock { $0.mailboxes[reactor] = mailbox }
    }

    /// To the reactor that has the peer of `ufrag`; false when nobody but `sender` has it.
    func handOver(_ stream: StreamHandover, for ufrag: UfragKey, from sender: Int) -> Bool {
        let mailbox = directory.withLock { directory in
            directory.reactors[ufrag].flatMap { $0 == sender ? nil : directory.mailboxes[$0] }
        }
        return mailbox?.send(.adopt(stream)) ?? false
    }
}

/// A connection on its way from the reactor that accepted it to the one that it is for. Closes its descriptor; who
/// takes the connection makes one of its own.
public final class StreamHandover: Sendable {
    let descriptor: Int32
    let tuple: Tuple
    /// What it has brought so far.
    let bytes: [UInt8]

    init(descriptor: Int32, tuple: Tuple, bytes: [UInt8]) {
        self.descriptor = descriptor
        self.tuple = tuple
        self.bytes = bytes
    }

    deinit { apus_close(descriptor) }
}
