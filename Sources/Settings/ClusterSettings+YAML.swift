import Yams

extension ClusterSettings {
    /// Reads the text of a `cluster.yml`. `file` only appears in errors.
    public init(yaml text: String, file: String) throws(SettingsError) {
        self.init()
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw Self.syntaxError(error, file: file)
        }
        var reader = try SettingsReader(file: file, node: root)
        try reader.parsed(
            "cluster", into: &cluster, expecting: "a name of letters, digits, - and _", example: "default"
        ) {
            Self.isName($0) ? $0 : nil
        }
        try reader.parsed("log_level", into: &logLevel, expecting: "a log level", example: "info") {
            ["trace", "debug", "info", "notice", "warning", "error"].contains($0) ? $0 : nil
        }
        try readLog(&reader)
        try readSignaling(&reader)
        try readTLS(&reader)
        try readMedia(&reader)
        try readStoreAndWorkers(&reader)
        try readPlacement(&reader)
        try readLimits(&reader)
        try readWHIP(&reader)
        try readTURN(&reader)
        try readGallery(&reader)
        try reader.finish()
    }

    private static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
    }

    private static func syntaxError(_ error: any Error, file: String) -> SettingsError {
        var line: Int?
        var problem = "\(error)"
        switch error as? YamlError {
        case .duplicatedKeysInMapping(let keys, let context):
            // The mark is where the mapping begins; the repeated key is further down.
            return SettingsError(
                file: file, line: context.mark.line, key: keys.sorted().first ?? "",
                problem: "this key is here twice", fix: "Keep one of them")
        case .scanner(_, let what, let mark, _), .parser(_, let what, let mark, _), .composer(_, let what, let mark, _):
            line = mark.line
            problem = what
        case .reader(let what, _, _, _):
            problem = what
        default:
            break
        }
        return SettingsError(
            file: file, line: line, key: "", problem: "not valid YAML: \(problem)",
            fix: "Check the indentation (spaces, no tabs) and the quotes around this line")
    }

    private static func listen(
        _ reader: inout SettingsReader, into addresses: inout [ListenAddress]
    ) throws(SettingsError) {
        var texts = addresses.map(\.description)
        try reader.strings("listen", into: &texts)
        var parsed: [ListenAddress] = []
        for text in texts {
            guard let address = ListenAddress(text) else {
                throw reader.error(
                    "listen", line: reader.line(of: "listen"), "`\(text)` is not an address with a port",
                    "Write for example \"[::]:8888\", \"127.0.0.1:8888\" or 8888")
            }
            parsed.append(address)
        }
        addresses = parsed
    }

    private mutating func readLog(_ reader: inout SettingsReader) throws(SettingsError) {
        var section = try reader.section("log")
        try section.parsed("format", into: &log.format, expecting: "one of text, json", example: "json") {
            LogSettings.Format(rawValue: $0)
        }
        try section.finish()
    }

    private mutating func readSignaling(_ reader: inout SettingsReader) throws(SettingsError) {
        var section = try reader.section("signaling")
        try Self.listen(&section, into: &signaling.listen)
        try section.parsed("kurento_path", into: &signaling.kurentoPath, expecting: "a URL path", example: "kurento") {
            let path = $0.hasPrefix("/") ? String($0.dropFirst()) : $0
            return path.isEmpty || path.contains(where: { "?# ".contains($0) }) ? nil : path
        }
        try section.strings("allowed_origins", into: &signaling.allowedOrigins)
        try section.string("pages", into: &signaling.pages)
        try section.region(into: &signaling.region)
        try section.finish()
    }

    private mutating func readTLS(_ reader: inout SettingsReader) throws(SettingsError) {
        var section = try reader.section("tls")
        try Self.listen(&section, into: &tls.listen)
        let certificate = try section.optionalString("certificate") ?? "self-signed"
        let key = try section.optionalString("key")
        tls.password = try section.optionalString("password")
        if certificate == "self-signed" {
            guard key == nil else {
                throw section.error(
                    "key", line: section.line(of: "key"), "there is a key but no certificate",
                    "Set `certificate` to the PEM file that belongs to it")
            }
            tls.certificate = .selfSigned
        } else {
            tls.certificate = .files(certificate: certificate, key: key)
        }
        try section.finish()
    }

    private mutating func readMedia(_ reader: inout SettingsReader) throws(SettingsError) {
        var section = try reader.section("media")
        try section.parsed("udp_ports", into: &media.udpPorts, expecting: "a port range", example: "40000-40199") {
            Self.range($0)
        }
        try section.parsed(
            "tcp_ports", into: &media.tcpPorts, expecting: "a port, a port range or none", example: "443"
        ) {
            if $0 == "none" { return .some(nil) }
            return (Self.range($0) ?? Self.range("\($0)-\($0)")).map { .some($0) }
        }
        try section.parsed(
            "rtp_ports", into: &media.rtpPorts,
            expecting: "a range with two pairs of ports, the lower of each even, or none", example: "40200-40999"
        ) {
            if $0 == "none" { return .some(nil) }
            return Self.range($0).flatMap { $0.count >= ($0.lowerBound % 2 == 0 ? 4 : 5) ? .some($0) : nil }
        }
        try section.parsed(
            "http_ports", into: &media.httpPorts, expecting: "a port, a port range or none", example: "41000-41199"
        ) {
            if $0 == "none" { return .some(nil) }
            return (Self.range($0) ?? Self.range("\($0)-\($0)")).map { .some($0) }
        }
        try section.flag("tcp_active", into: &media.tcpActive)
        try section.strings("interfaces", into: &media.interfaces)
        try section.strings("excluded_interfaces", into: &media.excludedInterfaces)
        try section.map("announced_addresses", into: &media.announcedAddresses)
        try section.flag("ipv6", into: &media.ipv6)
        try section.parsed("loopback", into: &media.loopback, expecting: "auto, always or never", example: "auto") {
            MediaSettings.Loopback(rawValue: $0)
        }
        try section.flag("ice_lite", into: &media.iceLite)
        try section.flag("resolve_mdns", into: &media.resolveMDNS)
        try section.flag("pause_below_lowest_layer", into: &media.pauseBelowLowestLayer)
        try section.flag("transcoding", into: &media.transcoding)
        try section.finish()
        section = try reader.section("files")
        try section.strings("roots", into: &files.roots)
        try section.flag("private_servers", into: &files.privateServers)
        if let relative = files.roots.first(where: { !$0.hasPrefix("/") }) {
            throw section.error(
                "roots", line: section.line(of: "roots"), "`\(relative)` is no absolute path",
                "Write the whole path, such as /var/lib/apus")
        }
        try section.finish()
    }

    private static func range(_ text: String) -> ClosedRange<UInt16>? {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
        guard ends.count == 2, let first = ends[0], let last = ends[1], first > 0, first <= last else { return nil }
        return first...last
    }

    private mutating func readStoreAndWorkers(_ reader: inout SettingsReader) throws(SettingsError) {
        var section = try reader.section("store")
        try section.parsed("url", into: &store.url, expecting: "a Redis address", example: "redis://127.0.0.1:6379/0") {
            $0.hasPrefix("redis://") || $0.hasPrefix("unix:") ? $0 : nil
        }
        try section.flag("start", into: &store.start)
        try section.finish()
        section = try reader.section("controllers")
        try section.integer("count", in: 1...16, into: &controllers.count)
        try section.integer("heartbeat_port", in: 0...65_000, into: &controllers.heartbeatPort)
        try section.finish()
        section = try reader.section("workers")
        try section.integer("count", in: 1...64, into: &workers.count)
        try section.integer("reactors", in: 1...64, into: &workers.reactors)
        try section.region(into: &workers.region)
        try section.labels(into: &workers.labels)
        try section.flag("media", into: &workers.media)
        try section.finish()
        let sockets = workers.count * workers.reactors
        guard media.udpPorts.count >= sockets else {
            throw SettingsError(
                file: reader.file, line: section.line, key: "media.udp_ports",
                problem: "\(media.udpPorts.count) ports are too few for \(sockets) reactors",
                fix: "Widen the range to at least \(sockets) ports")
        }
        for (key, ports) in [("tcp_ports", media.tcpPorts), ("http_ports", media.httpPorts)] {
            guard let ports, ports.count < workers.count else { continue }
            throw SettingsError(
                file: reader.file, line: section.line, key: "media.\(key)",
                problem: "\(ports.count) ports are too few for \(workers.count) workers",
                fix: "Widen the range to at least \(workers.count) ports, or write `none`")
        }
    }

    private mutating func readLimits(_ reader: inout SettingsReader) throws(SettingsError) {
        var section = try reader.section("limits")
        try section.integer("sessions_per_worker", in: 1...100_000, into: &limits.sessionsPerWorker)
        try section.integer("endpoints_per_reactor", in: 1...20_000, into: &limits.endpointsPerReactor)
        try section.integer("whip_resources", in: 1...1_000_000, into: &limits.whipResources)
        try section.integer("endpoints_per_shard", in: 1...20_000, into: &limits.endpointsPerShard)
        try section.integer("connections", in: 1...1_000_000, into: &limits.connections)
        try section.integer("connections_per_address", in: 1...1_000_000, into: &limits.connectionsPerAddress)
        try section.integer("session_garbage_period", in: 1...86_400, into: &limits.sessionGarbagePeriod)
        try section.finish()
    }

    private mutating func readWHIP(_ reader: inout SettingsReader) throws(SettingsError) {
        try reader.map("keys", into: &keys, example: "name: secret")
        for (name, secret) in keys.sorted(by: { $0.key < $1.key }) {
            let bytes = secret.utf8.count
            guard !name.isEmpty, bytes >= Self.secretBytes else {
                throw reader.error(
                    "keys", line: reader.line(of: "keys"),
                    "the secret of `\(name)` has \(bytes) bytes; \(Self.secretBytes) are the least",
                    "Make one with `openssl rand -hex 32`")
            }
        }
        var section = try reader.section("whip")
        try section.strings("ice_servers", into: &whip.iceServers)
        try section.flag("switch_off_unwatched_layers", into: &whip.switchesOffUnwatchedLayers)
        for server in whip.iceServers where !Self.isICEServer(server) {
            throw section.error(
                "ice_servers", line: section.line(of: "ice_servers"), "`\(server)` is not a STUN or TURN address",
                "Write for example [\"stun:stun.example.com:3478\"]")
        }
        try section.finish()
    }

    private mutating func readTURN(_ reader: inout SettingsReader) throws(SettingsError) {
        var section = try reader.section("turn")
        try section.integer("port", in: 0...65_000, into: &turn.port)
        turn.secret = try section.optionalString("secret") ?? ""
        try section.strings("hosts", into: &turn.hosts)
        try section.integer("connections_per_address", in: 1...4096, into: &turn.connectionsPerAddress)
        guard turn.port == 0 || turn.secret.utf8.count >= Self.secretBytes else {
            throw section.error(
                "secret", line: section.line(of: "secret") ?? section.line(of: "port"),
                "a TURN server needs a secret of \(Self.secretBytes) bytes or more",
                "Make one with `openssl rand -hex 32`")
        }
        for host in turn.hosts where !Self.isICEServer("turn:\(host)") {
            throw section.error(
                "hosts", line: section.line(of: "hosts"), "`\(host)` is not a host",
                "Write for example [\"media1.example.com\", \"203.0.113.7\"]")
        }
        try section.finish()
    }

    private mutating func readGallery(_ reader: inout SettingsReader) throws(SettingsError) {
        var section = try reader.section("gallery")
        try section.flag("enabled", into: &gallery.isEnabled)
        try section.flag("record_calls", into: &gallery.recordsCalls)
        try section.parsed(
            "repository", into: &gallery.repository, expecting: "an http or https address",
            example: "http://repository.example.com/calls"
        ) {
            $0.isEmpty || $0.hasPrefix("http://") || $0.hasPrefix("https://") ? $0 : nil
        }
        try section.finish()
    }

    /// As long as the hash that it keys (RFC 7518 section 3.2).
    private static let secretBytes = 32

    private static func isICEServer(_ text: String) -> Bool {
        ["stun:", "stuns:", "turn:", "turns:"].contains { text.hasPrefix($0) && text.utf8.count > $0.utf8.count }
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ">") }
    }
}
