import RTP

extension SessionDescription {
    /// The description as text with CRLF line ends, written from the model alone.
    public var text: String {
        var writer = LineWriter()
        writer.line("v=0")
        writer.line("o=\(origin.username) \(origin.sessionID) \(origin.version) \(origin.connection.text)")
        writer.line("s=\(name.isEmpty ? "-" : name)")
        if let connection { writer.line("c=\(connection.text)") }
        for bandwidth in bandwidths { writer.line(bandwidth.line) }
        writer.line("t=\(startTime) \(stopTime)")
        for group in groups {
            writer.line("a=group:\(([group.semantics] + group.mids).joined(separator: " "))")
        }
        if isICELite { writer.line("a=ice-lite") }
        if allowsMixedExtensions { writer.line("a=extmap-allow-mixed") }
        for known in extensions { writer.line(known.line) }
        if !msidSemantic.isEmpty { writer.line("a=msid-semantic:\(msidSemantic.joined(separator: " "))") }
        writer.transport(
            ufrag: iceUfrag, password: icePassword, options: iceOptions, fingerprints: fingerprints, setup: setup)
        for section in media { section.write(to: &writer) }
        return writer.text
    }
}

/// Collects lines. No value can begin a new one: control characters are left out, whatever the model holds.
struct LineWriter {
    private var bytes: [UInt8] = []

    var text: String { String(decoding: bytes, as: UTF8.self) }

    mutating func line(_ text: String) {
        bytes.append(contentsOf: text.utf8.lazy.filter { $0 >= 0x20 && $0 != 0x7F })
        bytes.append(Byte.carriageReturn)
        bytes.append(Byte.lineFeed)
    }

    mutating func flag(_ isSet: Bool, _ name: String) {
        if isSet { line("a=\(name)") }
    }

    mutating func transport(
        ufrag: String?, password: String?, options: [String], fingerprints: [Fingerprint], setup: SetupRole?
    ) {
        if let ufrag { line("a=ice-ufrag:\(ufrag)") }
        if let password { line("a=ice-pwd:\(password)") }
        if !options.isEmpty { line("a=ice-options:\(options.joined(separator: " "))") }
        for fingerprint in fingerprints { line("a=fingerprint:\(fingerprint.algorithm) \(fingerprint.value)") }
        if let setup { line("a=setup:\(setup.rawValue)") }
    }
}

extension MediaDescription {
    func write(to writer: inout LineWriter) {
        writer.line((["m=\(kind.rawValue)", String(port), transport] + formats).joined(separator: " "))
        if let connection { writer.line("c=\(connection.text)") }
        for bandwidth in bandwidths { writer.line(bandwidth.line) }
        writer.transport(
            ufrag: iceUfrag, password: icePassword, options: iceOptions, fingerprints: fingerprints, setup: setup)
        if let mid { writer.line("a=mid:\(mid)") }
        writer.flag(isBundleOnly, "bundle-only")
        writer.flag(allowsMixedExtensions, "extmap-allow-mixed")
        for known in extensions { writer.line(known.line) }
        // An SCTP section has no direction of its own (RFC 8841); sendrecv is what its absence means.
        if isRTP || direction != .sendrecv { writer.line("a=\(direction.rawValue)") }
        for msid in msids { writer.line("a=msid:\(msid.text)") }
        writer.flag(hasRTCPMux, "rtcp-mux")
        writer.flag(hasReducedSizeRTCP, "rtcp-rsize")
        if isRTP { writeRTP(to: &writer) }
        if let sctpPort { writer.line("a=sctp-port:\(sctpPort)") }
        if let maxMessageSize { writer.line("a=max-message-size:\(maxMessageSize)") }
        for candidate in candidates { writer.line("a=\(candidate)") }
        writer.flag(hasEndOfCandidates, "end-of-candidates")
    }

    private func writeRTP(to writer: inout LineWriter) {
        for map in rtpMaps {
            let channels = map.channels == 1 ? "" : "/\(map.channels)"
            writer.line("a=rtpmap:\(map.payloadType) \(map.name)/\(map.clockRate)\(channels)")
        }
        for feedback in feedback {
            writer.line("a=rtcp-fb:\(feedback.payloadType.map { String($0) } ?? "*") \(feedback.value)")
        }
        for format in formatParameters where !format.parameters.isEmpty {
            let text = format.parameters.map { $0.value.isEmpty ? $0.key : "\($0.key)=\($0.value)" }
            writer.line("a=fmtp:\(format.payloadType) \(text.joined(separator: ";"))")
        }
        if let rtcpAddress { writer.line("a=rtcp:\(rtcpAddress.text)") }
        for crypto in cryptos { writer.line("a=crypto:\(crypto.text)") }
        if let connectionRole { writer.line("a=direction:\(connectionRole.rawValue)") }
        for rid in rids { writer.line("a=rid:\(rid.id) \(rid.isSend ? "send" : "recv")") }
        if let simulcast { writer.line("a=simulcast:\(simulcast.text)") }
        for group in sourceGroups {
            let words = [group.semantics] + group.ssrcs.map { String($0) }
            writer.line("a=ssrc-group:\(words.joined(separator: " "))")
        }
        for source in sources {
            switch source.value {
            case .cname(let cname): writer.line("a=ssrc:\(source.ssrc) cname:\(cname)")
            case .msid(let msid): writer.line("a=ssrc:\(source.ssrc) msid:\(msid.text)")
            }
        }
    }
}

extension RTCPAddress {
    fileprivate var text: String { connection.map { "\(port) \($0.text)" } ?? String(port) }
}

extension ConnectionData {
    fileprivate var text: String { "IN \(isIPv6 ? "IP6" : "IP4") \(address)" }
}

extension Bandwidth {
    fileprivate var line: String { "b=\(modifier.rawValue):\(value)" }
}

extension HeaderExtension {
    fileprivate var line: String { "a=extmap:\(id)\(direction.map { "/\($0.rawValue)" } ?? "") \(uri)" }
}

extension MSID {
    fileprivate var text: String { track.map { "\(stream) \($0)" } ?? stream }
}

extension Simulcast {
    fileprivate var text: String {
        [("send", send), ("recv", receive)].filter { !$0.1.isEmpty }.map { name, streams in
            let list = streams.map { alternatives in
                alternatives.map { ($0.isPaused ? "~" : "") + $0.rid }.joined(separator: ",")
            }
            return "\(name) \(list.joined(separator: ";"))"
        }.joined(separator: " ")
    }
}
