/// An SRTP protection profile by its DTLS-SRTP code point (RFC 5764 section 4.1.2, RFC 7714 section 14.2).
public enum Profile: UInt16, Hashable, Sendable, CaseIterable, BitwiseCopyable {
    case aes128CMSHA180 = 0x0001
    case aeadAES128GCM = 0x0007
    case aeadAES256GCM = 0x0008

    public var keyLength: Int { self == .aeadAES256GCM ? 32 : 16 }
    public var saltLength: Int { isAEAD ? 12 : 14 }
    /// Bytes of authentication tag: 80 bits of HMAC-SHA1, or GCM's 128.
    public var tagLength: Int { isAEAD ? 16 : 10 }
    public var isAEAD: Bool { self != .aes128CMSHA180 }

    /// The registered name without its prefix, for statistics: `AEAD_AES_128_GCM`.
    public var name: String {
        switch self {
        case .aes128CMSHA180: "AES128_CM_HMAC_SHA1_80"
        case .aeadAES128GCM: "AEAD_AES_128_GCM"
        case .aeadAES256GCM: "AEAD_AES_256_GCM"
        }
    }
}
