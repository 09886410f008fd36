import STUN
public import Wire

/// Allocations: how they come (RFC 8656 section 7), stay (section 8) and go.
extension Server {
    mutating func allocate(
        _ request: borrowing Message, _ client: Tuple, _ identity: Identity, _ now: Instant
    ) {
        if let known = clients.slot(for: client) {
            // The answer was lost on the way, or is not there yet.
            guard allocations[known].request.id == request.transactionID else {
                return refuse(request, client, .allocationMismatch, identity)
            }
            if allocations[known].opening == 0 { confirm(known) }
            return
        }
        guard let wish = Wish(request) else { return refuse(request, client, .badRequest, identity) }
        if let code = objection(to: wish, identity) { return refuse(request, client, code, identity) }
        let lifetime = self.lifetime(request.lifetime)
        let token: UInt64? = wish.reservesNext ? random.next() : nil
        let missing = wish.additionalIPv6 && configuration.relayIPv6 == nil
        let allocation = Allocation(
            client: client, username: identity.username, key: identity.key,
            request: Allocation.Request(
                id: request.transactionID, lifetime: lifetime, hasFingerprint: request.has(.fingerprint), token: token,
                refusedFamily: missing ? .addressFamilyNotSupported : nil),
            expiry: now + .seconds(Int64(lifetime)),
            toPeers: ByteBudget(rate: configuration.bytesPerSecond, now: now),
            toClient: ByteBudget(rate: configuration.bytesPerSecond, now: now))
        let index = allocations.insert(allocation)
        _ = clients.set(client, to: index)
        allocationsByUser[identity.username, default: 0] += 1
        if nextSweep == .distantFuture { nextSweep = now + Limits.sweepInterval }
        if let token = wish.reservation, let reserved = reservation(token) {
            relays[reserved].owner = .allocation(index)
            setRelay(reserved, of: index)
            return confirm(index)
        }
        openRelays(of: index, wish, token)
    }

    /// What an Allocate asks for; nil when its parts contradict each other (section 7.2).
    private struct Wish {
        var isIPv6 = false
        var additionalIPv6 = false
        var isEven = false
        var reservesNext = false
        var reservation: UInt64?
        var transport: UInt8
        var isFamilyKnown = true

        init?(_ request: borrowing Message) {
            guard let transport = request.requestedTransport else { return nil }
            self.transport = transport
            if let family = request.requestedAddressFamily {
                isIPv6 = family == 2
                isFamilyKnown = family == 1 || family == 2
            }
            if let family = request.additionalAddressFamily {
                guard family == 2, !request.has(.requestedAddressFamily) else { return nil }
                additionalIPv6 = true
            }
            (isEven, reservesNext) = request.evenPort
            reservation = request.reservationToken
            let isReserved = request.has(.reservationToken)
            guard !isReserved || (!request.has(.evenPort) && !request.has(.requestedAddressFamily)) else { return nil }
            guard !additionalIPv6 || (!isReserved && !reservesNext) else { return nil }
        }
    }

    private func objection(to wish: Wish, _ identity: Identity) -> ErrorCode? {
        guard wish.transport == 17 else { return .unsupportedTransport }
        // A token brings its own address, of whatever family.
        let ip = wish.isIPv6 ? configuration.relayIPv6 : configuration.relayIPv4
        guard wish.isFamilyKnown, ip != nil || wish.reservation != nil else { return .addressFamilyNotSupported }
        guard allocationsByUser[identity.username] ?? 0 < configuration.allocationsPerUser else {
            return .allocationQuotaReached
        }
        guard allocations.nextIndex != nil, relays.capacity - relays.count >= 3 else { return .insufficientCapacity }
        if let token = wish.reservation, reservation(token) == nil { return .insufficientCapacity }
        return nil
    }

    /// Section 7.2: the client's wish within bounds.
    private func lifetime(_ wanted: UInt32?) -> UInt32 {
        min(max(wanted ?? Limits.defaultLifetime, Limits.defaultLifetime), configuration.maximumLifetime)
    }

    // MARK: Sockets

    private mutating func openRelays(of index: Int32, _ wish: Wish, _ token: UInt64?) {
        if !wish.isIPv6, let ip = configuration.relayIPv4 {
            open(ip, of: index, isEven: wish.isEven, next: token)
        }
        if wish.isIPv6 || wish.additionalIPv6, let ip = configuration.relayIPv6 {
            open(ip, of: index, isEven: wish.isEven, next: token)
        }
    }

    private mutating func open(_ ip: IPAddress, of index: Int32, isEven: Bool, next: UInt64?) {
        var relay = Relay(
            state: .opening(attempts: 1), owner: .allocation(index), address: SocketAddress(ip: ip, port: 0))
        relay.isEven = isEven || next != nil
        relay.next = next
        relay.address.port = freePort(ip, isEven: relay.isEven)
        let number = relays.insert(relay)
        usedPorts.insert(relay.address)
        allocations[index].opening += 1
        setRelay(number, of: index)
        actions.push(.open(number, relay.address))
    }

    private mutating func setRelay(_ relay: Int32, of index: Int32) {
        if relays[relay].address.ip.isIPv4 {
            allocations[index].relayIPv4 = relay
        } else {
            allocations[index].relayIPv6 = relay
        }
    }

    /// Random, so that nobody guesses the next one (RFC 8656 section 7.2). 0 when luck did not find one: binding that
    /// gets whatever the kernel has.
    private mutating func freePort(_ ip: IPAddress, isEven: Bool) -> UInt16 {
        let ports = configuration.relayPorts
        for _ in 0..<64 {
            var port = UInt16(UInt64(ports.lowerBound) + random.next() % UInt64(ports.count))
            if isEven { port &= ~1 }
            guard ports.contains(port), !usedPorts.contains(SocketAddress(ip: ip, port: port)) else { continue }
            return port
        }
        return ports.lowerBound
    }

    /// The socket of an ``RelayAction/open(_:_:)`` is bound.
    public mutating func opened(_ relay: Int32, now: Instant) {
        guard relays.contains(relay), case .opening = relays[relay].state else { return }
        relays[relay].state = .open
        guard case .allocation(let index) = relays[relay].owner else {
            return confirmAfterReservation(relay)
        }
        allocations[index].opening -= 1
        if let token = relays[relay].next { reserve(after: relay, token: token, now) }
        if allocations[index].opening == 0 { confirm(index) }
    }

    /// It cannot be bound: another port is tried, and in the end the client is refused.
    public mutating func failedToOpen(_ relay: Int32, now: Instant) {
        guard relays.contains(relay), case .opening(let attempts) = relays[relay].state else { return }
        usedPorts.remove(relays[relay].address)
        guard case .allocation = relays[relay].owner, attempts < Limits.portAttempts else {
            return giveUp(relay)
        }
        let isEven = relays[relay].isEven
        relays[relay].address.port = freePort(relays[relay].address.ip, isEven: isEven)
        relays[relay].state = .opening(attempts: attempts + 1)
        usedPorts.insert(relays[relay].address)
        actions.push(.open(relay, relays[relay].address))
    }

    private mutating func giveUp(_ relay: Int32) {
        switch relays[relay].owner {
        case .reservation:
            // The one port is there, the next one is not: the client is told without a token.
            let owner = relayBefore(relay)
            relays.remove(relay)
            guard let owner, case .allocation(let index) = relays[owner].owner else { return }
            allocations[index].opening -= 1
            relays[owner].next = nil
            if allocations[index].opening == 0 { confirm(index) }
        case .allocation(let index):
            var builder = MessageBuilder(
                MessageType(.error, .allocate), transactionID: allocations[index].request.id)
            builder.addErrorCode(.insufficientCapacity)
            let request = allocations[index].request
            send(
                builder.finish(key: allocations[index].key, fingerprint: request.hasFingerprint),
                to: allocations[index].client)
            remove(index)
        }
    }

    // MARK: Reserved ports

    private mutating func reserve(after relay: Int32, token: UInt64, _ now: Instant) {
        var address = relays[relay].address
        guard address.port < .max, relays.nextIndex != nil, case .allocation(let index) = relays[relay].owner else {
            relays[relay].next = nil
            return
        }
        address.port += 1
        let number = relays.insert(
            Relay(
                state: .opening(attempts: 1),
                owner: .reservation(token: token, expiry: now + Limits.reservationLifetime), address: address))
        usedPorts.insert(address)
        allocations[index].opening += 1
        actions.push(.open(number, address))
    }

    private mutating func confirmAfterReservation(_ relay: Int32) {
        guard let owner = relayBefore(relay), case .allocation(let index) = relays[owner].owner else { return }
        allocations[index].opening -= 1
        if allocations[index].opening == 0 { confirm(index) }
    }

    private func relayBefore(_ relay: Int32) -> Int32? {
        guard case .reservation(let token, _) = relays[relay].owner else { return nil }
        return (0..<Int32(relays.capacity)).first { relays.contains($0) && relays[$0].next == token }
    }

    private func reservation(_ token: UInt64) -> Int32? {
        for index in 0..<Int32(relays.capacity) where relays.contains(index) {
            if case .reservation(token, _) = relays[index].owner, case .open = relays[index].state { return index }
        }
        return nil
    }

    // MARK: The answer

    private mutating func confirm(_ index: Int32) {
        let request = allocations[index].request
        var builder = MessageBuilder(MessageType(.success, .allocate), transactionID: request.id)
        if let relay = allocations[index].relayIPv4 { builder.addXOR(.xorRelayedAddress, advertised(relay)) }
        if let relay = allocations[index].relayIPv6 { builder.addXOR(.xorRelayedAddress, advertised(relay)) }
        builder.add(.lifetime, request.lifetime)
        builder.addXORMappedAddress(allocations[index].client.remote)
        if let token = request.token, reservation(token) != nil { builder.add(.reservationToken, token) }
        if let code = request.refusedFamily {
            // Family 2, then class and number as in ERROR-CODE (section 18.12).
            let family: UInt32 = 2 << 24
            let (hundreds, number) = (UInt32(code.rawValue / 100), UInt32(code.rawValue % 100))
            builder.add(.addressErrorCode, family | hundreds << 8 | number)
        }
        send(
            builder.finish(key: allocations[index].key, fingerprint: request.hasFingerprint),
            to: allocations[index].client)
    }

    private func advertised(_ relay: Int32) -> SocketAddress {
        var address = relays[relay].address
        let told = address.ip.isIPv4 ? configuration.advertisedIPv4 : configuration.advertisedIPv6
        if let told { address.ip = told }
        return address
    }

    // MARK: Refresh and end

    mutating func refresh(
        _ request: borrowing Message, _ client: Tuple, _ identity: Identity, _ now: Instant
    ) {
        guard let index = clients.slot(for: client), allocations[index].opening == 0 else {
            // Section 8.2: to end what is not there succeeds.
            guard request.lifetime == 0 else { return refuse(request, client, .allocationMismatch, identity) }
            return succeed(request, client, identity) { $0.add(.lifetime, UInt32(0)) }
        }
        if let family = request.requestedAddressFamily {
            let relay = family == 1 ? allocations[index].relayIPv4 : allocations[index].relayIPv6
            guard relay != nil else { return refuse(request, client, .peerAddressFamilyMismatch, identity) }
        }
        guard request.lifetime != 0 else {
            remove(index)
            return succeed(request, client, identity) { $0.add(.lifetime, UInt32(0)) }
        }
        let lifetime = self.lifetime(request.lifetime)
        allocations[index].expiry = now + .seconds(Int64(lifetime))
        succeed(request, client, identity) { $0.add(.lifetime, lifetime) }
    }

    /// A client's stream has ended: its allocation goes with it (RFC 8656 section 3.1 ties it to the 5-tuple).
    public mutating func closed(_ client: Tuple) {
        if let index = clients.slot(for: client) { remove(index) }
    }

    /// Looks for what is over.
    public mutating func advance(to now: Instant) {
        guard now >= nextSweep else { return }
        for index in 0..<Int32(allocations.capacity) where allocations.contains(index) {
            if now >= allocations[index].expiry { remove(index) } else { allocations[index].forgetWhatIsOver(now) }
        }
        for index in 0..<Int32(relays.capacity) where relays.contains(index) {
            if case .reservation(_, let expiry) = relays[index].owner, now >= expiry { close(index) }
        }
        nextSweep = relays.count == 0 && allocations.count == 0 ? .distantFuture : now + Limits.sweepInterval
    }

    mutating func remove(_ index: Int32) {
        clients.remove(allocations[index].client, ownedBy: index)
        let username = allocations[index].username
        let count = (allocationsByUser[username] ?? 1) - 1
        allocationsByUser[username] = count > 0 ? count : nil
        if let relay = allocations[index].relayIPv4 { close(relay) }
        if let relay = allocations[index].relayIPv6 { close(relay) }
        allocations.remove(index)
    }

    private mutating func close(_ relay: Int32) {
        usedPorts.remove(relays[relay].address)
        actions.push(.close(relay))
        relays.remove(relay)
    }
}
