import STUN
import Wire

// Which external endpoint a packet from inside gets.

extension NAT {
    /// Ports that mappings get where they do not keep their own (RFC 6335 section 6, without the system's).
    static let firstPort: UInt16 = 1024

    /// The number of the mapping that a packet belongs to, made if need be; nil when there is no port for it.
    mutating func mapping(for datagram: Datagram, now: Instant) -> UInt64? {
        let key = Key(
            transport: datagram.transport, internal: datagram.source,
            remote: remote(of: datagram.destination, behavior.mapping))
        if let number = fresh(key, now: now) { return number }
        if behavior.changesWhenPortIsTaken {
            var strict = key
            strict.remote = remote(of: datagram.destination, .addressAndPortDependent)
            if let number = fresh(strict, now: now) { return number }
        }
        let subscriber = datagram.source.ip
        let held = mappings.values.count { $0.internal.ip == subscriber && isFresh($0, now) }
        guard held < behavior.mappingsPerSubscriber else { return nil }
        let address = externalAddress(for: subscriber)
        guard let port = port(for: key, at: address, now: now) else { return nil }
        var made = key
        if behavior.changesWhenPortIsTaken, port != datagram.source.port {
            made.remote = remote(of: datagram.destination, .addressAndPortDependent)
        }
        return insert(made, external: SocketAddress(ip: address, port: port), now: now)
    }

    private func remote(of destination: SocketAddress, _ mapping: MappingBehavior) -> Remote {
        switch mapping {
        case .endpointIndependent: Remote()
        case .addressDependent: Remote(ip: destination.ip)
        case .addressAndPortDependent: Remote(ip: destination.ip, port: destination.port)
        }
    }

    private mutating func fresh(_ key: Key, now: Instant) -> UInt64? {
        guard let number = byKey[key], let mapping = mappings[number] else { return nil }
        if isFresh(mapping, now) { return number }
        remove(number)
        return nil
    }

    private mutating func insert(_ key: Key, external: SocketAddress, now: Instant) -> UInt64 {
        let number = nextMapping
        nextMapping += 1
        let mapping = Mapping(
            transport: key.transport, internal: key.internal, external: external, remote: key.remote, refreshed: now)
        mappings[number] = mapping
        byKey[key] = number
        byExternal[mapping.endpoint, default: []].append(number)
        return number
    }

    private mutating func remove(_ number: UInt64) {
        guard let mapping = mappings.removeValue(forKey: number) else { return }
        byKey[Key(transport: mapping.transport, internal: mapping.internal, remote: mapping.remote)] = nil
        byExternal[mapping.endpoint]?.removeAll { $0 == number }
        if byExternal[mapping.endpoint]?.isEmpty == true { byExternal[mapping.endpoint] = nil }
        if behavior.portRest > .zero { resting[mapping.endpoint] = end(of: mapping) }
    }

    /// Forgets the mappings of an external endpoint whose time is over.
    mutating func expire(_ external: Endpoint, now: Instant) {
        for number in byExternal[external] ?? [] {
            if let mapping = mappings[number], !isFresh(mapping, now) { remove(number) }
        }
    }

    // MARK: Addresses and ports

    private mutating func externalAddress(for subscriber: IPAddress) -> IPAddress {
        guard externalAddresses.count > 1 else { return externalAddresses[0] }
        switch behavior.pooling {
        case .arbitrary:
            return externalAddresses[Int(random.next() % UInt64(externalAddresses.count))]
        case .paired:
            if let index = pairedAddresses[subscriber] { return externalAddresses[index] }
            let index = pairedAddresses.count % externalAddresses.count
            pairedAddresses[subscriber] = index
            return externalAddresses[index]
        }
    }

    private mutating func port(for key: Key, at address: IPAddress, now: Instant) -> UInt16? {
        let source = key.internal
        let step = behavior.preservesParity ? 2 : 1
        let pool = Endpoint(transport: key.transport, address: SocketAddress(ip: address, port: 0))
        switch behavior.ports {
        case .overloading: return source.port
        case .preserving:
            return search(from: source.port, step: step, in: pool, now: now)
        case .sequential(let increment):
            let start = parity(nextPort, source)
            guard let port = search(from: start, step: Int(increment), in: pool, now: now) else { return nil }
            nextPort = next(port, Int(increment))
            return port
        case .random:
            let start = Self.firstPort + UInt16(random.next() % UInt64(UInt16.max - Self.firstPort))
            return search(from: parity(start, source), step: step, in: pool, now: now)
        case .blocks(let size):
            return portOfBlock(size, for: source, in: pool, now: now)
        }
    }

    /// RFC 4787 REQ-4.
    private func parity(_ port: UInt16, _ source: SocketAddress) -> UInt16 {
        behavior.preservesParity && (port ^ source.port) & 1 == 1 ? next(port, 1) : port
    }

    private func next(_ port: UInt16, _ step: Int) -> UInt16 {
        let sum = Int(port) + step
        return sum <= Int(UInt16.max) ? UInt16(sum) : Self.firstPort + UInt16(sum - Int(UInt16.max) - 1)
    }

    /// - Parameter pool: the transport and the address whose ports are tried.
    private mutating func search(from start: UInt16, step: Int, in pool: Endpoint, now: Instant) -> UInt16? {
        var port = start
        for _ in 0..<Int(UInt16.max) {
            if isFree(port, in: pool, now: now) { return port }
            port = next(port, step)
        }
        return nil
    }

    private mutating func portOfBlock(
        _ size: UInt16, for source: SocketAddress, in pool: Endpoint, now: Instant
    ) -> UInt16? {
        let first: UInt16
        if let held = blocks[source.ip] {
            first = held
        } else {
            let start = Int(Self.firstPort) + blocks.count * Int(size)
            guard start + Int(size) <= Int(UInt16.max) + 1 else { return nil }
            first = UInt16(start)
            blocks[source.ip] = first
        }
        for offset in 0..<size {
            let port = first + offset
            if isFree(port, in: pool, now: now) { return port }
        }
        return nil
    }

    /// A port that nothing fresh stands for, and that has rested.
    private mutating func isFree(_ port: UInt16, in pool: Endpoint, now: Instant) -> Bool {
        guard port > 0 else { return false }
        var external = pool
        external.address.port = port
        expire(external, now: now)
        guard byExternal[external] == nil else { return false }
        guard let end = resting[external] else { return true }
        guard now > end + behavior.portRest else { return false }
        resting[external] = nil
        return true
    }
}
