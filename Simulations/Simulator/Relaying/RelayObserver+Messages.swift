import STUN
import Wire

/// What clients and server say to each other.
extension RelayObserver {
    mutating func take(_ frame: [UInt8], from key: ClientKey, _ now: Instant) {
        guard var client = clients.removeValue(forKey: key) else { return }
        defer { clients[key] = client }
        if let text = client.takeFromClient(frame, now) { violate(text) }
    }

    mutating func take(_ frame: [UInt8], to key: ClientKey, _ now: Instant) {
        guard var client = clients.removeValue(forKey: key) else { return }
        defer { clients[key] = client }
        switch client.takeFromServer(frame, now) {
        case .nothing: break
        case .data(let bytes, let violation):
            counters.toClients.datagrams += 1
            counters.toClients.bytes += bytes
            if let violation { violate(violation) }
        case .granted(let purpose, let lifetime, let relayed):
            grant(purpose, lifetime, relayed, to: &client, key, now)
        }
    }

    private mutating func grant(
        _ purpose: RelayedClient.Purpose, _ lifetime: UInt32?, _ relayed: SocketAddress?,
        to client: inout RelayedClient, _ key: ClientKey, _ now: Instant
    ) {
        switch purpose {
        case .allocate(let wanted): allocate(relayed, lifetime, wanted, to: &client, key, now)
        case .refresh:
            let seconds = lifetime ?? 0
            checkLifetime(seconds, atLeast: 0)
            client.allocation?.expiry = now + .seconds(Int64(seconds))
            counters.allocationRefreshes += seconds > 0 ? 1 : 0
            guard seconds == 0, let relayed = client.allocation?.relayed else { return }
            if owners[relayed] == key { owners[relayed] = nil }
            client.allocation = nil
        case .permission(let addresses):
            for address in addresses { permit(address, &client, now) }
        case .channel(let number, let peer):
            permit(peer.ip, &client, now)
            bind(number, peer, &client, now)
        }
    }

    private mutating func allocate(
        _ relayed: SocketAddress?, _ lifetime: UInt32?, _ wanted: UInt32?, to client: inout RelayedClient,
        _ key: ClientKey, _ now: Instant
    ) {
        guard let relayed, let lifetime else { return violate("an allocation without address or lifetime") }
        checkLifetime(lifetime, atLeast: 1)
        if wanted == nil, lifetime != Self.defaultLifetime {
            violate("an allocation of \(lifetime) s for a client that did not ask for a time")
        }
        // The answer to a request that came twice.
        if client.allocation?.relayed == relayed, client.allocation?.isLive(now) == true { return }
        if let owner = owners[relayed], owner != key, let other = clients[owner], other.carrier == .udp,
            other.allocation?.isLive(now) == true
        {
            violate("\(relayed) was given to two clients")
        }
        counters.allocations += 1
        owners[relayed] = key
        client.allocation = RelayedClient.Allocation(relayed: relayed, expiry: now + .seconds(Int64(lifetime)))
    }

    private mutating func checkLifetime(_ lifetime: UInt32, atLeast minimum: UInt32) {
        if lifetime < minimum || lifetime > Self.maximumLifetime { violate("a lifetime of \(lifetime) s") }
    }

    private mutating func permit(_ ip: IPAddress, _ client: inout RelayedClient, _ now: Instant) {
        guard client.allocation != nil else { return violate("a permission without an allocation") }
        let isRefresh = client.allocation?.permissions[ip].map { now < $0 } ?? false
        client.allocation?.permissions[ip] = now + Self.permissionLifetime
        if isRefresh { counters.permissionRefreshes += 1 } else { counters.permissions += 1 }
    }

    private mutating func bind(_ number: UInt16, _ peer: SocketAddress, _ client: inout RelayedClient, _ now: Instant) {
        let known = client.allocation?.channels[number]
        let isBound = known.map { now < $0.expiry } ?? false
        if let known, isBound, known.peer != peer {
            violate("channel \(number) was bound to \(known.peer), and is given to \(peer)")
        }
        client.allocation?.channels[number] = (peer, now + Self.channelLifetime)
        if isBound { counters.channelRefreshes += 1 } else { counters.channels += 1 }
    }
}
