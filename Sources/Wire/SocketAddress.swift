/// An IPv4 or IPv6 address. Plain data; IPv4-mapped IPv6 addresses are normalised to IPv4 on entry,
/// so that no filter can be passed by writing 127.0.0.1 as ::ffff:127.0.0.1.
public struct IPAddress: Hashable, Sendable, BitwiseCopyable {
    /// The address as 128 bits in network order; IPv4 sits in the low 32 bits of `low`.
    public let high: UInt64
    public let low: UInt64
    public let isIPv4: Bool

    @inlinable public init(ipv4 value: UInt32) {
        high = 0
        low = UInt64(value)
        isIPv4 = true
    }

    @inlinable public init(ipv6High: UInt64, low: UInt64) {
        let isMapped = ipv6High == 0 && low >> 32 == 0xFFFF
        high = ipv6High
        self.low = isMapped ? low & 0xFFFF_FFFF : low
        isIPv4 = isMapped
    }

    public var isLoopback: Bool { isIPv4 ? low >> 24 == 127 : high == 0 && low == 1 }
    public var isUnspecified: Bool { high == 0 && low == 0 }
    public var isMulticast: Bool { isIPv4 ? low >> 28 == 0xE : high >> 56 == 0xFF }
    public var isLinkLocal: Bool { isIPv4 ? low >> 16 == 0xA9FE : high >> 54 == 0x3FA }
    /// 255.255.255.255, the limited broadcast.
    public var isBroadcast: Bool { isIPv4 && low == 0xFFFF_FFFF }
    /// RFC 1918, RFC 6598 (shared) and RFC 4193 (unique local) ranges.
    public var isPrivate: Bool {
        guard isIPv4 else { return high >> 57 == 0x7E }
        return low >> 24 == 10 || low >> 20 == 0xAC1 || low >> 16 == 0xC0A8 || low >> 22 == 0x191
    }
}

/// An address and a UDP or TCP port. 24 bytes of plain data.
public struct SocketAddress: Hashable, Sendable, BitwiseCopyable {
    public var ip: IPAddress
    public var port: UInt16

    @inlinable public init(ip: IPAddress, port: UInt16) {
        self.ip = ip
        self.port = port
    }
}

/// One path to a peer: the reactor's socket, by index, and the peer's address.
public struct Tuple: Hashable, Sendable, BitwiseCopyable {
    /// Index of the local socket in the reactor's list, which is also the index of its candidate.
    public var socket: UInt8
    public var remote: SocketAddress

    @inlinable public init(socket: UInt8, remote: SocketAddress) {
        self.socket = socket
        self.remote = remote
    }
}
