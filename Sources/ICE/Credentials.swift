public import Wire

/// A short-term credential of one ICE generation (RFC 8445 section 5.3).
public struct Credentials: Hashable, Sendable {
    /// `ice-ufrag`, 4 to 256 ice-chars.
    public var ufrag: String
    /// `ice-pwd`, 22 to 256 ice-chars.
    public var password: String

    public init(ufrag: String, password: String) {
        self.ufrag = ufrag
        self.password = password
    }

    /// Draws 8 and 24 characters (48 and 144 bits). `random` must be seeded from the system's entropy
    /// wherever a stranger could reach the agent.
    public init(random: inout SeededRandom) {
        ufrag = random.iceCharacters(8)
        password = random.iceCharacters(24)
    }

    /// Whether both parts have the lengths and the alphabet of RFC 8839 section 5.4.
    public var isWellFormed: Bool {
        (4...256).contains(ufrag.utf8.count) && (22...256).contains(password.utf8.count)
            && ufrag.utf8.allSatisfy(Self.isICECharacter) && password.utf8.allSatisfy(Self.isICECharacter)
    }

    /// Whether messages with them have room: checked for credentials from signalling, whose alphabet
    /// does not matter here.
    var fitsMessages: Bool { (1...256).contains(ufrag.utf8.count) && (1...256).contains(password.utf8.count) }

    static func isICECharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
            true
        default: false
        }
    }
}

extension Credentials: CustomStringConvertible {
    /// The fragment alone: passwords do not belong in logs.
    public var description: String { "ICE credentials \(ufrag)" }
}
