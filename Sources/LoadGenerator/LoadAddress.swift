import CLinux
public import Wire

/// Addresses of this host.
public enum LoadAddress {
    /// The address that packets to `remote` leave from; nil when there is no way to it.
    public static func towards(_ remote: IPAddress) -> IPAddress? {
        var native = apus_address(SocketAddress(ip: remote, port: 9))
        var source = apus_address()
        guard unsafe apus_source_towards(&native, &source) == 0 else { return nil }
        return source.socketAddress.ip
    }
}
