/// What a browser puts into a candidate in an address's place: one label and `.local`
/// (draft-ietf-mmusic-mdns-ice-candidates section 3.1.1). No other name is one, so that nobody can have any other
/// asked.
public struct HostName: Hashable, Sendable, CustomStringConvertible {
    /// In lower case: case does not matter (RFC 6762 section 16).
    let label: [UInt8]

    /// Letters, digits and hyphens, 63 at most, then `.local`. Nil for anything else.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8.prefix(Limits.labelBytes + Self.suffix.count + 1)).map(Self.lowercased)
        guard bytes.count == text.utf8.count, bytes.suffix(Self.suffix.count).elementsEqual(Self.suffix) else {
            return nil
        }
        self.init(label: Array(bytes.dropLast(Self.suffix.count)))
    }

    init?(label: [UInt8]) {
        let label = label.map(Self.lowercased)
        let hyphen = UInt8(ascii: "-")
        guard (1...Limits.labelBytes).contains(label.count), label.first != hyphen, label.last != hyphen,
            label.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == hyphen })
        else { return nil }
        self.label = label
    }

    public var description: String { String(decoding: label + Self.suffix, as: UTF8.self) }

    private static let suffix = Array(".local".utf8)
    /// The name's second and last label.
    static let domain = Array("local".utf8)

    static func lowercased(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }
}
