/// An SRTP protection profile by its DTLS-SRTP code point (RFC 5764 section 4.1.2, RFC 7714 section 14.2).
///
/// Those of RFC 6188 have none that is registered: DTLS never agrees on them, and their numbers are those of a draft
/// that wanted some. They come by a session description (RFC 4568).
public enum Profile: UInt16, Hashable, Sendable, CaseIterable, BitwiseCopyable {
    case aes128CMSHA180 = 0x0001
    case aes128CMSHA132 = 0x0002
    case aes256CMSHA180 = 0x0003
    case aes256CMSHA132 = 0x0004
    case aeadAES128GCM = 0x0007
    case aeadAES256GCM = 0x0008

    public var keyLength: Int {
        switch self {
        case .aes128CMSHA180, .aes128CMSHA132, .aeadAES128GCM: 16
        case .aes256CMSHA180, .aes256CMSHA132, .aeadAES256GCM: 32
        }
    }

    public var saltLength: Int { isAEAD ? 12 : 14 }

    /// Bytes of an RTP packet's authentication tag: 80 or 32 bits of HMAC-SHA1, or GCM's 128.
    public var tagLength: Int {
        switch self {
        case .aes128CMSHA132, .aes256CMSHA132: 4
        case .aes128CMSHA180, .aes256CMSHA180: 10
        case .aeadAES128GCM, .aeadAES256GCM: 16
        }
    }

    /// The same of an RTCP packet: HMAC-SHA1 has 80 bits there in every profile (RFC 4568 section 6.2.2).
    public var controlTagLength: Int { isAEAD ? 16 : 10 }

    public var isAEAD: Bool { self == .aeadAES128GCM || self == .aeadAES256GCM }

    /// The registered name without its prefix, for statistics: `AEAD_AES_128_GCM`.
    public var name: String {
        switch self {
        case .aes128CMSHA180: "AES128_CM_HMAC_SHA1_80"
        case .aes128CMSHA132: "AES128_CM_HMAC_SHA1_32"
        case .aes256CMSHA180: "AES256_CM_HMAC_SHA1_80"
        case .aes256CMSHA132: "AES256_CM_HMAC_SHA1_32"
        case .aeadAES128GCM: "AEAD_AES_128_GCM"
        case .aeadAES256GCM: "AEAD_AES_256_GCM"
        }
    }
}
