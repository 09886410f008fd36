public import Wire

/// Which addresses a server relays to. Closed by default to everything that is not the public internet: whoever can
/// make a server send for them could else reach its neighbours, its host and the metadata service of its cloud
/// (CVE-2020-26262, CVE-2026-27624).
public struct PeerPolicy: Sendable {
    /// Relayed to although it is not ``Wire/IPAddress/isPublic``.
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
        return allowed.contains { $0.contains(peer) } || (!isRestricted && peer.isPublic)
    }
}
