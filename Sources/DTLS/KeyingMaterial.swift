/// SRTP master keys and salts of both directions (RFC 5764 section 4.2).
public struct KeyingMaterial: Hashable, Sendable {
    /// Code point of the protection profile (RFC 5764 section 4.1.2, RFC 7714 section 14.2).
    public let profile: UInt16
    /// What we send with.
    public let localKey: [UInt8]
    public let localSalt: [UInt8]
    /// What the peer sends with.
    public let remoteKey: [UInt8]
    public let remoteSalt: [UInt8]
    /// Of a simulated handshake without cryptography: no key at all, and SRTP is to copy.
    public let isStubbed: Bool

    /// Bytes of key and salt; nil for a profile that was never offered.
    static func lengths(of profile: UInt16) -> (key: Int, salt: Int)? {
        switch profile {
        case 0x0001: (16, 14)
        case 0x0007: (16, 12)
        case 0x0008: (32, 12)
        default: nil
        }
    }

    /// Cuts the exporter's output: client key, server key, client salt, server salt.
    init?(profile: UInt16, exported: [UInt8], role: Role) {
        guard let (key, salt) = Self.lengths(of: profile), exported.count == 2 * (key + salt) else { return nil }
        let keys = (Array(exported[..<key]), Array(exported[key..<(2 * key)]))
        let salts = (Array(exported[(2 * key)..<(2 * key + salt)]), Array(exported[(2 * key + salt)...]))
        self.profile = profile
        localKey = role == .client ? keys.0 : keys.1
        localSalt = role == .client ? salts.0 : salts.1
        remoteKey = role == .client ? keys.1 : keys.0
        remoteSalt = role == .client ? salts.1 : salts.0
        isStubbed = false
    }

    /// What a ``StubbedHandshake`` agrees on.
    static let stubbed = KeyingMaterial()

    private init() {
        profile = 0x0007
        (localKey, localSalt, remoteKey, remoteSalt) = ([], [], [], [])
        isStubbed = true
    }
}
