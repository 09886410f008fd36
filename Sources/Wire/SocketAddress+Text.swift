extension IPAddress: CustomStringConvertible {
    /// Parses dotted-quad IPv4 or RFC 4291 IPv6 text, without zone and without names. Nil when it is neither.
    public init?(_ text: some StringProtocol) {
        let utf8 = Array(text.utf8)
        guard utf8.count <= 45 else { return nil }
        if let value = Self.parseIPv4(utf8[...]) {
            self.init(ipv4: value)
        } else if let (high, low) = Self.parseIPv6(utf8) {
            self.init(ipv6High: high, low: low)
        } else {
            return nil
        }
    }

    private static func parseIPv4(_ text: ArraySlice<UInt8>) -> UInt32? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0") else { return nil }
            var octet: UInt32 = 0
            for digit in part {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
                octet = octet * 10 + UInt32(digit - UInt8(ascii: "0"))
            }
            guard octet <= 255 else { return nil }
            value = value << 8 | octet
        }
        return value
    }

    private static func parseIPv6(_ text: [UInt8]) -> (UInt64, UInt64)? {
        let colon = UInt8(ascii: ":")
        guard text.count >= 2 else { return nil }
        var gap: Int?
        for index in 0..<(text.count - 1) where text[index] == colon && text[index + 1] == colon {
            guard gap == nil else { return nil }
            gap = index
        }
        let front: [UInt16]
        var back: [UInt16] = []
        if let gap {
            guard let before = groups(text[..<gap]), let after = groups(text[(gap + 2)...]) else { return nil }
            front = before
            back = after
            guard front.count + back.count <= 7 else { return nil }
        } else {
            guard let all = groups(text[...]), all.count == 8 else { return nil }
            front = all
        }
        let words = front + Array(repeating: 0, count: 8 - front.count - back.count) + back
        let high = words[..<4].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
        let low = words[4...].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
        return (high, low)
    }

    /// Colon-separated hex groups; the last may be a dotted quad. Empty text is no groups.
    private static func groups(_ text: ArraySlice<UInt8>) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        var words: [UInt16] = []
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, part.contains(UInt8(ascii: ".")) {
                guard let quad = parseIPv4(part) else { return nil }
                words += [UInt16(quad >> 16), UInt16(quad & 0xFFFF)]
                continue
            }
            guard (1...4).contains(part.count),
                let word = UInt16(String(decoding: part, as: UTF8.self), radix: 16),
                part.first != UInt8(ascii: "+")
            else { return nil }
            words.append(word)
        }
        return words.count <= 8 ? words : nil
    }

    /// Dotted quad, or RFC 5952 canonical IPv6 text.
    public var description: String {
        if isIPv4 {
            return [24, 16, 8, 0].map { String(low >> $0 & 0xFF) }.joined(separator: ".")
        }
        let words = (0..<8).map { index in
            UInt16(truncatingIfNeeded: index < 4 ? high >> (48 - 16 * index) : low >> (112 - 16 * index))
        }
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, words[end] == 0 { end += 1 }
            if end - start > max(best.count, 1) { best = start..<end }
            start = max(end, start + 1)
        }
        func text(_ slice: ArraySlice<UInt16>) -> String {
            slice.map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard !best.isEmpty else { return text(words[...]) }
        return text(words[..<best.lowerBound]) + "::" + text(words[best.upperBound...])
    }
}

extension SocketAddress: CustomStringConvertible {
    /// `192.0.2.1:5000` or `[2001:db8::1]:5000`.
    public var description: String { ip.isIPv4 ? "\(ip):\(port)" : "[\(ip)]:\(port)" }

    /// Parses what ``description`` gives: an address literal and a port of 1...65535. Nil for anything else.
    public init?(_ text: some StringProtocol) {
        guard text.utf8.count <= 53, let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let port = UInt16(digits), port > 0
        else { return nil }
        var host = text[..<colon]
        let isBracketed = host.first == "[" && host.last == "]"
        if isBracketed { host = host.dropFirst().dropLast() }
        guard let ip = IPAddress(host), isBracketed == host.contains(":") else { return nil }
        self.init(ip: ip, port: port)
    }
}
