import CLinux
import Synchronization
public import Wire

/// UDP sockets that only send, a few datagrams a second: one for each address family, opened at its first use.
public final class DatagramSender: Sendable {
    private let sockets = Mutex<(ipv4: UDPSocket?, ipv6: UDPSocket?)>((nil, nil))

    public init() {}

    /// Returns at once. What cannot be sent is not: whoever waits for it cannot tell that from loss.
    public func send(_ bytes: [UInt8], to destination: SocketAddress) {
        sockets.withLock { sockets in
            let isIPv4 = destination.ip.isIPv4
            if isIPv4, sockets.ipv4 == nil { sockets.ipv4 = Self.open(IPAddress(ipv4: 0)) }
            if !isIPv4, sockets.ipv6 == nil { sockets.ipv6 = Self.open(IPAddress(ipv6High: 0, low: 0)) }
            guard let socket = isIPv4 ? sockets.ipv4 : sockets.ipv6 else { return }
            var native = apus_address(destination)
            let size = UInt32(truncatingIfNeeded: bytes.count)
            unsafe bytes.withUnsafeBytes { bytes in
                guard let base = bytes.baseAddress else { return }
                _ = unsafe apus_train_send(socket.descriptor, &native, base, bytes.count, size)
            }
        }
    }

    private static func open(_ any: IPAddress) -> UDPSocket? {
        try? UDPSocket(binding: SocketAddress(ip: any, port: 0), bufferSize: 64 << 10)
    }
}
