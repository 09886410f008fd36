/// Reads one line's value from left to right. Works on bytes: Swift's `Character` would join CR with LF, and a
/// delimiter with a combining mark after it.
struct TextCursor {
    private(set) var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    var isAtEnd: Bool { rest.isEmpty }

    /// The next word, without the spaces around it; nil at the end.
    mutating func word() -> ArraySlice<UInt8>? {
        rest = rest.drop { $0 == Byte.space }
        guard !rest.isEmpty else { return nil }
        let end = rest.firstIndex(of: Byte.space) ?? rest.endIndex
        let word = rest[rest.startIndex..<end]
        rest = rest[end...].drop { $0 == Byte.space }
        return word
    }

    /// All words that are left; nil when they are more than `limit`.
    mutating func words(limit: Int) -> [ArraySlice<UInt8>]? {
        var words: [ArraySlice<UInt8>] = []
        while let next = word() {
            guard words.count < limit else { return nil }
            words.append(next)
        }
        return words
    }
}

enum Byte {
    static let lineFeed: UInt8 = 0x0A
    static let carriageReturn: UInt8 = 0x0D
    static let space: UInt8 = 0x20
    static let comma = UInt8(ascii: ",")
    static let slash = UInt8(ascii: "/")
    static let colon = UInt8(ascii: ":")
    static let semicolon = UInt8(ascii: ";")
    static let equals = UInt8(ascii: "=")
    static let tilde = UInt8(ascii: "~")
    static let bar = UInt8(ascii: "|")
    static let caret = UInt8(ascii: "^")
    static let dash = UInt8(ascii: "-")
}

extension ArraySlice<UInt8> {
    var string: String { String(decoding: self, as: UTF8.self) }

    func equals(_ text: StaticString) -> Bool { string == "\(text)" }

    /// Before and after the first `separator`; nothing after it when there is none.
    func split(at separator: UInt8) -> (ArraySlice<UInt8>, ArraySlice<UInt8>?) {
        guard let index = firstIndex(of: separator) else { return (self, nil) }
        return (self[startIndex..<index], self[(index + 1)...])
    }

    var trimmed: ArraySlice<UInt8> {
        let head = drop { $0 == Byte.space }
        guard let last = head.lastIndex(where: { $0 != Byte.space }) else { return [] }
        return head[...last]
    }

    /// An unsigned decimal number; nil for anything else, signs included, and beyond `limit`.
    func decimal(limit: UInt64 = .max) -> UInt64? {
        guard !isEmpty else { return nil }
        var value: UInt64 = 0
        for byte in self {
            guard byte >= 0x30, byte <= 0x39 else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(byte - 0x30))
            guard !overflow, !carry, sum <= limit else { return nil }
            value = sum
        }
        return value
    }

    func decimal<Number: FixedWidthInteger & UnsignedInteger>(as type: Number.Type) -> Number? {
        decimal(limit: UInt64(Number.max)).map { Number(truncatingIfNeeded: $0) }
    }

    /// `token` of RFC 8866 section 9.
    var isToken: Bool { !isEmpty && allSatisfy(Self.isTokenByte) }

    /// `non-ws-string` of RFC 8866 section 9, ASCII only.
    var isVisible: Bool { !isEmpty && allSatisfy { $0 > 0x20 && $0 < 0x7F } }

    /// Visible characters and spaces.
    var isPrintable: Bool { !isEmpty && allSatisfy { $0 >= 0x20 && $0 < 0x7F } }

    /// `ice-char` of RFC 8839 section 5.1.
    var isICEText: Bool {
        !isEmpty && allSatisfy { Self.isAlphanumeric($0) || $0 == UInt8(ascii: "+") || $0 == Byte.slash }
    }

    /// `rid-id` of RFC 8851 section 10.
    var isRestrictionID: Bool {
        !isEmpty && allSatisfy { Self.isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: false
        }
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x21, 0x23...0x27, 0x2A...0x2B, 0x2D...0x2E, 0x30...0x39, 0x41...0x5A, 0x5E...0x7E: true
        default: false
        }
    }
}
