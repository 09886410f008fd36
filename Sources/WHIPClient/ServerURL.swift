/// Where a server listens: scheme, host and port of a URL.
public struct ServerURL: Sendable, Hashable, CustomStringConvertible {
    public var isSecure: Bool
    /// A name or an address; IPv6 without brackets.
    public var host: String
    public var port: Int

    /// Reads `http://host:port` or `https://host:port`; a path beyond `/` is refused. nil for anything else.
    public init?(_ text: String) {
        let lower = text.lowercased()
        let isSecure = lower.hasPrefix("https://")
        guard isSecure || lower.hasPrefix("http://") else { return nil }
        var rest = text.dropFirst(isSecure ? 8 : 7)
        if rest.last == "/" { rest = rest.dropLast() }
        guard !rest.contains("/"), !rest.contains("@"), !rest.contains("?"), !rest.contains("#") else { return nil }
        var host = rest
        var portText: Substring?
        if rest.first == "[" {
            guard let end = rest.firstIndex(of: "]") else { return nil }
            host = rest[rest.index(after: rest.startIndex)..<end]
            let after = rest[rest.index(after: end)...]
            guard after.isEmpty || after.first == ":" else { return nil }
            if !after.isEmpty { portText = after.dropFirst() }
        } else if let colon = rest.firstIndex(of: ":") {
            host = rest[..<colon]
            portText = rest[rest.index(after: colon)...]
        }
        guard !host.isEmpty else { return nil }
        var port = isSecure ? 443 : 80
        if let portText {
            guard let number = Int(portText), (1...65_535).contains(number) else { return nil }
            port = number
        }
        self.isSecure = isSecure
        self.host = String(host)
        self.port = port
    }

    public var description: String { (isSecure ? "https://" : "http://") + authority }

    /// For the Host header (RFC 9110 section 7.2).
    var authority: String { (host.contains(":") ? "[\(host)]" : host) + ":\(port)" }

    /// The path of a `Location` header, which may be a whole URL (RFC 9725 section 4.2); nil when it leads to
    /// another server.
    func path(of location: String) -> String? {
        if location.hasPrefix("/"), !location.hasPrefix("//") { return location }
        guard let scheme = location.range(of: "://") else { return nil }
        let rest = location[scheme.upperBound...]
        guard let slash = rest.firstIndex(of: "/"), let other = ServerURL(String(location[..<slash])) else {
            return nil
        }
        return other == self ? String(rest[slash...]) : nil
    }
}

extension String {
    /// Where `text` lies, without Foundation.
    fileprivate func range(of text: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
