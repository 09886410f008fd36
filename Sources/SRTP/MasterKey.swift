/// Profile, master key and master salt of one direction (RFC 3711 section 3.2.1). Plain data, so that it can
/// lie in a memory file; all zeros is "no key".
public struct MasterKey: BitwiseCopyable, Sendable {
    private var profileCode: UInt16
    private var keyBytes: InlineArray<32, UInt8>
    private var saltBytes: InlineArray<14, UInt8>

    /// Throws ``SRTPError/badKeyLength`` unless both have the profile's length.
    public init(profile: Profile, key: [UInt8], salt: [UInt8]) throws(SRTPError) {
        guard key.count == profile.keyLength, salt.count == profile.saltLength else { throw .badKeyLength }
        profileCode = profile.rawValue
        keyBytes = InlineArray(repeating: 0)
        saltBytes = InlineArray(repeating: 0)
        for index in key.indices { keyBytes[index] = key[index] }
        for index in salt.indices { saltBytes[index] = salt[index] }
    }

    /// No key: SRTP copies, and writes where the tag would be which packet it was. For simulations that leave the
    /// cryptography out; only who imports this module's simulation interface can ask for it.
    @_spi(Simulation) public static let stubbed: MasterKey = {
        var key = MasterKey()
        key.profileCode = stubCode
        return key
    }()

    /// Not a code point that a handshake can agree on.
    private static let stubCode: UInt16 = 0xFFFF

    var isStubbed: Bool { profileCode == Self.stubCode }

    /// nil for zeroed memory.
    public var profile: Profile? { isStubbed ? .aeadAES128GCM : Profile(rawValue: profileCode) }

    var key: [UInt8] { (0..<(profile?.keyLength ?? 0)).map { keyBytes[$0] } }
    var salt: [UInt8] { (0..<(profile?.saltLength ?? 0)).map { saltBytes[$0] } }

    /// Key and salt as one string, the form in which libsrtp2 takes them.
    var concatenated: [UInt8] { key + salt }

    static var none: MasterKey { MasterKey() }

    private init() {
        profileCode = 0
        keyBytes = InlineArray(repeating: 0)
        saltBytes = InlineArray(repeating: 0)
    }
}
