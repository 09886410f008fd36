import COpenSSL
import Wire

/// HMAC-SHA1 over a message's beginning (RFC 8489 section 14.5).
enum MessageIntegrity {
    static let tagBytes = 20

    /// The tag over the first `covered` bytes as if the length field read `declared`; nil when OpenSSL refuses.
    static func tag(of message: RawSpan, covered: Int, declared: UInt16, key: [UInt8]) -> [UInt8]? {
        guard covered >= 20, covered <= message.byteCount else { return nil }
        var tag = [UInt8](repeating: 0, count: tagBytes)
        let done = unsafe message.withUnsafeBytes { bytes in
            unsafe key.withUnsafeBytes { key in
                unsafe tag.withUnsafeMutableBufferPointer { tag in
                    unsafe apus_stun_hmac_sha1(
                        key.baseAddress, key.count, bytes.baseAddress, covered, declared, tag.baseAddress)
                }
            }
        }
        return done == 1 ? tag : nil
    }

    /// Compares in constant time, so that timing tells nothing of how much of a forged tag was right.
    static func matches(_ tag: [UInt8], _ other: RawSpan) -> Bool {
        guard tag.count == other.byteCount else { return false }
        return unsafe tag.withUnsafeBytes { left in
            unsafe other.withUnsafeBytes { right in
                unsafe apus_stun_equal(left.baseAddress, right.baseAddress, left.count) == 1
            }
        }
    }
}
