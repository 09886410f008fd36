public import Wire

/// The names that are being looked up: which queries are due, and what their answers say. It has no socket; the caller
/// sends what ``nextTransmit()`` returns to the group on each of its links, and calls ``advance(to:)`` when
/// ``nextDeadline`` has come.
public struct Lookups: Sendable {
    /// The end of one request.
    public struct Result: Hashable, Sendable {
        /// As given to ``ask(_:token:now:)``.
        public var token: UInt64
        /// Nil when nobody answered in time.
        public var ip: IPAddress?
    }

    private struct Lookup {
        var name: HostName
        var tokens: [UInt64]
        /// Queries sent so far.
        var sends = 0
        var nextSend: Instant
    }

    private var lookups: [Lookup] = []
    private var transmits: [[UInt8]] = []
    private var results: [Result] = []

    public init() {}

    /// Names in progress.
    public var count: Int { lookups.count }

    /// Looks the name up; one lookup serves all who ask at the same time. False when too many are under way: there
    /// will be no result.
    public mutating func ask(_ name: HostName, token: UInt64, now: Instant) -> Bool {
        if let index = lookups.firstIndex(where: { $0.name == name }) {
            guard lookups[index].tokens.count < Limits.waiters else { return false }
            lookups[index].tokens.append(token)
            return true
        }
        guard lookups.count < Limits.lookups else { return false }
        lookups.append(Lookup(name: name, tokens: [token], nextSend: now))
        advance(to: now)
        return true
    }

    /// Takes a datagram from one of the links. The caller has seen to it that it is from the link (RFC 6762 section
    /// 11).
    ///
    /// A name has one address (draft-ietf-mmusic-mdns-ice-candidates section 3.1.1): the first that comes ends the
    /// lookup.
    public mutating func receive(_ datagram: RawSpan) {
        guard !lookups.isEmpty, let found = try? Message.addresses(in: datagram) else { return }
        // A link-local address of IPv6 needs a zone, which a candidate has no place for.
        for address in found where address.ip.isIPv4 || !address.ip.isLinkLocal {
            guard let index = lookups.firstIndex(where: { $0.name == address.name }) else { continue }
            let lookup = lookups.remove(at: index)
            results += lookup.tokens.map { Result(token: $0, ip: address.ip) }
        }
    }

    /// Sends again what was not answered, and gives up what never was.
    public mutating func advance(to now: Instant) {
        var index = 0
        while index < lookups.count {
            guard lookups[index].nextSend <= now else {
                index += 1
                continue
            }
            guard lookups[index].sends < Limits.pauses.count else {
                results += lookups.remove(at: index).tokens.map { Result(token: $0, ip: nil) }
                continue
            }
            transmits += Message.queries(for: lookups[index].name)
            lookups[index].nextSend = now + Limits.pauses[lookups[index].sends]
            lookups[index].sends += 1
            index += 1
        }
    }

    public var nextDeadline: Instant? { lookups.map(\.nextSend).min() }

    /// A query for the group, on every link.
    public mutating func nextTransmit() -> [UInt8]? { transmits.isEmpty ? nil : transmits.removeFirst() }

    public mutating func nextResult() -> Result? { results.isEmpty ? nil : results.removeFirst() }
}
