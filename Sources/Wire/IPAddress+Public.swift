extension IPAddress {
    /// Whether the address is of the public internet, also in what it carries inside: a mapped or translated address is
    /// judged by the IPv4 address that it stands for.
    public var isPublic: Bool {
        if let embedded { return embedded.isPublic }
        guard !isLoopback, !isUnspecified, !isMulticast, !isLinkLocal, !isPrivate, !isBroadcast else { return false }
        return !Self.special.contains { $0.contains(self) }
    }

    /// IANA's special-purpose registries (RFC 6890) where there is no word for them here. The documentation networks
    /// are left in: nobody is there.
    private static let special: [AddressRange] = [
        "0.0.0.0/8", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4", "100.100.100.200",
        "::/96", "64:ff9b:1::/48", "100::/64", "fec0::/10", "2001::/32", "5f00::/16",
    ].compactMap { AddressRange($0) }

    /// The IPv4 address inside NAT64's well-known prefix (RFC 6052) and 6to4 (RFC 3056).
    private var embedded: IPAddress? {
        guard !isIPv4 else { return nil }
        if high == 0x0064_FF9B_0000_0000, low >> 32 == 0 { return IPAddress(ipv4: UInt32(truncatingIfNeeded: low)) }
        if high >> 48 == 0x2002 { return IPAddress(ipv4: UInt32(truncatingIfNeeded: high >> 16)) }
        return nil
    }
}
