public import Wire

/// Takes the file out of a form that a browser sends (RFC 7578), while it comes: the first part with a file name, as
/// Kurento does. Other parts are skipped.
///
/// Holds no more than ``Limits/headerBytes`` and a boundary.
public struct FormReader: Sendable {
    private enum State {
        /// Before the first part, or in one that is not wanted.
        case skipping
        case headers
        case file
        case done
    }

    /// What stands between parts, with the line end before it, which belongs to it (RFC 2046 section 5.1.1).
    private let delimiter: [UInt8]
    private var state = State.skipping
    /// What cannot be told apart yet. The first delimiter may stand at the very beginning.
    private var pending: [UInt8] = Array("\r\n".utf8)
    /// Of `pending`, what is done.
    private var done = 0
    private var hasFile = false

    /// Nil for a value of Content-Type that is no form, or has no boundary as RFC 2046 section 5.1.1 wants it.
    public init?(contentType: String) {
        var parts = Self.parts(of: contentType)
        guard !parts.isEmpty, parts.removeFirst().lowercased() == "multipart/form-data" else { return nil }
        guard let boundary = Self.value(of: "boundary", in: parts), (1...70).contains(boundary.utf8.count),
            boundary.utf8.allSatisfy({ 0x20...0x7E ~= $0 }), boundary.last != " "
        else { return nil }
        delimiter = Array("\r\n--\(boundary)".utf8)
    }

    /// Whether a value of Content-Type says that a form comes.
    public static func isForm(_ contentType: String) -> Bool {
        parts(of: contentType).first?.lowercased() == "multipart/form-data"
    }

    /// The file came to its end.
    public var isComplete: Bool { state == .done && hasFile }

    /// The bytes of the file among what came.
    ///
    /// - Throws: `overLimit` for a part whose header is longer than ``Limits/headerBytes``.
    public mutating func read(_ bytes: [UInt8]) throws(ParseError) -> [UInt8] {
        guard state != .done else { return [] }
        pending += bytes
        var file: [UInt8] = []
        while try step(&file) {}
        pending.removeFirst(done)
        done = 0
        return file
    }

    /// False when more has to come first.
    private mutating func step(_ file: inout [UInt8]) throws(ParseError) -> Bool {
        switch state {
        case .done:
            done = pending.count
            return false
        case .headers: return try readHeaders()
        case .skipping, .file:
            let found = first(delimiter)
            // A part of the delimiter may be all that has come of it.
            let end = found ?? max(pending.count - delimiter.count + 1, done)
            if state == .file { file += pending[done..<end] }
            done = end
            return found != nil && readDelimiter(&file)
        }
    }

    /// The delimiter stands first: what follows says what it is. False when that has not come yet.
    private mutating func readDelimiter(_ file: inout [UInt8]) -> Bool {
        let behind = done + delimiter.count
        var next = behind
        // Section 5.1.1 allows white space there.
        while next < pending.count, [0x20, 0x09].contains(pending[next]), next < behind + Limits.paddingBytes {
            next += 1
        }
        guard next + 1 < pending.count else { return false }
        switch (pending[next], pending[next + 1]) {
        case (UInt8(ascii: "-"), UInt8(ascii: "-")): state = .done
        case (0x0D, 0x0A):
            let isFileOver = state == .file
            // The line end stays: headers may be none.
            done = next
            state = isFileOver ? .done : .headers
        default:
            // It only began like one; no other begins inside of it.
            if state == .file { file += delimiter }
            done = behind
        }
        return true
    }

    /// From the line end before the first to the empty line behind the last.
    private mutating func readHeaders() throws(ParseError) -> Bool {
        guard let end = first(Array("\r\n\r\n".utf8)) else {
            guard pending.count - done <= Limits.headerBytes else { throw .overLimit }
            return false
        }
        guard end - done <= Limits.headerBytes else { throw .overLimit }
        let lines = String(decoding: pending[done..<end], as: UTF8.self).split(separator: "\r\n")
        hasFile = lines.contains { line in
            guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == "content-disposition" else {
                return false
            }
            let parts = Self.parts(of: String(line[line.index(after: colon)...])).dropFirst()
            return Self.value(of: "filename", in: parts) != nil || Self.value(of: "filename*", in: parts) != nil
        }
        state = hasFile ? .file : .skipping
        done = end + 4
        return true
    }

    /// Where a pattern stands that begins with a carriage return.
    private func first(_ pattern: [UInt8]) -> Int? {
        var index = done
        while let found = pending[index...].firstIndex(of: 0x0D), found + pattern.count <= pending.count {
            if pending[found..<(found + pattern.count)].elementsEqual(pattern) { return found }
            index = found + 1
        }
        return nil
    }

    /// A value and its parameters, without white space around; a semicolon in quotes parts nothing.
    private static func parts(of text: String) -> [String] {
        var parts = [""]
        var isQuoted = false
        var isEscaped = false
        for character in text {
            if character == ";", !isQuoted {
                parts.append("")
                continue
            }
            if character == "\"", !isEscaped { isQuoted.toggle() }
            isEscaped = character == "\\" && !isEscaped
            parts[parts.count - 1].append(character)
        }
        return parts.map { part in
            let start = part.drop { $0 == " " || $0 == "\t" }
            return String(start.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
        }
    }

    private static func value(of name: String, in parts: some Sequence<String>) -> String? {
        for part in parts {
            guard let equals = part.firstIndex(of: "="), part[..<equals].lowercased() == name else { continue }
            let value = part[part.index(after: equals)...]
            guard value.first == "\"" else { return String(value) }
            return value.count >= 2 && value.last == "\"" ? String(value.dropFirst().dropLast()) : nil
        }
        return nil
    }
}

/// What a form cannot make its reader exceed.
public enum Limits {
    /// Bytes of one part's header.
    public static let headerBytes = 16 << 10
    /// White space behind a boundary.
    static let paddingBytes = 64
}
