internal import COpenSSL

/// A self-signed ECDSA P-256 certificate (RFC 8827 section 6.5) and the OpenSSL context that every endpoint
/// with it shares. One per process is enough; making one costs about a millisecond.
@safe public final class Certificate: Sendable {
    /// SHA-256, for `a=fingerprint`.
    public let fingerprint: Fingerprint
    // Immutable once made; OpenSSL counts references to a context under its own lock.
    nonisolated(unsafe) let context: OpaquePointer
    nonisolated(unsafe) let method: OpaquePointer
    /// Nil in production.
    let simulation: SimulatedAssociations?

    public convenience init() throws(DTLSError) {
        try self.init(srtpProfiles: Self.srtpProfiles)
    }

    private static let srtpProfiles = "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_256_GCM"

    /// What another process of this host needs to be the same endpoint: the certificate and its private key, in DER.
    public struct Exported: Hashable, Codable, Sendable {
        public var certificate: [UInt8]
        public var privateKey: [UInt8]
    }

    /// For a successor. The key is not to leave the host.
    public func exported() throws(DTLSError) -> Exported {
        guard let certificate = unsafe SSL_CTX_get0_certificate(context),
            let key = unsafe SSL_CTX_get0_privatekey(context)
        else { throw .openSSL("SSL_CTX") }
        var bytes = Exported(certificate: [], privateKey: [])
        bytes.certificate = [UInt8](repeating: 0, count: max(0, Int(unsafe i2d_X509(certificate, nil))))
        bytes.privateKey = [UInt8](repeating: 0, count: max(0, Int(unsafe i2d_PrivateKey(key, nil))))
        var isWritten = false
        unsafe bytes.certificate.withUnsafeMutableBufferPointer { buffer in
            var cursor = buffer.baseAddress
            isWritten = unsafe i2d_X509(certificate, &cursor) > 0
        }
        unsafe bytes.privateKey.withUnsafeMutableBufferPointer { buffer in
            var cursor = buffer.baseAddress
            isWritten = unsafe isWritten && i2d_PrivateKey(key, &cursor) > 0
        }
        guard isWritten else { throw .openSSL("i2d") }
        return bytes
    }

    /// The same certificate as another process's.
    public convenience init(_ exported: Exported) throws(DTLSError) {
        let certificate = unsafe exported.certificate.withUnsafeBufferPointer { buffer -> OpaquePointer? in
            var cursor = buffer.baseAddress
            return unsafe d2i_X509(nil, &cursor, buffer.count)
        }
        guard let certificate = unsafe certificate else { throw .openSSL("d2i_X509") }
        defer { unsafe X509_free(certificate) }
        let key = unsafe exported.privateKey.withUnsafeBufferPointer { buffer -> OpaquePointer? in
            var cursor = buffer.baseAddress
            return unsafe d2i_AutoPrivateKey(nil, &cursor, buffer.count)
        }
        guard let key = unsafe key else { throw .openSSL("d2i_AutoPrivateKey") }
        defer { unsafe EVP_PKEY_free(key) }
        try unsafe self.init(certificate, key, srtpProfiles: Self.srtpProfiles, simulation: nil)
    }

    /// A certificate whose endpoints agree on these profiles only: `srtpProfiles` in order of preference, by OpenSSL's
    /// names with colons between them. nil offers none, so that no association comes about.
    public convenience init(srtpProfiles: String?) throws(DTLSError) {
        try self.init(srtpProfiles: srtpProfiles, simulation: nil)
    }

    convenience init(srtpProfiles: String?, simulation: SimulatedAssociations?) throws(DTLSError) {
        guard let key = unsafe apus_dtls_new_key() else { throw .openSSL("EVP_EC_gen") }
        defer { unsafe EVP_PKEY_free(key) }
        guard let certificate = unsafe X509_new() else { throw .openSSL("X509_new") }
        defer { unsafe X509_free(certificate) }
        try unsafe Self.fill(certificate, key: key, around: simulation?.unixTime)
        try unsafe self.init(certificate, key, srtpProfiles: srtpProfiles, simulation: simulation)
    }

    init(
        _ certificate: OpaquePointer, _ key: OpaquePointer, srtpProfiles: String?, simulation: SimulatedAssociations?
    ) throws(DTLSError) {
        guard let digest = unsafe Self.digest(of: certificate, algorithm: "sha-256") else {
            throw .openSSL("X509_digest")
        }
        // RFC 8827 section 6.5: forward secrecy and AEAD only.
        let ciphers = """
            ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:\
            ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384
            """
        guard
            let context = unsafe apus_dtls_new_context(
                certificate, key, ciphers, "X25519:P-256:P-384", srtpProfiles, CLong(Limits.handshakeMessageSize))
        else { throw .openSSL("SSL_CTX_new") }
        guard let method = unsafe DatagramPort.makeMethod() else {
            unsafe SSL_CTX_free(context)
            throw .openSSL("BIO_meth_new")
        }
        fingerprint = Fingerprint(algorithm: "sha-256", digest: digest)
        if simulation?.keyLog != nil { unsafe DatagramPort.logKeys(of: context) }
        unsafe self.context = context
        unsafe self.method = method
        self.simulation = simulation
    }

    deinit {
        unsafe SSL_CTX_free(context)
        unsafe BIO_meth_free(method)
    }

    /// The same certificate's fingerprint by another hash function of ``Fingerprint``.
    public func fingerprint(algorithm: String) throws(DTLSError) -> Fingerprint {
        let name = algorithm.lowercased()
        guard let certificate = unsafe SSL_CTX_get0_certificate(context) else { throw .openSSL("SSL_CTX") }
        guard let digest = unsafe Self.digest(of: certificate, algorithm: name) else { throw .unsupportedHash }
        return Fingerprint(algorithm: name, digest: digest)
    }

    /// - Parameter unixTime: about when it is valid, in seconds; nil is now.
    private static func fill(
        _ certificate: OpaquePointer, key: OpaquePointer, around unixTime: Int?
    ) throws(DTLSError) {
        var serial: UInt64 = 0
        let drawn = unsafe withUnsafeMutableBytes(of: &serial) { bytes in
            unsafe RAND_bytes(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), CInt(bytes.count))
        }
        let day = 86_400
        // MBSTRING_ASC, a macro that Swift does not see.
        let stringType: CInt = 0x1001
        guard drawn == 1, unsafe X509_set_version(certificate, 2) == 1,
            // RFC 5280 section 4.1.2.2: positive.
            unsafe ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1 | 1) == 1,
            unsafe setTime(X509_getm_notBefore(certificate), -Limits.certificateDaysBefore * day, after: unixTime),
            unsafe setTime(X509_getm_notAfter(certificate), Limits.certificateDaysAfter * day, after: unixTime),
            let name = unsafe X509_get_subject_name(certificate),
            unsafe X509_NAME_add_entry_by_txt(name, "CN", stringType, "WebRTC", -1, -1, 0) == 1,
            unsafe X509_set_issuer_name(certificate, name) == 1,
            unsafe X509_set_pubkey(certificate, key) == 1,
            unsafe X509_sign(certificate, key, EVP_sha256()) > 0
        else { throw .openSSL("X509_sign") }
    }

    private static func setTime(
        _ field: UnsafeMutablePointer<ASN1_TIME>?, _ seconds: Int, after unixTime: Int?
    ) -> Bool {
        guard let unixTime else { return unsafe X509_gmtime_adj(field, seconds) != nil }
        return unsafe ASN1_TIME_set(field, unixTime + seconds) != nil
    }

    /// Hash of a certificate's DER form; nil for an unknown algorithm.
    @unsafe static func digest(of certificate: OpaquePointer, algorithm: String) -> [UInt8]? {
        var function = unsafe EVP_sha256()
        switch algorithm {
        case "sha-256": break
        case "sha-384": unsafe function = EVP_sha384()
        case "sha-512": unsafe function = EVP_sha512()
        default: return nil
        }
        var digest = [UInt8](repeating: 0, count: 64)  // EVP_MAX_MD_SIZE
        var length: CUnsignedInt = 0
        guard unsafe X509_digest(certificate, function, &digest, &length) == 1 else { return nil }
        return Array(digest.prefix(Int(length)))
    }
}
