import Wire

extension Candidate.Kind {
    /// The `typ` token (RFC 8839 section 5.1).
    var token: String {
        switch self {
        case .host: "host"
        case .serverReflexive: "srflx"
        case .peerReflexive: "prflx"
        case .relayed: "relay"
        }
    }

    init?(token: String) {
        switch token {
        case "host": self = .host
        case "srflx": self = .serverReflexive
        case "prflx": self = .peerReflexive
        case "relay": self = .relayed
        default: return nil
        }
    }
}

extension Candidate {
    /// Reads one `candidate:` line (RFC 8839 section 5.1) with or without `a=`. Unknown extensions
    /// are skipped. An empty line is not a candidate; ``Agent/addRemoteCandidate(_:now:)`` knows it.
    public init(sdp: String) throws(CandidateError) {
        guard sdp.utf8.count <= Limits.candidateCharacters else { throw .tooLong }
        var text = sdp[...]
        if text.hasPrefix("a=") { text = text.dropFirst(2) }
        guard text.hasPrefix("candidate:") else { throw .malformed }
        text = text.dropFirst("candidate:".count)
        guard text.first?.isWhitespace == false else { throw .malformed }
        let fields = text.split(maxSplits: Limits.candidateFields, whereSeparator: \.isWhitespace).map(String.init)
        guard fields.count <= Limits.candidateFields else { throw .tooLong }
        guard fields.count >= 8, fields[6].lowercased() == "typ" else { throw .malformed }
        guard (1...32).contains(fields[0].utf8.count), fields[0].utf8.allSatisfy(Credentials.isICECharacter),
            let component = Self.number(fields[1]), (1...256).contains(component),
            let priority = Self.number(fields[3]).flatMap(UInt32.init(exactly:)),
            let port = Self.number(fields[5]).flatMap(UInt16.init(exactly:)),
            let kind = Kind(token: fields[7].lowercased())
        else { throw .malformed }
        let extensions = Self.extensions(fields[8...])
        guard let transport = CandidateTransport(transport: fields[2].lowercased(), type: extensions.tcpType) else {
            throw .unsupportedTransport
        }
        guard component == 1 else { throw .unsupportedComponent }
        let address = SocketAddress(ip: try Self.ip(fields[4]), port: port)
        guard address.mayBeSentTo else { throw .disallowedAddress }
        self.init(
            kind: kind, foundation: fields[0], priority: priority, transport: transport, address: address,
            related: extensions.related, usernameFragment: extensions.ufrag)
    }

    /// The line as it stands in signalling, without `a=`.
    public var sdp: String {
        let (protocolToken, tcpType) = transport.tokens
        var line = "candidate:\(foundation) \(component) \(protocolToken) \(priority) \(address.ip) \(address.port)"
        line += " typ \(kind.token)"
        if let related { line += " raddr \(related.ip) rport \(related.port)" }
        if let tcpType { line += " tcptype \(tcpType)" }
        if let usernameFragment { line += " ufrag \(usernameFragment)" }
        return line
    }

    private static func ip(_ text: String) throws(CandidateError) -> IPAddress {
        if let ip = IPAddress(text) { return ip }
        throw text.lowercased().hasSuffix(".local") ? .mdnsName : .unresolvedName
    }

    private struct Extensions {
        var related: SocketAddress?
        var tcpType: String?
        var ufrag: String?
    }

    private static func extensions(_ fields: ArraySlice<String>) -> Extensions {
        var found = Extensions()
        var ip: IPAddress?
        var port: UInt16?
        var index = fields.startIndex
        while index + 1 < fields.endIndex {
            let value = fields[index + 1]
            switch fields[index].lowercased() {
            case "raddr": ip = IPAddress(value)
            case "rport": port = number(value).flatMap(UInt16.init(exactly:))
            case "tcptype": found.tcpType = value.lowercased()
            case "ufrag": found.ufrag = value
            default: break
            }
            index += 2
        }
        if let ip, let port, !ip.isUnspecified { found.related = SocketAddress(ip: ip, port: port) }
        return found
    }

    /// Up to ten decimal digits.
    private static func number(_ text: String) -> Int? {
        guard (1...10).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return Int(text)
    }
}
