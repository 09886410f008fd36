/// A certificate's hash as in `a=fingerprint` (RFC 8122 section 5): the peer's identity.
public struct Fingerprint: Hashable, Sendable {
    /// `sha-256`, `sha-384` or `sha-512`. `sha-1` is refused: collisions can be bought.
    public let algorithm: String
    /// `AB:CD:…` in upper case.
    public let value: String

    /// Accepts either case in both. Throws ``DTLSError/unsupportedHash`` or ``DTLSError/malformedFingerprint``.
    public init(algorithm: String, value: String) throws(DTLSError) {
        let name = algorithm.lowercased()
        guard let length = Self.lengths.first(where: { $0.name == name })?.bytes else { throw .unsupportedHash }
        let bytes = Array(value.utf8)
        guard bytes.count == length * 3 - 1 else { throw .malformedFingerprint }
        for (index, byte) in bytes.enumerated() {
            let isHex =
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "F"),
                    UInt8(ascii: "a")...UInt8(ascii: "f"):
                    true
                default: false
                }
            guard index % 3 == 2 ? byte == UInt8(ascii: ":") : isHex else { throw .malformedFingerprint }
        }
        self.algorithm = name
        self.value = value.uppercased()
    }

    /// The fingerprint of a hash that was computed here.
    init(algorithm: String, digest: [UInt8]) {
        let digits = Array("0123456789ABCDEF".utf8)
        var text: [UInt8] = []
        for byte in digest {
            if !text.isEmpty { text.append(UInt8(ascii: ":")) }
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        self.algorithm = algorithm
        value = String(decoding: text, as: UTF8.self)
    }

    private static let lengths = [
        (name: "sha-256", bytes: 32), (name: "sha-384", bytes: 48), (name: "sha-512", bytes: 64),
    ]
}
