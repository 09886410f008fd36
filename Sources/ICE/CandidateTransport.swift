/// What carries the packets of a candidate (RFC 8445 section 5.1, RFC 6544 section 4.5).
public enum CandidateTransport: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    case udp
    /// TCP connections that this end opens.
    case tcpActive
    /// TCP connections that this end accepts.
    case tcpPassive

    /// Packets travel in a stream, each with its length in front (RFC 4571 section 2).
    public var isStream: Bool { self != .udp }

    /// What the other end of a pair is: who opens meets who accepts (RFC 6544 section 6.2).
    ///
    /// Deviation: simultaneous open (`so`) is not spoken; no browser offers it, and few NATs let it pass.
    public var counterpart: CandidateTransport {
        switch self {
        case .udp: .udp
        case .tcpActive: .tcpPassive
        case .tcpPassive: .tcpActive
        }
    }

    /// The `transport` token and `tcptype` (RFC 8839 section 5.1, RFC 6544 section 4.5).
    var tokens: (transport: String, type: String?) {
        switch self {
        case .udp: ("udp", nil)
        case .tcpActive: ("tcp", "active")
        case .tcpPassive: ("tcp", "passive")
        }
    }

    init?(transport: String, type: String?) {
        guard let known = Self.allCases.first(where: { $0.tokens == (transport, type) }) else { return nil }
        self = known
    }

    /// The direction's part of the local preference, 0 to 7 (RFC 6544 section 4.2).
    func directionPreference(of kind: Candidate.Kind) -> UInt32 {
        switch (self, kind) {
        case (.udp, _): 0
        case (.tcpActive, .host), (.tcpActive, .relayed): 6
        case (.tcpPassive, .host), (.tcpPassive, .relayed): 4
        case (.tcpActive, _): 4
        case (.tcpPassive, _): 2
        }
    }
}
