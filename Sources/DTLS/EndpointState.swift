/// Who sends the first message (`a=setup`, RFC 5763 section 5): active is client.
public enum Role: Hashable, Sendable {
    case client, server
}

/// Where an ``Endpoint`` is.
public enum EndpointState: Hashable, Sendable {
    case new, handshaking, connected, closed, failed
}

/// What an ``Endpoint`` tells its owner.
public enum Event: Hashable, Sendable {
    /// The peer has the certificate it was announced with, and both sides have these keys.
    case connected(KeyingMaterial)
    /// It ends here; no keys were or will be given out by it.
    case failed(Failure)
    /// The peer said goodbye (close_notify).
    case closed
}

/// Why an ``Endpoint`` failed.
public enum Failure: Hashable, Sendable {
    /// The peer's certificate is not the announced one (RFC 5763 section 5).
    case fingerprintMismatch
    /// The peer showed no certificate.
    case noPeerCertificate
    /// The peer does not do DTLS-SRTP, or no profile of ours.
    case noSRTPProfile
    /// ``Limits/handshakeTime`` is over.
    case timeout
    /// OpenSSL gave up, or the peer did with an authenticated alert.
    case protocolError
}
