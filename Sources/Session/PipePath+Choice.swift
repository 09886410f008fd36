import Wire

extension PipePath {
    /// The best pair of addresses between two ends; nil when they have no common address family.
    ///
    /// On one network stack the loopback address, else one that both have. Between two, addresses that
    /// share the longest prefix, for those are most likely on one network; never loopback or link-local,
    /// unless the ends have nothing else.
    public static func choose(from local: OpenedPipe, to remote: OpenedPipe) -> PipePath? {
        let isOneStack = !local.network.isEmpty && local.network == remote.network
        var best: (path: PipePath, score: Int)?
        for from in local.addresses.prefix(Limits.addressesPerPipe) {
            for to in remote.addresses.prefix(Limits.addressesPerPipe) {
                guard let first = SocketAddress(from), let second = SocketAddress(to),
                    let score = score(first.ip, second.ip, isOneStack: isOneStack)
                else { continue }
                if let best, best.score >= score { continue }
                best = (PipePath(local: from, remote: to), score)
            }
        }
        return best?.path
    }

    /// Nil for a pair that cannot work.
    private static func score(_ from: IPAddress, _ to: IPAddress, isOneStack: Bool) -> Int? {
        guard from.isIPv4 == to.isIPv4, from.isLoopback == to.isLoopback else { return nil }
        let family = from.isIPv4 ? 1 : 0
        if isOneStack { return (from == to ? 2000 : 0) + (from.isLoopback ? 1000 : 0) + family }
        guard !from.isLoopback else { return family }
        let isReachable = from.isLinkLocal == to.isLinkLocal && !from.isLinkLocal
        return 10 + (isReachable ? 1000 : 0) + 2 * commonPrefix(from, to) + family
    }

    /// Leading bits that both have: 0...32 or 0...128.
    private static func commonPrefix(_ one: IPAddress, _ two: IPAddress) -> Int {
        let high = (one.high ^ two.high).leadingZeroBitCount
        let low = (one.low ^ two.low).leadingZeroBitCount
        if one.isIPv4 { return max(0, low - 32) }
        return high < 64 ? high : 64 + low
    }
}
