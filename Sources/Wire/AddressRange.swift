/// A network in CIDR form, such as 10.0.0.0/8 or 2001:db8::/32.
public struct AddressRange: Hashable, Sendable, CustomStringConvertible {
    public let base: IPAddress
    /// Leading bits that count.
    public let length: Int

    /// Nil when the length is not one of the family's.
    public init?(_ base: IPAddress, length: Int) {
        guard (0...(base.isIPv4 ? 32 : 128)).contains(length) else { return nil }
        self.base = base
        self.length = length
    }

    /// `address/length`, or an address alone. Nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let base = IPAddress(parts[0]) else { return nil }
        guard parts.count == 2 else {
            self.init(base, length: base.isIPv4 ? 32 : 128)
            return
        }
        guard (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy({ (48...57).contains($0) }),
            let length = Int(parts[1])
        else { return nil }
        self.init(base, length: length)
    }

    public func contains(_ address: IPAddress) -> Bool {
        guard address.isIPv4 == base.isIPv4 else { return false }
        guard length > 0 else { return true }
        if base.isIPv4 { return (address.low ^ base.low) >> UInt64(32 - length) == 0 }
        if length <= 64 { return (address.high ^ base.high) >> UInt64(64 - length) == 0 }
        return address.high == base.high && (address.low ^ base.low) >> UInt64(128 - length) == 0
    }

    public var description: String { "\(base)/\(length)" }
}
