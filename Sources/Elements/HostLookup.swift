import Glibc
import Wire

/// Where a host's name leads.
enum HostLookup {
    /// Whether every address of the host is one of the public internet. A host without address has none that is not;
    /// connecting to it fails by itself. Waits for the name server.
    static func isPublic(_ host: String) -> Bool {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(host, nil, &hints, &list) == 0 else { return true }
        defer { unsafe freeaddrinfo(list) }
        var next = unsafe list
        while let entry = unsafe next {
            guard let address = unsafe address(entry.pointee), address.isPublic else { return false }
            unsafe next = entry.pointee.ai_next
        }
        return true
    }

    private static func address(_ entry: addrinfo) -> IPAddress? {
        guard let raw = unsafe UnsafeRawPointer(entry.ai_addr) else { return nil }
        switch unsafe entry.ai_family {
        case AF_INET:
            let address = unsafe raw.loadUnaligned(as: sockaddr_in.self).sin_addr.s_addr
            return IPAddress(ipv4: UInt32(bigEndian: address))
        case AF_INET6:
            let offset = 8
            let high = unsafe raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let low = unsafe raw.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)
            return IPAddress(ipv6High: UInt64(bigEndian: high), low: UInt64(bigEndian: low))
        default: return nil
        }
    }
}
