public import Wire

/// Which addresses a server relays to. Closed by default to everything that is not the public internet: whoever can
/// make a server send for them could else reach its neighbours, its host and the metadata service of its cloud
/// (CVE-2020-26262, CVE-2026-27624).
public struct PeerPolicy: Sendable {
    /// Relayed to although ``isPublic(_:)`` says no.
    public var allowed: [AddressRange]
    /// Never relayed to, whatever else allows it.
    public var denied: [AddressRange]
    /// Nothing but ``allowed`` is relayed to, not the public internet either.
    public var isRestricted = false

    public init(allowed: [AddressRange] = [], denied: [AddressRange] = []) {
        self.allowed = allowed
        self.denied = denied
    }

    public func admits(_ peer: IPAddress) -> Bool {
        guard !denied.contains(where: { $0.contains(peer) }) else { return false }
        return allowed.contains { $0.contains(peer) } || (!isRestricted && Self.isPublic(peer))
    }

    /// Whether an address is of the public internet, also in what it carries inside: a mapped or translated address is
    /// judged by the IPv4 address that it stands for.
    public static func isPublic(_ address: IPAddress) -> Bool {
        if let inner = embedded(in: address) { return isPublic(inner) }
        guard !address.isLoopback, !address.isUnspecified, !address.isMulticast, !address.isLinkLocal,
            !address.isPrivate, !address.isBroadcast
        else { return false }
        return !special.contains { $0.contains(address) }
    }

    /// IANA's special-purpose registries (RFC 6890) where ``Wire/IPAddress`` has no word for them. The documentation
    /// networks are left in: nobody is there.
    private static let special: [AddressRange] = [
        "0.0.0.0/8", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4", "100.100.100.200",
        "::/96", "64:ff9b:1::/48", "100::/64", "fec0::/10", "2001::/32", "5f00::/16",
    ].compactMap { AddressRange($0) }

    /// The IPv4 address inside NAT64's well-known prefix (RFC 6052), 6to4 (RFC 3056) and the IPv4-compatible form.
    private static func embedded(in address: IPAddress) -> IPAddress? {
        guard !address.isIPv4 else { return nil }
        if address.high == 0x0064_FF9B_0000_0000, address.low >> 32 == 0 {
            return IPAddress(ipv4: UInt32(truncatingIfNeeded: address.low))
        }
        if address.high >> 48 == 0x2002 { return IPAddress(ipv4: UInt32(truncatingIfNeeded: address.high >> 16)) }
        return nil
    }
}
