/// The body of a trickle or an ICE restart by HTTP: `application/trickle-ice-sdpfrag` (RFC 8840 section 9, used as
/// RFC 9725 section 4.3 has it). ICE attributes only; a session has one transport, so all sections are one.
public struct TrickleFragment: Hashable, Sendable {
    public static let mediaType = "application/trickle-ice-sdpfrag"

    /// The generation that the candidates belong to, at the session level or in a section.
    public var iceUfrag: String?
    public var icePassword: String?
    public var isICELite: Bool
    /// `a=ice-options`; when written they must equal those of the description.
    public var iceOptions: [String]
    /// `candidate:…` in their order, each once.
    public var candidates: [String]
    public var hasEndOfCandidates: Bool

    public init(
        iceUfrag: String? = nil, icePassword: String? = nil, isICELite: Bool = false, iceOptions: [String] = [],
        candidates: [String] = [], hasEndOfCandidates: Bool = false
    ) {
        self.iceUfrag = iceUfrag
        self.icePassword = icePassword
        self.isICELite = isICELite
        self.iceOptions = iceOptions
        self.candidates = candidates
        self.hasEndOfCandidates = hasEndOfCandidates
    }

    /// Reads a fragment. Accepts CRLF and LF; drops attributes that are not about ICE, and candidates that it
    /// cannot read (RFC 8839 section 5.1). Refuses malformed ICE attributes, two generations in one fragment,
    /// control characters, and more than 64 KiB.
    public init(parsing text: String) throws(SDPError) {
        self.init()
        guard text.utf8.count <= Limits.textBytes else {
            throw SDPError(
                .overLimit, "the fragment has more than \(Limits.textBytes) bytes", hint: "send fewer candidates")
        }
        let bytes = Array(text.utf8)
        var seen = Set<String>()
        var number = 0
        var start = 0
        while start < bytes.count {
            number += 1
            guard number <= Limits.lines else {
                throw SDPError(
                    .overLimit, "the fragment has more than \(Limits.lines) lines", hint: "send fewer candidates")
            }
            let end = bytes[start...].firstIndex(of: Byte.lineFeed) ?? bytes.count
            var line = bytes[start..<end]
            if line.last == Byte.carriageReturn { line.removeLast() }
            start = end + 1
            do throws(SDPError) {
                try read(line, &seen)
            } catch {
                throw error.at(line: number)
            }
        }
        guard seen.contains(Self.anything) else {
            throw SDPError(.empty, "the fragment is empty", hint: "send a=ice-ufrag, a=ice-pwd and a=candidate lines")
        }
        guard iceUfrag != nil || icePassword == nil else {
            throw SDPError(.missing, "there is an a=ice-pwd without its a=ice-ufrag", hint: "send both or neither")
        }
    }

    /// Marks in the set of candidates that there was a line at all; no candidate is empty.
    private static let anything = ""

    private mutating func read(_ line: ArraySlice<UInt8>, _ seen: inout Set<String>) throws(SDPError) {
        guard line.count <= Limits.lineBytes else {
            throw SDPError(.overLimit, "the line has more than \(Limits.lineBytes) bytes", hint: "shorten it")
        }
        guard !line.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            throw SDPError(.malformed, "the line has a control character", hint: "end lines with CR LF, and only lines")
        }
        guard !line.isEmpty else { return }
        guard line.count >= 2, line[line.startIndex + 1] == Byte.equals else {
            throw SDPError(.malformed, "the line is no type=value", hint: "write m= and a= lines")
        }
        seen.insert(Self.anything)
        guard line[line.startIndex] == UInt8(ascii: "a") else { return }
        let attribute = line.dropFirst(2)
        let (name, rest) = attribute.split(at: Byte.colon)
        let value = rest ?? []
        switch name.string {
        case "ice-ufrag": try Self.set(&iceUfrag, try Field.ufrag(value), "a=ice-ufrag")
        case "ice-pwd": try Self.set(&icePassword, try Field.password(value), "a=ice-pwd")
        case "ice-lite": isICELite = true
        case "ice-options": iceOptions = try Field.iceOptions(value)
        case "end-of-candidates": hasEndOfCandidates = true
        case "candidate":
            guard let candidate = SessionDescription.candidate(attribute), seen.insert(candidate).inserted else {
                return
            }
            guard candidates.count < Limits.attributes else { throw SDPError.tooManyAttributes }
            candidates.append(candidate)
        default: break
        }
    }

    private static func set(_ value: inout String?, _ read: String, _ what: String) throws(SDPError) {
        guard value == nil || value == read else {
            throw SDPError(
                .inconsistent, "\(what) has two values", hint: "send one generation, of the bundle's one transport")
        }
        value = read
    }

    /// The fragment under the bundle's tagged section of `description` (RFC 8840 section 4.4): the first one that is
    /// not rejected.
    public func text(for description: SessionDescription) -> String {
        var lines: [String] = []
        if isICELite { lines.append("a=ice-lite") }
        if !iceOptions.isEmpty { lines.append("a=ice-options:" + iceOptions.joined(separator: " ")) }
        for group in description.bundles {
            lines.append("a=group:" + ([group.semantics] + group.mids).joined(separator: " "))
        }
        if let iceUfrag { lines.append("a=ice-ufrag:" + iceUfrag) }
        if let icePassword { lines.append("a=ice-pwd:" + icePassword) }
        if let index = description.media.firstIndex(where: { !$0.isRejected }) {
            let section = description.media[index]
            lines.append("m=\(section.kind.rawValue) 9 \(section.transport) \(section.formats.first ?? "0")")
            lines.append("a=mid:" + description.mid(at: index))
        }
        lines += candidates.map { "a=" + $0 }
        if hasEndOfCandidates { lines.append("a=end-of-candidates") }
        return lines.map { $0 + "\r\n" }.joined()
    }
}
