import RTP

/// Readers of the values that several lines share; each names what it reads, for the error.
enum Field {
    static func malformed(_ what: String, _ hint: String) -> SDPError {
        SDPError(.malformed, "\(what) is malformed", hint: hint)
    }

    static func number<Number: FixedWidthInteger & UnsignedInteger>(
        _ bytes: ArraySlice<UInt8>?, _ what: String, as type: Number.Type
    ) throws(SDPError) -> Number {
        guard let number = bytes?.decimal(as: type) else {
            throw malformed(what, "write a decimal number of at most \(Number.max)")
        }
        return number
    }

    static func payloadType(_ bytes: ArraySlice<UInt8>?, _ what: String) throws(SDPError) -> UInt8 {
        guard let number = bytes?.decimal(limit: 127) else {
            throw malformed(what, "write a payload type from 0 to 127")
        }
        return UInt8(number)
    }

    static func token(_ bytes: ArraySlice<UInt8>?, _ what: String) throws(SDPError) -> String {
        guard let bytes, bytes.isToken, bytes.count <= Limits.identifierBytes else {
            throw malformed(what, "write 1 to \(Limits.identifierBytes) token characters (RFC 8866 section 9)")
        }
        return bytes.string
    }

    static func visible(
        _ bytes: ArraySlice<UInt8>?, _ what: String, limit: Int = Limits.identifierBytes
    ) throws(SDPError) -> String {
        guard let bytes, bytes.isVisible, bytes.count <= limit else {
            throw malformed(what, "write 1 to \(limit) ASCII characters without spaces")
        }
        return bytes.string
    }

    static func tokens(_ cursor: inout TextCursor, _ what: String) throws(SDPError) -> [String] {
        var tokens: [String] = []
        for word in try words(&cursor, what) { tokens.append(try token(word, what)) }
        return tokens
    }

    /// RFC 8839 section 5.6. Deviation: commas part the options too, as libdatachannel has written them.
    static func iceOptions(_ value: ArraySlice<UInt8>) throws(SDPError) -> [String] {
        var options: [String] = []
        var cursor = TextCursor(value)
        for word in try words(&cursor, "a=ice-options") {
            for part in word.split(separator: Byte.comma) where options.count < Limits.listWords {
                options.append(try token(part, "a=ice-options"))
            }
        }
        return options
    }

    static func words(_ cursor: inout TextCursor, _ what: String) throws(SDPError) -> [ArraySlice<UInt8>] {
        guard let words = cursor.words(limit: Limits.listWords) else {
            throw SDPError(.overLimit, "\(what) lists too much", hint: "list at most \(Limits.listWords)")
        }
        return words
    }

    /// `IN IP4 address` (RFC 8866 section 5.7); a multicast scope after a slash is dropped.
    static func connection(_ cursor: inout TextCursor, _ what: String) throws(SDPError) -> ConnectionData {
        guard let network = cursor.word(), network.equals("IN"), let family = cursor.word(),
            family.equals("IP4") || family.equals("IP6"), let address = cursor.word(), cursor.isAtEnd
        else { throw malformed(what, "write IN, IP4 or IP6, and an address") }
        return ConnectionData(
            isIPv6: family.equals("IP6"), address: try visible(address.split(at: Byte.slash).0, what))
    }

    /// A port and perhaps an address (RFC 3605 section 2.1).
    static func rtcpAddress(_ value: ArraySlice<UInt8>) throws(SDPError) -> RTCPAddress {
        var cursor = TextCursor(value)
        let port = try number(cursor.word(), "a=rtcp", as: UInt16.self)
        guard !cursor.isAtEnd else { return RTCPAddress(port: port) }
        return RTCPAddress(port: port, connection: try connection(&cursor, "a=rtcp"))
    }

    /// RFC 8866 section 5.8; nil for a modifier that is not used here.
    static func bandwidth(_ value: ArraySlice<UInt8>) throws(SDPError) -> Bandwidth? {
        let (name, rate) = value.split(at: Byte.colon)
        guard name.isToken, let number = rate?.decimal() else {
            throw malformed("b=", "write a modifier, a colon and a number")
        }
        return Bandwidth.Modifier(rawValue: name.string).map { Bandwidth($0, number) }
    }

    /// RFC 8839 section 5.4.
    static func ufrag(_ value: ArraySlice<UInt8>) throws(SDPError) -> String {
        guard Limits.ufragBytes.contains(value.count), value.isICEText else {
            throw malformed("a=ice-ufrag", "write 4 to 256 letters, digits, + or /")
        }
        return value.string
    }

    static func password(_ value: ArraySlice<UInt8>) throws(SDPError) -> String {
        guard Limits.passwordBytes.contains(value.count), value.isICEText else {
            throw malformed("a=ice-pwd", "write 22 to 256 letters, digits, + or /")
        }
        return value.string
    }

    /// RFC 8122 section 5.
    static func fingerprint(_ value: ArraySlice<UInt8>) throws(SDPError) -> Fingerprint {
        var cursor = TextCursor(value)
        let algorithm = try token(cursor.word(), "a=fingerprint").lowercased()
        guard let hexadecimal = cursor.word(), cursor.isAtEnd, hexadecimal.count % 3 == 2 else {
            throw malformed("a=fingerprint", "write a hash function and bytes as AB:CD:…")
        }
        for (offset, byte) in hexadecimal.enumerated() {
            let isRight =
                switch byte {
                case Byte.colon: offset % 3 == 2
                case 0x30...0x39, 0x41...0x46, 0x61...0x66: offset % 3 != 2
                default: false
                }
            guard isRight else { throw malformed("a=fingerprint", "write bytes as AB:CD:…") }
        }
        if let bytes = Fingerprint.acceptedLengths.first(where: { $0.algorithm == algorithm })?.bytes {
            guard hexadecimal.count == bytes * 3 - 1 else {
                throw malformed("a=fingerprint", "\(algorithm) has \(bytes) bytes")
            }
        }
        return Fingerprint(algorithm: algorithm, value: hexadecimal.string.uppercased())
    }

    static func setup(_ value: ArraySlice<UInt8>) throws(SDPError) -> SetupRole {
        guard let role = SetupRole(rawValue: value.string) else {
            throw malformed("a=setup", "write active, passive or actpass")
        }
        return role
    }

    /// RFC 8285 section 5; the extension's own attributes after the URI are dropped.
    static func headerExtension(_ value: ArraySlice<UInt8>) throws(SDPError) -> HeaderExtension {
        var cursor = TextCursor(value)
        let (number, direction) = (cursor.word() ?? []).split(at: Byte.slash)
        let id = try Field.number(number, "a=extmap", as: UInt16.self)
        guard id > 0 else { throw malformed("a=extmap", "write an id from 1") }
        var parsed = HeaderExtension(id: id, uri: try visible(cursor.word(), "a=extmap", limit: Limits.lineBytes))
        if let direction {
            guard let known = MediaDirection(rawValue: direction.string) else {
                throw malformed("a=extmap", "write a direction after the slash")
            }
            parsed.direction = known
        }
        return parsed
    }

    /// RFC 8830 section 2. Deviation: any visible characters, since some servers join ids with `:` or `/`.
    static func msid(_ value: ArraySlice<UInt8>) throws(SDPError) -> MSID {
        var cursor = TextCursor(value)
        let stream = try visible(cursor.word(), "msid")
        let track = try cursor.word().map { word throws(SDPError) in try visible(word, "msid") }
        guard cursor.isAtEnd else { throw malformed("msid", "write a stream id and a track id") }
        return MSID(stream: stream, track: track)
    }
}

extension Fingerprint {
    /// The hash functions that a handshake is checked with, and the length of their values.
    static let acceptedLengths: [(algorithm: String, bytes: Int)] = [("sha-256", 32), ("sha-384", 48), ("sha-512", 64)]

    var isAccepted: Bool { Self.acceptedLengths.contains { $0.algorithm == algorithm } }
}
