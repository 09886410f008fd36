public import Wire

/// Which of one host's candidates come first (RFC 8421).
extension Candidate {
    /// Places of local addresses by preference, in the order of `addresses`; 0 is the best.
    ///
    /// Families take turns, IPv6 first, so that one that leads nowhere costs one check for each that works (section 4;
    /// the section's own example has several IPv6 addresses in a row, which costs more). Within a family the order
    /// stays: who lists addresses lets their interfaces take turns. Loopback is of use to this host alone, and last.
    public static func ranks(of addresses: [IPAddress]) -> [UInt8] {
        let indices = addresses.indices
        let families = [false, true].map { isIPv4 in
            indices.filter { addresses[$0].isIPv4 == isIPv4 && !addresses[$0].isLoopback }
        }
        var order: [Int] = []
        for turn in 0..<max(families[0].count, families[1].count) {
            for family in families where turn < family.count { order.append(family[turn]) }
        }
        order += indices.filter { addresses[$0].isLoopback }
        var ranks = [UInt8](repeating: 0, count: addresses.count)
        for (rank, index) in order.enumerated() { ranks[index] = UInt8(clamping: rank) }
        return ranks
    }

    /// Host candidates of one transport, of the sockets from number `first` on, ranked among each other.
    public static func hosts(
        _ addresses: [SocketAddress], firstSocket first: Int = 0, transport: CandidateTransport = .udp
    ) -> [Candidate] {
        zip(addresses, ranks(of: addresses.map(\.ip))).enumerated().map { offset, entry in
            host(
                address: entry.0, socket: UInt8(clamping: first + offset), transport: transport, rank: entry.1)
        }
    }

    /// What ``ranks(of:)`` gave the host candidate: what it and those that base on it have in common.
    var rank: UInt8 {
        let local = priority >> 8 & 0xFFFF
        return UInt8(clamping: transport.isStream ? 8191 - Int(local & 0x1FFF) : 65_535 - Int(local))
    }
}
