import CLinux
import Glibc
public import Wire

/// A system call that failed, with its errno.
public struct SystemError: Error, Sendable, CustomStringConvertible {
    public let operation: String
    public let code: Int32

    public var description: String { "\(operation) failed: \(unsafe String(cString: strerror(code)))" }
}

/// A non-blocking UDP socket on one local address: one host candidate.
public final class UDPSocket: Sendable {
    /// To be handed to another process.
    public let descriptor: Int32
    public let local: SocketAddress

    /// Socket buffers in bytes: 4 MiB holds about 40 ms of a full gigabit.
    public static let bufferSize: Int32 = 4 << 20

    /// Binds `address`; port 0 lets the kernel choose.
    public init(binding address: SocketAddress, bufferSize: Int32 = UDPSocket.bufferSize) throws(SystemError) {
        var native = apus_address(address)
        let fd = unsafe apus_udp_open(&native, bufferSize, bufferSize)
        guard fd >= 0 else { throw SystemError(operation: "bind \(address)", code: -fd) }
        let port = apus_local_port(fd)
        guard port > 0 else {
            apus_close(fd)
            throw SystemError(operation: "getsockname", code: -port)
        }
        descriptor = fd
        local = SocketAddress(ip: address.ip, port: UInt16(truncatingIfNeeded: port))
    }

    /// Takes over a socket that another process bound; nil where it is none.
    public init?(adopting descriptor: Int32, ip: IPAddress) {
        let port = apus_local_port(descriptor)
        guard port > 0 else { return nil }
        self.descriptor = descriptor
        local = SocketAddress(ip: ip, port: UInt16(truncatingIfNeeded: port))
    }

    /// Owns a socket that is open already.
    init(taking descriptor: Int32, local: SocketAddress) {
        self.descriptor = descriptor
        self.local = local
    }

    deinit { apus_close(descriptor) }
}

extension apus_address {
    init(_ address: SocketAddress) {
        self.init(
            high: address.ip.high, low: address.ip.low, port: address.port, is_ipv4: address.ip.isIPv4 ? 1 : 0)
    }

    var socketAddress: SocketAddress {
        let ip =
            is_ipv4 != 0
            ? IPAddress(ipv4: UInt32(truncatingIfNeeded: low)) : IPAddress(ipv6High: high, low: low)
        return SocketAddress(ip: ip, port: port)
    }
}
