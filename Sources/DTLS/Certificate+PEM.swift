internal import COpenSSL

extension Certificate {
    /// The certificate in PEM, for a TLS listener that has no other.
    public func pem() throws(DTLSError) -> [UInt8] {
        guard let certificate = unsafe SSL_CTX_get0_certificate(context) else { throw .openSSL("SSL_CTX") }
        return try unsafe Self.text { unsafe PEM_write_bio_X509($0, certificate) }
    }

    /// The private key in PEM, unencrypted. It must not leave the process.
    public func privateKeyPEM() throws(DTLSError) -> [UInt8] {
        guard let key = unsafe SSL_CTX_get0_privatekey(context) else { throw .openSSL("SSL_CTX") }
        return try unsafe Self.text { unsafe PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil) }
    }

    private static func text(_ write: (OpaquePointer) -> CInt) throws(DTLSError) -> [UInt8] {
        guard let bio = unsafe BIO_new(BIO_s_mem()) else { throw .openSSL("BIO_new") }
        defer { unsafe BIO_free(bio) }
        guard unsafe write(bio) == 1 else { throw .openSSL("PEM_write") }
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let count = unsafe BIO_read(bio, &bytes, CInt(bytes.count))
        guard count > 0 else { throw .openSSL("BIO_read") }
        return Array(bytes.prefix(Int(count)))
    }
}
