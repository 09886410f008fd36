import RTP

extension CodecParameters {
    /// The value of an `a=fmtp` parameter; keys compare without case (RFC 6838 section 4.3).
    func parameter(_ key: String) -> String? {
        formatParameters.first { $0.key.lowercased() == key }?.value
    }

    /// Whether both are the same codec in the sense of RFC 3264 section 6.1: name, clock, channels and the
    /// parameters that configure the stream.
    func isCompatible(with other: CodecParameters) -> Bool {
        guard hasSameEncoding(as: other) else { return false }
        switch name.lowercased() {
        case "h264":
            guard let profile = H264Profile(profileLevelID: parameter("profile-level-id")),
                let otherProfile = H264Profile(profileLevelID: other.parameter("profile-level-id"))
            else { return false }
            return profile == otherProfile
                && parameter("packetization-mode") ?? "0" == other.parameter("packetization-mode") ?? "0"
        case "vp9": return parameter("profile-id") ?? "0" == other.parameter("profile-id") ?? "0"
        case "av1": return parameter("profile") ?? "0" == other.parameter("profile") ?? "0"
        default: return true
        }
    }

    func hasSameEncoding(as other: CodecParameters) -> Bool {
        name.lowercased() == other.name.lowercased() && clockRate == other.clockRate && channels == other.channels
    }

    /// What our answer says about this offered codec. Values come back only after they were read as numbers.
    var answeredFormatParameters: [FormatParameter] {
        switch name.lowercased() {
        case "opus":
            // RFC 7587 section 7.1. In-band FEC costs the forwarder nothing and helps every receiver.
            let minimum = FormatParameter("minptime", number("minptime") ?? "10")
            return [minimum, FormatParameter("useinbandfec", "1")] + echoed("stereo", "usedtx")
        case "h264":
            // RFC 6184 section 8.2.2. The level comes back as offered: a forwarder decodes nothing.
            var parameters = echoed("level-asymmetry-allowed", "packetization-mode")
            if let profile = parameter("profile-level-id"), H264Profile(profileLevelID: profile) != nil {
                parameters.append(FormatParameter("profile-level-id", profile))
            }
            return parameters
        case "vp9": return echoed("profile-id")
        case "av1": return echoed("level-idx", "profile", "tier")
        case "red": return redundancy.map { [$0.parameter] } ?? []
        default: return []
        }
    }

    private func echoed(_ keys: String...) -> [FormatParameter] {
        keys.compactMap { key in number(key).map { FormatParameter(key, $0) } }
    }

    private func number(_ key: String) -> String? {
        parameter(key).flatMap { Array($0.utf8)[...].decimal(limit: 65_535) }.map { String($0) }
    }
}

extension MediaDescription {
    /// The codecs of an RTP section in its order, RTX folded into what it repairs. Formats of forward error correction
    /// and formats without `a=rtpmap` are left out, except the two static ones of RFC 3551 that WebRTC has; redundant
    /// audio is there when it names one codec of the section (RFC 2198 section 5), the redundancy of ULPFEC is not.
    var codecs: [CodecParameters] {
        let maps = payloadTypes.compactMap { map(of: $0) }
        let repairs: [(repaired: UInt8, payloadType: UInt8)] = maps.compactMap { map in
            guard map.name.lowercased() == "rtx",
                let apt = parameters(of: map.payloadType).first(where: {
                    $0.key.lowercased() == "apt"
                }), let repaired = Array(apt.value.utf8)[...].decimal(limit: 127)
            else { return nil }
            return (UInt8(repaired), map.payloadType)
        }
        let codecs = maps.filter { !Self.auxiliary.contains($0.name.lowercased()) }.map { map in
            CodecParameters(
                name: map.name, payloadType: map.payloadType, clockRate: map.clockRate, channels: map.channels,
                formatParameters: parameters(of: map.payloadType), feedback: feedback(of: map.payloadType),
                rtxPayloadType: repairs.first { $0.repaired == map.payloadType }?.payloadType)
        }
        return codecs.filter { $0.isSupported(among: kind == .audio ? codecs : []) }
    }

    private static let auxiliary = ["rtx", "ulpfec", "flexfec-03", "telephone-event", "cn"]

    private func map(of payloadType: UInt8) -> RTPMap? {
        if let map = rtpMaps.first(where: { $0.payloadType == payloadType }) { return map }
        switch payloadType {
        case 0: return RTPMap(payloadType: 0, name: "PCMU", clockRate: 8_000)
        case 8: return RTPMap(payloadType: 8, name: "PCMA", clockRate: 8_000)
        default: return nil
        }
    }

    private func parameters(of payloadType: UInt8) -> [FormatParameter] {
        formatParameters.first { $0.payloadType == payloadType }?.parameters ?? []
    }

    private func feedback(of payloadType: UInt8) -> [String] {
        var values: [String] = []
        for line in feedback where line.payloadType == nil || line.payloadType == payloadType {
            if !values.contains(line.value) { values.append(line.value) }
        }
        return values
    }

    /// Writes codecs into the section: formats, then RTX of each.
    mutating func setCodecs(_ codecs: [CodecParameters]) {
        // RFC 8888 section 6: it is for all payload types, RTX among them, and written so.
        let common = PacketFeedback.congestionControl
        let isCommon = !codecs.isEmpty && codecs.allSatisfy { $0.feedback.contains(common) }
        defer { if isCommon { feedback.append(RTCPFeedback(payloadType: nil, value: common)) } }
        for codec in codecs {
            append(
                RTPMap(
                    payloadType: codec.payloadType, name: codec.name, clockRate: codec.clockRate,
                    channels: codec.channels),
                parameters: codec.formatParameters)
            feedback += codec.feedback.filter { !isCommon || $0 != common }.map {
                RTCPFeedback(payloadType: codec.payloadType, value: $0)
            }
            guard let rtx = codec.rtxPayloadType else { continue }
            append(
                RTPMap(payloadType: rtx, name: "rtx", clockRate: codec.clockRate),
                parameters: [FormatParameter("apt", String(codec.payloadType))])
        }
    }

    private mutating func append(_ map: RTPMap, parameters: [FormatParameter]) {
        formats.append(String(map.payloadType))
        rtpMaps.append(map)
        if !parameters.isEmpty {
            formatParameters.append(FormatParameters(payloadType: map.payloadType, parameters: parameters))
        }
    }
}

/// One codec that both sides have, as each says it.
struct CodecMatch {
    /// What the peer sends to us: our format parameters bind it.
    var receive: CodecParameters
    /// What we send to the peer: its format parameters bind us.
    var send: CodecParameters

    /// The codecs of an offer that we have too: the offerer's order and payload types (RFC 3264 section 6.1).
    static func answering(_ offered: [CodecParameters], with capabilities: [CodecParameters]) -> [CodecMatch] {
        let matches = offered.compactMap { codec -> CodecMatch? in
            guard let known = capabilities.first(where: { $0.isCompatible(with: codec) }) else { return nil }
            var send = codec
            send.name = known.name
            send.feedback = codec.feedback.filter { known.feedback.contains($0) }
            if known.rtxPayloadType == nil { send.rtxPayloadType = nil }
            var receive = send
            receive.formatParameters = codec.answeredFormatParameters
            return CodecMatch(receive: receive, send: send)
        }
        return supported(matches)
    }

    /// Leaves out redundancy of a codec that is not among the matches.
    private static func supported(_ matches: [CodecMatch]) -> [CodecMatch] {
        let (received, sent) = (matches.map(\.receive), matches.map(\.send))
        return matches.filter { $0.receive.isSupported(among: received) && $0.send.isSupported(among: sent) }
    }

    /// The codecs of an answer that our offer had: the answerer's order. Each side receives with the payload
    /// types that it wrote itself (RFC 3264 section 5.1).
    static func accepting(_ answered: [CodecParameters], offered: [CodecParameters]) -> [CodecMatch] {
        let matches = answered.compactMap { codec -> CodecMatch? in
            let same = offered.first { $0.payloadType == codec.payloadType && $0.hasSameEncoding(as: codec) }
            guard let own = same ?? offered.first(where: { $0.isCompatible(with: codec) }) else { return nil }
            var receive = own
            receive.feedback = own.feedback.filter { codec.feedback.contains($0) }
            if codec.rtxPayloadType == nil { receive.rtxPayloadType = nil }
            var send = codec
            send.name = own.name
            send.feedback = receive.feedback
            if own.rtxPayloadType == nil { send.rtxPayloadType = nil }
            return CodecMatch(receive: receive, send: send)
        }
        return supported(matches)
    }
}

extension [CodecMatch] {
    /// Keeps one of the two ways in which packets are reported on, where there are both (RFC 8888 section 6).
    ///
    /// Transport-wide feedback goes first: it is what browsers offer and use every day, its times are to 250 µs and
    /// not to a millisecond, and one number covers all streams. Without the header extension it is of no use.
    mutating func choosePacketFeedback(_ extensions: [ExtensionMatch]) {
        let isNumbered = extensions.contains { $0.parameters.uri == HeaderExtensionURI.transportWideCC }
        let hasNumbers = isNumbered && has(PacketFeedback.transportWide)
        guard hasNumbers || has(PacketFeedback.congestionControl) else { return }
        let other = hasNumbers ? PacketFeedback.congestionControl : PacketFeedback.transportWide
        for index in indices {
            self[index].receive.feedback.removeAll { $0 == other }
            self[index].send.feedback.removeAll { $0 == other }
        }
    }

    private func has(_ feedback: String) -> Bool { contains { $0.send.feedback.contains(feedback) } }
}
