/// How SRTP is protected where the session description carries the keys (RFC 4568 section 6.2, RFC 6188 section 4).
public enum CryptoSuite: String, Hashable, Sendable, Codable, CaseIterable {
    case aes128CMSHA180 = "AES_CM_128_HMAC_SHA1_80"
    case aes128CMSHA132 = "AES_CM_128_HMAC_SHA1_32"
    case aes256CMSHA180 = "AES_256_CM_HMAC_SHA1_80"
    case aes256CMSHA132 = "AES_256_CM_HMAC_SHA1_32"

    /// Bytes of the master key.
    public var keyLength: Int {
        switch self {
        case .aes128CMSHA180, .aes128CMSHA132: 16
        case .aes256CMSHA180, .aes256CMSHA132: 32
        }
    }

    /// Bytes of the master salt.
    public static let saltLength = 14

    /// Bytes of master key and salt, one behind the other, as `inline:` has them.
    public var inlineLength: Int { keyLength + Self.saltLength }
}
