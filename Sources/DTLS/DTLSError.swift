/// Why something of ours could not be made.
public enum DTLSError: Error, Hashable, Sendable {
    /// OpenSSL refused; it names the call.
    case openSSL(String)
    /// A hash function that is not, or no longer, good for fingerprints (RFC 8122 section 5).
    case unsupportedHash
    /// The fingerprint is not as many hexadecimal pairs as the hash has bytes.
    case malformedFingerprint
}
