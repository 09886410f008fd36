public import Wire

/// Counts the connections of clients over TCP and TLS, in all and by address, and says when there are enough. Each is a
/// descriptor and memory before anybody has proved who they are.
public struct StreamBudget: Sendable {
    private let limit: Int
    private let perAddress: Int
    private var byNetwork: [IPAddress: Int] = [:]
    /// Connections at the moment.
    public private(set) var count = 0

    public init(limit: Int, perAddress: Int) {
        self.limit = limit
        self.perAddress = perAddress
    }

    /// One more connection from there, to be given back at its end.
    public mutating func take(_ address: IPAddress) throws(DropReason) {
        let network = Self.network(of: address)
        let own = byNetwork[network, default: 0]
        guard own < perAddress else { throw .turnTooManyFromAddress }
        guard count < limit else { throw .turnTooManyConnections }
        byNetwork[network] = own + 1
        count += 1
    }

    public mutating func giveBack(_ address: IPAddress) {
        let network = Self.network(of: address)
        guard let own = byNetwork[network] else { return }
        byNetwork[network] = own > 1 ? own - 1 : nil
        count -= 1
    }

    /// A /64 is one customer's.
    private static func network(of address: IPAddress) -> IPAddress {
        address.isIPv4 ? address : IPAddress(ipv6High: address.high, low: 0)
    }
}
