import RTP

extension SessionDescription {
    /// Reads a description. Accepts CRLF and LF line ends; drops attributes that it does not know; refuses
    /// malformed ones, control characters, and more than 64 KiB or 64 sections.
    public init(parsing text: String) throws(SDPError) {
        guard text.utf8.count <= Limits.textBytes else {
            throw SDPError(
                .overLimit, "the description has more than \(Limits.textBytes) bytes", hint: "offer fewer sections")
        }
        let bytes = Array(text.utf8)
        var parser = SessionParser()
        var number = 0
        var start = 0
        while start < bytes.count {
            number += 1
            guard number <= Limits.lines else {
                throw SDPError(
                    .overLimit, line: number, "the description has more than \(Limits.lines) lines",
                    hint: "offer fewer sections")
            }
            let end = bytes[start...].firstIndex(of: Byte.lineFeed) ?? bytes.count
            var line = bytes[start..<end]
            if line.last == Byte.carriageReturn { line.removeLast() }
            start = end + 1
            do throws(SDPError) {
                try parser.read(line)
            } catch {
                throw error.at(line: number)
            }
        }
        self = try parser.finished()
    }
}

/// The state of reading a description line by line.
struct SessionParser {
    private var session = SessionDescription()
    private var section: SectionParser?
    private var hasVersion = false
    private var hasOrigin = false
    private var attributes = 0
    /// `a=sendonly` and its like before the first section hold for all (RFC 8866 section 6.7).
    private var direction = MediaDirection.sendrecv

    mutating func read(_ line: ArraySlice<UInt8>) throws(SDPError) {
        guard line.count <= Limits.lineBytes else {
            throw SDPError(.overLimit, "the line has more than \(Limits.lineBytes) bytes", hint: "shorten it")
        }
        guard !line.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            throw SDPError(.malformed, "the line has a control character", hint: "end lines with CR LF, and only lines")
        }
        guard !line.isEmpty else { return }
        guard line.count >= 2, line[line.startIndex + 1] == Byte.equals else {
            throw SDPError(.malformed, "the line is no type=value", hint: "write one letter, = and a value")
        }
        let letter = line[line.startIndex]
        let value = line.dropFirst(2)
        guard hasVersion || letter == UInt8(ascii: "v") else {
            throw SDPError(.malformed, "the description does not begin with v=0", hint: "send the whole description")
        }
        if letter == UInt8(ascii: "m") {
            try beginSection(value)
        } else if section != nil {
            try section?.read(letter, value)
        } else {
            try readSessionLine(letter, value)
        }
    }

    func finished() throws(SDPError) -> SessionDescription {
        guard hasVersion else {
            throw SDPError(.empty, "the description is empty", hint: "send the text of an offer or answer")
        }
        guard hasOrigin else { throw SDPError(.missing, "there is no o= line", hint: "add the origin") }
        var session = session
        if let section { session.media.append(section.media) }
        try session.checkMids()
        return session
    }

    private mutating func beginSection(_ value: ArraySlice<UInt8>) throws(SDPError) {
        if let section { session.media.append(section.media) }
        guard session.media.count < Limits.sections else {
            throw SDPError(
                .overLimit, "the description has more than \(Limits.sections) sections", hint: "offer fewer sections")
        }
        section = try SectionParser(value, direction: direction)
    }

    private mutating func readSessionLine(_ letter: UInt8, _ value: ArraySlice<UInt8>) throws(SDPError) {
        switch letter {
        case UInt8(ascii: "v"):
            guard !hasVersion, value.equals("0") else { throw Field.malformed("v=", "write v=0, once") }
            hasVersion = true
        case UInt8(ascii: "o"):
            guard !hasOrigin else { throw Field.malformed("o=", "write it once") }
            session.origin = try Self.origin(value)
            hasOrigin = true
        case UInt8(ascii: "s"):
            session.name = value.isEmpty ? "-" : value.string
        case UInt8(ascii: "t"):
            var cursor = TextCursor(value)
            session.startTime = try Field.number(cursor.word(), "t=", as: UInt64.self)
            session.stopTime = try Field.number(cursor.word(), "t=", as: UInt64.self)
        case UInt8(ascii: "c"):
            var cursor = TextCursor(value)
            session.connection = try Field.connection(&cursor, "c=")
        case UInt8(ascii: "b"):
            guard session.bandwidths.count < Limits.listWords else { return }
            if let bandwidth = try Field.bandwidth(value) { session.bandwidths.append(bandwidth) }
        case UInt8(ascii: "a"):
            attributes += 1
            guard attributes <= Limits.attributes else { throw SDPError.tooManyAttributes }
            try readAttribute(value)
        case UInt8(ascii: "i"), UInt8(ascii: "u"), UInt8(ascii: "e"), UInt8(ascii: "p"), UInt8(ascii: "r"),
            UInt8(ascii: "z"), UInt8(ascii: "k"):
            break
        default:
            // RFC 8866 section 5: unknown letters make the whole description unacceptable.
            throw SDPError(.malformed, "the line's type is unknown", hint: "use the types of RFC 8866 section 5")
        }
    }

    private static func origin(_ value: ArraySlice<UInt8>) throws(SDPError) -> Origin {
        var cursor = TextCursor(value)
        let username = try Field.visible(cursor.word(), "o=")
        let sessionID = try Field.number(cursor.word(), "o=", as: UInt64.self)
        let version = try Field.number(cursor.word(), "o=", as: UInt64.self)
        return Origin(
            username: username, sessionID: sessionID, version: version,
            connection: try Field.connection(&cursor, "o="))
    }

    private mutating func readAttribute(_ line: ArraySlice<UInt8>) throws(SDPError) {
        let (name, rest) = line.split(at: Byte.colon)
        let value = rest ?? []
        var cursor = TextCursor(value)
        guard name.isToken else { throw SDPError.badAttributeName }
        switch name.string {
        case "group":
            guard session.groups.count < Limits.sections else {
                throw SDPError(.overLimit, "there are too many groups", hint: "use one BUNDLE group")
            }
            let words = try Field.tokens(&cursor, "a=group")
            guard let semantics = words.first else { throw Field.malformed("a=group", "write semantics and mids") }
            session.groups.append(MediaGroup(semantics, Array(words.dropFirst())))
        case "ice-lite": session.isICELite = true
        case "ice-options": session.iceOptions = try Field.iceOptions(value)
        case "ice-ufrag": session.iceUfrag = try Field.ufrag(value)
        case "ice-pwd": session.icePassword = try Field.password(value)
        case "fingerprint": session.fingerprints.append(try Field.fingerprint(value))
        case "setup": session.setup = try Field.setup(value)
        case "msid-semantic":
            session.msidSemantic = try Field.words(&cursor, "a=msid-semantic").map { word throws(SDPError) in
                try Field.visible(word, "a=msid-semantic")
            }
        case "extmap-allow-mixed": session.allowsMixedExtensions = true
        case "extmap": session.extensions.append(try Field.headerExtension(value))
        default:
            if let direction = MediaDirection(rawValue: name.string) { self.direction = direction }
        }
    }
}

extension SDPError {
    static let tooManyAttributes = SDPError(
        .overLimit, "there are more than \(Limits.attributes) attributes in one part", hint: "offer fewer codecs")
    static let badAttributeName = SDPError(
        .malformed, "the attribute's name is malformed", hint: "write a=name or a=name:value")
}

extension SessionDescription {
    /// Mids are unique (RFC 5888 section 4), and a BUNDLE group names each once and none that is absent
    /// (RFC 9143 section 7.1).
    func checkMids() throws(SDPError) {
        var mids = Set<String>()
        for section in media {
            guard let mid = section.mid else { continue }
            guard mids.insert(mid).inserted else {
                throw SDPError(.inconsistent, "two sections have one mid", hint: "give each section its own a=mid")
            }
        }
        var bundled = Set<String>()
        for mid in bundles.flatMap(\.mids) {
            guard mids.contains(mid) else {
                throw SDPError(
                    .inconsistent, "a BUNDLE group names a mid that no section has", hint: "name the a=mid of sections")
            }
            guard bundled.insert(mid).inserted else {
                throw SDPError(.inconsistent, "a mid is bundled twice", hint: "name each mid in one BUNDLE group")
            }
        }
    }
}
