import COpenSSL

/// Keys and passwords of the long-term mechanism (RFC 8489 section 9.2).
public enum LongTermCredential {
    /// `MD5(username ":" realm ":" password)` (section 9.2.2). MD5 is what every client speaks; it keys an HMAC here
    /// and nothing hangs on its collisions.
    public static func key(username: String, realm: String, password: String) -> [UInt8] {
        let text = Array("\(username):\(realm):\(password)".utf8)
        var digest = [UInt8](repeating: 0, count: 16)
        let done = unsafe text.withUnsafeBytes { text in
            unsafe digest.withUnsafeMutableBufferPointer { digest in
                unsafe apus_turn_md5(text.baseAddress, text.count, digest.baseAddress)
            }
        }
        precondition(done == 1, "OpenSSL has no MD5: RFC 8489's long-term keys need it")
        return digest
    }

    /// The password of a user name that carries its end, `unix-time:anything`: base64 of HMAC-SHA1 over it
    /// (draft-uberti-behave-turn-rest-00 section 2.2, as other servers and WebRTC back ends use it).
    public static func temporaryPassword(username: String, secret: String) -> String {
        base64(hmac(key: Array(secret.utf8), Array(username.utf8)))
    }

    /// When a temporary user name ends, in seconds since 1970; nil for a name of another form.
    public static func end(of username: String) -> Int64? {
        let digits = username.prefix { $0 != ":" }
        guard (1...15).contains(digits.utf8.count), digits.utf8.allSatisfy({ (48...57).contains($0) }) else {
            return nil
        }
        return Int64(digits)
    }

    static func hmac(key: [UInt8], _ data: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 20)
        unsafe key.withUnsafeBytes { key in
            unsafe data.withUnsafeBytes { data in
                unsafe digest.withUnsafeMutableBufferPointer { digest in
                    unsafe apus_turn_hmac_sha1(
                        key.baseAddress, key.count, data.baseAddress, data.count, digest.baseAddress)
                }
            }
        }
        return digest
    }

    /// Constant time, so that timing tells nothing of how much of a forgery was right.
    static func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return unsafe left.withUnsafeBytes { left in
            unsafe right.withUnsafeBytes { right in
                unsafe apus_stun_equal(left.baseAddress, right.baseAddress, left.count) == 1
            }
        }
    }

    /// RFC 4648 section 4, with padding.
    static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var word: UInt32 = 0
            for byte in group { word = word << 8 | UInt32(byte) }
            word <<= UInt32(8 * (3 - group.count))
            for position in 0..<4 {
                let isPadding = position > group.count
                text.append(
                    isPadding ? UInt8(ascii: "=") : alphabet[Int(word >> UInt32(18 - 6 * position) & 63)])
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
