/// What a simulator asks of the associations that a certificate serves. Nothing of it is for production, so that only
/// who imports this module's simulation interface can ask for it.
@_spi(Simulation) public struct SimulatedAssociations: Sendable {
    /// The time about which the certificate is valid, in Unix seconds, instead of the host's.
    public var unixTime: Int
    /// Gets the lines of an NSS key log (`CLIENT_RANDOM …`), with which a capture can be decrypted.
    public var keyLog: (@Sendable (String) -> Void)?
    /// No cryptography: a handshake of as many flights of about the same sizes that says who one is and no more, and
    /// SRTP that copies. See ``StubbedHandshake``.
    public var isStubbed: Bool

    public init(unixTime: Int, isStubbed: Bool = false, keyLog: (@Sendable (String) -> Void)? = nil) {
        self.unixTime = unixTime
        self.isStubbed = isStubbed
        self.keyLog = keyLog
    }
}

extension Certificate {
    /// A certificate for a simulation; drawn from OpenSSL's random numbers like any other, which the simulator seeds.
    @_spi(Simulation) public convenience init(simulation: SimulatedAssociations) throws(DTLSError) {
        try self.init(srtpProfiles: "SRTP_AEAD_AES_128_GCM", simulation: simulation)
    }
}
