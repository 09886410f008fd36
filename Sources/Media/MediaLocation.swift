/// Where media is: a file, or a resource of a server. Only forms that this module opens have one.
package struct MediaLocation: Equatable {
    package enum Scheme: String { case file, http, https, rtsp }

    package var scheme: Scheme
    /// Of a file: its absolute path, decoded.
    package var path = ""
    /// Of a server: name or address, without brackets.
    package var host = ""
    var port: Int
    /// `user:password`, decoded, if the location has it.
    var credentials: String?
    /// Path and query of a request, as written.
    var target = "/"
    package var text: String

    /// - Throws: ``MediaError/forbidden`` for other schemes, and for names that are none.
    package init(_ text: String) throws(MediaError) {
        guard text.utf8.count <= Limits.locationBytes else { throw .tooLarge }
        // FFmpeg reads on after a NUL or a line end in its own manner.
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) || text.hasPrefix("file://"),
            text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f })
        else { throw .forbidden }
        self.text = text
        guard let colon = text.firstRange(of: "://"),
            let scheme = Scheme(rawValue: text[..<colon.lowerBound].lowercased())
        else { throw .forbidden }
        self.scheme = scheme
        let rest = text[colon.upperBound...]
        let slash = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
        let authority = rest[..<slash]
        port = scheme == .https ? 443 : scheme == .rtsp ? 554 : 80
        if scheme == .file {
            // RFC 8089 section 2: an empty host, or this one.
            guard authority.isEmpty || authority == "localhost" else { throw .forbidden }
            let decoded = Self.decode(rest[slash...])
            guard let decoded, decoded.hasPrefix("/") else { throw .forbidden }
            path = decoded
            return
        }
        target = String(rest[slash...].prefix { $0 != "#" })
        if !target.hasPrefix("/") { target = "/" + target }
        try readAuthority(authority)
    }

    private mutating func readAuthority(_ authority: Substring) throws(MediaError) {
        var address = authority
        if let at = authority.lastIndex(of: "@") {
            guard let decoded = Self.decode(authority[..<at]) else { throw .forbidden }
            credentials = decoded
            address = authority[authority.index(after: at)...]
        }
        var number: Substring?
        if address.hasPrefix("[") {
            guard let end = address.firstIndex(of: "]") else { throw .forbidden }
            host = String(address[address.index(after: address.startIndex)..<end])
            let rest = address[address.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { throw .forbidden }
            number = rest.isEmpty ? nil : rest.dropFirst()
        } else if let colon = address.firstIndex(of: ":") {
            host = String(address[..<colon])
            number = address[address.index(after: colon)...]
        } else {
            host = String(address)
        }
        guard !host.isEmpty, host.utf8.count <= 253, host.allSatisfy(Self.isOfHost) else { throw .forbidden }
        if let number {
            guard let value = Int(number), (1...65535).contains(value) else { throw .forbidden }
            port = value
        }
    }

    private static func isOfHost(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || ".-_:".contains(character))
    }

    /// `host`, in brackets where it has colons.
    var bracketedHost: String { host.contains(":") ? "[\(host)]" : host }

    /// Whether the host is a number already.
    var isNumeric: Bool { host.contains(":") || host.allSatisfy { $0.isNumber || $0 == "." } }

    /// The URI of a file (RFC 8089).
    package static func file(_ path: String) -> String {
        "file://"
            + path.utf8.map { byte in
                let isPlain =
                    byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "%") && byte != UInt8(ascii: "?")
                    && byte != UInt8(ascii: "#")
                return isPlain ? String(UnicodeScalar(byte)) : "%" + hexadecimal(byte >> 4) + hexadecimal(byte & 15)
            }.joined()
    }

    private static func hexadecimal(_ digit: UInt8) -> String { String(digit, radix: 16, uppercase: true) }

    /// RFC 3986 section 2.1. Nil for a broken escape, a NUL or what is no UTF-8.
    static func decode(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8.makeIterator()
        while let byte = rest.next() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.next(), let low = rest.next(),
                let value = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16), value != 0
            else { return nil }
            bytes.append(value)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
