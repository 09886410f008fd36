/// The peer's side of the one transport: credentials, fingerprint, role and candidates of one section, with
/// session-level values where the section has none (RFC 8839 section 5.4, RFC 8122 section 5).
struct RemoteTransport {
    var ice: ICEParameters
    var fingerprint: Fingerprint
    var setup: SetupRole?

    /// `anchor` is the first accepted section. What it lacks is taken from the first section of its BUNDLE group,
    /// which alone carries the transport when the others are bundle-only (RFC 9143 section 7.1.3).
    init(_ description: SessionDescription, anchor: Int) throws(SDPError) {
        let section = description.media[anchor]
        let group = section.mid.flatMap { mid in description.bundles.first { $0.mids.contains(mid) } }
        let tagged = group?.mids.first.flatMap { mid in description.media.first { $0.mid == mid } }
        let tiers = [section, tagged ?? section]
        guard let ufrag = tiers.firstValue(\.iceUfrag) ?? description.iceUfrag,
            let password = tiers.firstValue(\.icePassword) ?? description.icePassword
        else {
            throw SDPError(
                .missing, "there are no ICE credentials", hint: "send a=ice-ufrag and a=ice-pwd (RFC 8839 section 5.4)")
        }
        let options = description.iceOptions + tiers.flatMap(\.iceOptions)
        ice = ICEParameters(
            ufrag: ufrag, password: password, isLite: description.isICELite, trickles: options.contains("trickle"))

        let fingerprints = tiers.map(\.fingerprints).first { !$0.isEmpty } ?? description.fingerprints
        guard !fingerprints.isEmpty else {
            throw SDPError(.missing, "there is no fingerprint", hint: "send a=fingerprint (RFC 8122); DTLS is required")
        }
        guard let accepted = fingerprints.first(where: \.isAccepted) else {
            throw SDPError(
                .unsupported, "no fingerprint uses an accepted hash function", hint: "use sha-256, sha-384 or sha-512")
        }
        fingerprint = accepted
        setup = tiers.firstValue(\.setup) ?? description.setup
    }

    /// Our role as the answerer (RFC 5763 section 5). Deviation: an offer without `a=setup` counts as actpass,
    /// since the endpoints that leave it out wait for us.
    func answeredSetup(prefersPassive: Bool) throws(SDPError) -> SetupRole {
        switch setup {
        case .active: return .passive
        case .passive: return .active
        case .actpass, nil: return prefersPassive ? .passive : .active
        case .holdconn: throw SDPError(.unsupported, "the offer holds the connection", hint: "offer a=setup:actpass")
        }
    }

    /// Whether we are the DTLS client, from the peer's answer to our actpass. Absent means passive (RFC 4145
    /// section 4).
    func isDTLSClientAfterAnswer() throws(SDPError) -> Bool {
        switch setup {
        case .active: return false
        case .passive, nil: return true
        case .actpass, .holdconn:
            throw SDPError(.inconsistent, "the answer chooses no DTLS role", hint: "answer a=setup:active or passive")
        }
    }
}

extension Array<MediaDescription> {
    fileprivate func firstValue<Value>(_ read: (MediaDescription) -> Value?) -> Value? {
        for section in self {
            if let value = read(section) { return value }
        }
        return nil
    }
}

extension SessionDescription {
    /// Whether two sections have one transport: by BUNDLE, or because both name the same ICE credentials.
    /// An endpoint here has one transport, so a section for which this is false cannot be carried.
    func sharesTransport(_ index: Int, _ anchor: Int) -> Bool {
        if index == anchor || isBundled(index, anchor) { return true }
        let (section, first) = (media[index], media[anchor])
        guard let ufrag = section.iceUfrag ?? iceUfrag, let password = section.icePassword ?? icePassword else {
            return false
        }
        return ufrag == first.iceUfrag ?? iceUfrag && password == first.icePassword ?? icePassword
    }

    func isBundled(_ index: Int, _ anchor: Int) -> Bool {
        guard let mid = media[index].mid, let other = media[anchor].mid else { return false }
        return bundles.contains { $0.mids.contains(mid) && $0.mids.contains(other) }
    }

    /// The mid of a section, or one made of its index for peers without mids.
    func mid(at index: Int) -> String {
        if let mid = media[index].mid { return mid }
        var made = String(index)
        while media.contains(where: { $0.mid == made }) { made = "m" + made }
        return made
    }

    /// The candidates for the transport of the accepted sections: those of the first when they are bundled
    /// (RFC 8829 section 5.10 discards the others), else of all, each once.
    func candidates(of accepted: [Int]) -> (candidates: [RemoteCandidate], hasEnd: Bool) {
        guard let anchor = accepted.first else { return ([], false) }
        var found: [RemoteCandidate] = []
        var seen = Set<String>()
        var hasEnd = false
        for index in accepted where index == anchor || !isBundled(index, anchor) {
            hasEnd = hasEnd || media[index].hasEndOfCandidates
            for candidate in media[index].candidates where seen.insert(candidate).inserted {
                found.append(RemoteCandidate(candidate: candidate, mid: mid(at: index), index: index))
            }
        }
        return (found, hasEnd)
    }
}
