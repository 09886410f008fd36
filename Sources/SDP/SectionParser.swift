import RTP

/// The state of reading one section; starts with the value of its `m=` line.
struct SectionParser {
    private(set) var media: MediaDescription
    private var attributes = 0

    /// `m=kind port transport format…` (RFC 8866 section 5.14).
    init(_ value: ArraySlice<UInt8>, direction: MediaDirection) throws(SDPError) {
        var cursor = TextCursor(value)
        guard let kind = MediaDescription.Kind(rawValue: (cursor.word() ?? []).string) else {
            throw SDPError(
                .unsupported, "the kind of media is unknown",
                hint: "use audio, video, application, text, message, image")
        }
        let port = try Field.number(cursor.word()?.split(at: Byte.slash).0, "the m= line's port", as: UInt16.self)
        let transport = cursor.word() ?? []
        let isTransport = transport.split(separator: Byte.slash, omittingEmptySubsequences: false)
            .allSatisfy { $0.isToken }
        guard isTransport, transport.count <= Limits.identifierBytes else {
            throw Field.malformed("the m= line's transport", "write for example UDP/TLS/RTP/SAVPF")
        }
        guard let words = cursor.words(limit: Limits.formats) else {
            throw SDPError(.overLimit, "the m= line has too many formats", hint: "list at most \(Limits.formats)")
        }
        media = MediaDescription(
            kind: kind, port: port, transport: transport.string, connection: nil, direction: direction)
        var seen = Set<String>()
        for word in words {
            let format =
                media.isRTP
                ? String(try Field.payloadType(word, "the m= line's format")) : try Field.token(word, "a format")
            guard seen.insert(format).inserted else {
                throw SDPError(.inconsistent, "the m= line names a format twice", hint: "name each once")
            }
            media.formats.append(format)
        }
        guard !media.formats.isEmpty else { throw Field.malformed("the m= line", "name at least one format") }
    }

    mutating func read(_ letter: UInt8, _ value: ArraySlice<UInt8>) throws(SDPError) {
        switch letter {
        case UInt8(ascii: "c"):
            var cursor = TextCursor(value)
            media.connection = try Field.connection(&cursor, "c=")
        case UInt8(ascii: "b"):
            guard media.bandwidths.count < Limits.listWords else { return }
            if let bandwidth = try Field.bandwidth(value) { media.bandwidths.append(bandwidth) }
        case UInt8(ascii: "a"):
            attributes += 1
            guard attributes <= Limits.attributes else { throw SDPError.tooManyAttributes }
            try readAttribute(value)
        case UInt8(ascii: "i"), UInt8(ascii: "k"):
            break
        default:
            throw SDPError(
                .malformed, "the line's type is not allowed in a section", hint: "use m=, i=, c=, b=, k= and a=")
        }
    }

    private mutating func readAttribute(_ line: ArraySlice<UInt8>) throws(SDPError) {
        let (name, rest) = line.split(at: Byte.colon)
        let value = rest ?? []
        guard name.isToken else { throw SDPError.badAttributeName }
        switch name.string {
        case "mid":
            guard media.mid == nil else { throw SDPError.repeated("a=mid") }
            media.mid = try Field.token(value, "a=mid")
        case "bundle-only": media.isBundleOnly = true
        case "rtcp-mux": media.hasRTCPMux = true
        case "rtcp-rsize": media.hasReducedSizeRTCP = true
        case "extmap-allow-mixed": media.allowsMixedExtensions = true
        case "extmap": media.extensions.append(try Field.headerExtension(value))
        case "ice-ufrag":
            guard media.iceUfrag == nil else { throw SDPError.repeated("a=ice-ufrag") }
            media.iceUfrag = try Field.ufrag(value)
        case "ice-pwd":
            guard media.icePassword == nil else { throw SDPError.repeated("a=ice-pwd") }
            media.icePassword = try Field.password(value)
        case "ice-options": media.iceOptions = try Field.iceOptions(value)
        case "fingerprint": media.fingerprints.append(try Field.fingerprint(value))
        case "setup": media.setup = try Field.setup(value)
        case "candidate":
            // RFC 8839 section 5.1: an agent ignores candidates that it cannot read; ICE reads the rest.
            if let candidate = SessionDescription.candidate(line) { media.candidates.append(candidate) }
        case "end-of-candidates": media.hasEndOfCandidates = true
        case "sctp-port": media.sctpPort = try Field.number(value, "a=sctp-port", as: UInt16.self)
        case "max-message-size":
            media.maxMessageSize = try Field.number(value, "a=max-message-size", as: UInt64.self)
        default:
            if let direction = MediaDirection(rawValue: name.string) {
                media.direction = direction
            } else if media.isRTP {
                try readRTPAttribute(name.string, value)
            }
        }
    }
}

// MARK: - Attributes of RTP sections

extension SectionParser {
    private mutating func readRTPAttribute(_ name: String, _ value: ArraySlice<UInt8>) throws(SDPError) {
        switch name {
        case "rtpmap": try readRTPMap(value)
        case "fmtp": try readFormatParameters(value)
        case "rtcp-fb": try readFeedback(value)
        case "ssrc": try readSource(value)
        case "ssrc-group": try readSourceGroup(value)
        case "msid": media.msids.append(try Field.msid(value))
        case "rid": try readRestrictionID(value)
        case "simulcast": try readSimulcast(value)
        case "rtcp":
            guard media.rtcpAddress == nil else { throw SDPError.repeated("a=rtcp") }
            media.rtcpAddress = try Field.rtcpAddress(value)
        case "crypto":
            guard media.cryptos.count < Limits.cryptos else {
                throw SDPError(
                    .overLimit, "there are too many a=crypto", hint: "write at most \(Limits.cryptos) for a section")
            }
            guard let crypto = try CryptoAttribute(parsing: value) else { return }
            guard !media.cryptos.contains(where: { $0.tag == crypto.tag }) else {
                throw SDPError(.inconsistent, "two a=crypto have one tag", hint: "give each its own")
            }
            media.cryptos.append(crypto)
        case "direction": media.connectionRole = ConnectionRole(rawValue: value.string)
        default: break
        }
    }

    private mutating func readRTPMap(_ value: ArraySlice<UInt8>) throws(SDPError) {
        var cursor = TextCursor(value)
        let payloadType = try Field.payloadType(cursor.word(), "a=rtpmap")
        guard !media.rtpMaps.contains(where: { $0.payloadType == payloadType }) else {
            throw SDPError(.inconsistent, "a payload type is mapped twice", hint: "write one a=rtpmap for each")
        }
        let parts = (cursor.word() ?? []).split(separator: Byte.slash, omittingEmptySubsequences: false)
        guard cursor.isAtEnd, parts.count == 2 || parts.count == 3 else {
            throw Field.malformed("a=rtpmap", "write payload type, name/clock rate and perhaps /channels")
        }
        let clockRate = try Field.number(parts[1], "a=rtpmap", as: UInt32.self)
        let channels = parts.count == 3 ? try Field.number(parts[2], "a=rtpmap", as: UInt8.self) : 1
        guard clockRate > 0, channels > 0 else { throw Field.malformed("a=rtpmap", "write a clock rate in Hz") }
        media.rtpMaps.append(
            RTPMap(
                payloadType: payloadType, name: try Field.token(parts[0], "a=rtpmap"), clockRate: clockRate,
                channels: channels))
    }

    /// A second line for the same payload type adds to the first: some clients write it so.
    private mutating func readFormatParameters(_ value: ArraySlice<UInt8>) throws(SDPError) {
        var cursor = TextCursor(value)
        let payloadType = try Field.payloadType(cursor.word(), "a=fmtp")
        var parameters: [FormatParameter] = []
        for part in cursor.rest.split(separator: Byte.semicolon).map(\.trimmed) where !part.isEmpty {
            let (key, value) = part.split(at: Byte.equals)
            let text = value?.trimmed ?? []
            guard key.trimmed.isVisible, text.isEmpty || text.isPrintable else {
                throw Field.malformed("a=fmtp", "write key=value, parted by semicolons")
            }
            parameters.append(FormatParameter(key.trimmed.string, text.string))
        }
        guard !parameters.isEmpty else { return }
        let known = media.formatParameters.firstIndex { $0.payloadType == payloadType }
        let all = (known.map { media.formatParameters[$0].parameters } ?? []) + parameters
        let bytes = all.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count + 2 }
        // The merged line is written as one, so it keeps the limit of a line, "a=fmtp:127 " included.
        guard all.count <= Limits.formatParameters, bytes < Limits.lineBytes - 16 else {
            throw SDPError(
                .overLimit, "a=fmtp has too many parameters", hint: "write at most \(Limits.formatParameters)")
        }
        if let known {
            media.formatParameters[known].parameters = all
        } else {
            media.formatParameters.append(FormatParameters(payloadType: payloadType, parameters: all))
        }
    }

    private mutating func readFeedback(_ value: ArraySlice<UInt8>) throws(SDPError) {
        var cursor = TextCursor(value)
        guard let target = cursor.word() else { throw Field.malformed("a=rtcp-fb", "write * or a payload type") }
        let payloadType = target.equals("*") ? nil : try Field.payloadType(target, "a=rtcp-fb")
        let words = try Field.words(&cursor, "a=rtcp-fb")
        guard !words.isEmpty, words.allSatisfy(\.isVisible) else {
            throw Field.malformed("a=rtcp-fb", "write for example nack pli")
        }
        media.feedback.append(
            RTCPFeedback(payloadType: payloadType, value: words.map(\.string).joined(separator: " ")))
    }

    private mutating func readSource(_ value: ArraySlice<UInt8>) throws(SDPError) {
        var cursor = TextCursor(value)
        let ssrc = try Field.number(cursor.word(), "a=ssrc", as: UInt32.self)
        let (name, text) = cursor.rest.split(at: Byte.colon)
        guard name.isToken else { throw Field.malformed("a=ssrc", "write an SSRC and an attribute") }
        switch (name.string, text) {
        case ("cname", let text?):
            let cname = try Field.visible(text.trimmed, "cname", limit: Limits.cnameBytes)
            media.sources.append(SourceAttribute(ssrc: ssrc, .cname(cname)))
        case ("msid", let text?):
            media.sources.append(SourceAttribute(ssrc: ssrc, .msid(try Field.msid(text))))
        default: break
        }
    }

    private mutating func readSourceGroup(_ value: ArraySlice<UInt8>) throws(SDPError) {
        var cursor = TextCursor(value)
        let semantics = try Field.token(cursor.word(), "a=ssrc-group")
        var ssrcs: [UInt32] = []
        for word in try Field.words(&cursor, "a=ssrc-group") {
            ssrcs.append(try Field.number(word, "a=ssrc-group", as: UInt32.self))
        }
        media.sourceGroups.append(SourceGroup(semantics, ssrcs))
    }

    private mutating func readRestrictionID(_ value: ArraySlice<UInt8>) throws(SDPError) {
        var cursor = TextCursor(value)
        let id = try Self.restrictionID(cursor.word() ?? [])
        guard let direction = cursor.word(), direction.equals("send") || direction.equals("recv") else {
            throw Field.malformed("a=rid", "write an id and send or recv")
        }
        guard !media.rids.contains(where: { $0.id == id }) else { throw SDPError.repeated("an a=rid") }
        media.rids.append(RestrictionID(id: id, isSend: direction.equals("send")))
    }

    private mutating func readSimulcast(_ value: ArraySlice<UInt8>) throws(SDPError) {
        guard media.simulcast == nil else { throw SDPError.repeated("a=simulcast") }
        var cursor = TextCursor(value)
        var simulcast = Simulcast()
        while let direction = cursor.word() {
            guard let list = cursor.word() else { throw Field.malformed("a=simulcast", "write rids after send, recv") }
            let streams = try Self.simulcastStreams(list)
            if direction.equals("send"), simulcast.send.isEmpty {
                simulcast.send = streams
            } else if direction.equals("recv"), simulcast.receive.isEmpty {
                simulcast.receive = streams
            } else {
                throw Field.malformed("a=simulcast", "write send and recv at most once each")
            }
        }
        guard simulcast != Simulcast() else { throw Field.malformed("a=simulcast", "write send or recv and rids") }
        media.simulcast = simulcast
    }

    private static func simulcastStreams(_ list: ArraySlice<UInt8>) throws(SDPError) -> [[SimulcastStream]] {
        var streams: [[SimulcastStream]] = []
        var count = 0
        for alternatives in list.split(separator: Byte.semicolon, omittingEmptySubsequences: false) {
            var stream: [SimulcastStream] = []
            for text in alternatives.split(separator: Byte.comma, omittingEmptySubsequences: false) {
                count += 1
                guard count <= Limits.listWords else {
                    throw SDPError(.overLimit, "a=simulcast lists too much", hint: "list at most \(Limits.listWords)")
                }
                let isPaused = text.first == Byte.tilde
                let rid = try restrictionID(isPaused ? text.dropFirst() : text)
                stream.append(SimulcastStream(rid: rid, isPaused: isPaused))
            }
            streams.append(stream)
        }
        return streams
    }

    private static func restrictionID(_ bytes: ArraySlice<UInt8>) throws(SDPError) -> String {
        guard bytes.isRestrictionID, bytes.count <= Limits.identifierBytes else {
            throw Field.malformed("a rid", "write letters, digits, - and _ (RFC 8851 section 10)")
        }
        return bytes.string
    }
}

extension SDPError {
    static func repeated(_ what: String) -> SDPError {
        SDPError(.inconsistent, "\(what) is there twice in one section", hint: "write it once")
    }
}

extension MediaDescription {
    /// Whether the formats are RTP payload types.
    var isRTP: Bool {
        transport.utf8.split(separator: Byte.slash).contains { $0.elementsEqual("RTP".utf8) }
    }
}
