internal import CIPSecMB
internal import COpenSSL

/// Session keys of one direction, for RTP or for RTCP, with their key schedules (RFC 3711 section 4.3,
/// RFC 7714 section 11). The key derivation rate is 0, so that one set serves all SSRCs and never changes.
///
/// Nothing here allocates after `init`.
@safe struct SessionCipher: ~Copyable {
    /// The key derivation labels of RFC 3711 section 4.3.2; authentication and salt follow encryption.
    enum Label {
        static let rtp: UInt8 = 0
        static let rtcp: UInt8 = 3
    }

    let profile: Profile
    /// Of HMAC, in bytes: RTP's may be shorter than RTCP's.
    private let tagLength: Int
    /// Sealing and opening need contexts of their own in GCM; counter mode does not care.
    private let isSealing: Bool
    private let context: OpaquePointer?
    private let hmac: UnsafeMutablePointer<apus_hmac_sha1>?
    /// The same key for libipsec-mb; then ``context`` is not used for GCM.
    private let multiBuffer: OpaquePointer?
    private let salt: Block

    /// Derives the session keys from the master key: those of ``Label/rtp`` or those of ``Label/rtcp``.
    init(masterKey: MasterKey, label: UInt8, isSealing: Bool, backend: Backend) throws(SRTPError) {
        guard let profile = masterKey.profile else { throw .noKey }
        guard !masterKey.isStubbed else {
            self.init(stubbed: profile, isSealing: isSealing)
            return
        }
        let derivation = try KeyDerivation(masterKey: masterKey)
        try self.init(
            profile: profile,
            key: try derivation.bytes(label: label, count: profile.keyLength),
            authenticationKey: try derivation.bytes(label: label + 1, count: 20),
            salt: try derivation.bytes(label: label + 2, count: profile.saltLength), isSealing: isSealing,
            tagLength: label == Label.rtcp ? profile.controlTagLength : profile.tagLength, backend: backend)
    }

    /// Session keys themselves. AEAD profiles have no use for the authentication key.
    init(
        profile: Profile, key: [UInt8], authenticationKey: [UInt8], salt: [UInt8], isSealing: Bool,
        tagLength: Int? = nil, backend: Backend = .preferred
    ) throws(SRTPError) {
        let gcm: CInt = profile.isAEAD ? 1 : 0
        var multiBuffer: OpaquePointer?
        var context: OpaquePointer?
        if profile.isAEAD, backend == .ipsecMB {
            unsafe multiBuffer = apus_ipsecmb_new_key(key, key.count)
            guard unsafe multiBuffer != nil else { throw .backendFailed }
        } else {
            unsafe context = apus_srtp_new_cipher(gcm, isSealing ? 1 : 0, key, key.count)
            guard unsafe context != nil else { throw .backendFailed }
        }
        var hmac: UnsafeMutablePointer<apus_hmac_sha1>?
        if !profile.isAEAD {
            unsafe hmac = apus_srtp_new_hmac(authenticationKey, authenticationKey.count)
            guard unsafe hmac != nil else {
                unsafe EVP_CIPHER_CTX_free(context)
                throw .backendFailed
            }
        }
        self.profile = profile
        self.tagLength = tagLength ?? profile.tagLength
        self.isSealing = isSealing
        self.salt = Block(salt)
        unsafe self.context = context
        unsafe self.multiBuffer = multiBuffer
        unsafe self.hmac = hmac
    }

    /// Without any key: see ``MasterKey/stubbed``.
    private init(stubbed profile: Profile, isSealing: Bool) {
        self.profile = profile
        tagLength = profile.tagLength
        self.isSealing = isSealing
        salt = Block([])
        unsafe context = nil
        unsafe multiBuffer = nil
        unsafe hmac = nil
    }

    deinit {
        unsafe EVP_CIPHER_CTX_free(context)
        unsafe apus_ipsecmb_free_key(multiBuffer)
        unsafe apus_srtp_free_hmac(hmac)
    }

    /// Seals or opens `length` bytes at `data`; `tag` has 16 bytes. The authenticated data are `header` and, for
    /// RTCP, the four bytes at `tail`. False for a bad tag, after which the payload is garbage.
    @unsafe func runGCM(
        ssrc: UInt32, index: UInt64, header: UnsafePointer<UInt8>, headerLength: Int, tail: UnsafePointer<UInt8>?,
        data: UnsafeMutablePointer<UInt8>, length: Int, tag: UnsafeMutablePointer<UInt8>
    ) -> Bool {
        // RFC 7714 sections 8.1 and 9.1: 0, SSRC, 48-bit index (ROC and SEQ, or the SRTCP index), XOR salt.
        let high = salt.high ^ (UInt64(ssrc) << 16 | index >> 32)
        let low = salt.low ^ (UInt64(UInt32(truncatingIfNeeded: index)) << 32)
        if let multiBuffer = unsafe multiBuffer {
            return unsafe isSealing
                ? apus_ipsecmb_seal(multiBuffer, high, low, header, headerLength, tail, data, length, tag) == 1
                : apus_ipsecmb_open(multiBuffer, high, low, header, headerLength, tail, data, length, tag) == 1
        }
        guard let context = unsafe context else { return unsafe runStub(ssrc: ssrc, index: index, tag: tag) }
        return unsafe apus_srtp_gcm(
            context, isSealing ? 1 : 0, high, low, header, CInt(truncatingIfNeeded: headerLength), tail,
            tail == nil ? 0 : 4, data, CInt(truncatingIfNeeded: length), tag) == 1
    }

    /// What a cipher without a key does: the tag names the packet, so that two sides that do not agree on its index
    /// still notice.
    @unsafe private func runStub(ssrc: UInt32, index: UInt64, tag: UnsafeMutablePointer<UInt8>) -> Bool {
        let bytes = UnsafeMutableRawPointer(tag)
        guard isSealing else {
            return unsafe bytes.loadUnaligned(as: UInt64.self) == index.bigEndian
                && bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self) == UInt64(ssrc).bigEndian
        }
        unsafe bytes.storeBytes(of: index.bigEndian, as: UInt64.self)
        unsafe bytes.storeBytes(of: UInt64(ssrc).bigEndian, toByteOffset: 8, as: UInt64.self)
        return true
    }

    /// Encrypts or decrypts in place (RFC 3711 section 4.1.1).
    @unsafe func runCounterMode(
        ssrc: UInt32, index: UInt64, data: UnsafeMutablePointer<UInt8>, length: Int
    ) -> Bool {
        let high = salt.high ^ UInt64(ssrc)
        let low = salt.low ^ index << 16
        guard let context = unsafe context else { return false }
        return unsafe apus_srtp_counter_mode(context, high, low, data, CInt(truncatingIfNeeded: length)) == 1
    }

    /// Writes the HMAC tag of `length` bytes and, if given, of `suffix` (RFC 3711 section 4.2).
    @unsafe func writeTag(
        of data: UnsafePointer<UInt8>, length: Int, suffix: UInt32?, to tag: UnsafeMutablePointer<UInt8>
    ) {
        unsafe apus_srtp_hmac_tag(
            hmac, data, length, suffix == nil ? 0 : 1, suffix ?? 0, tag, tagLength)
    }

    /// Whether the tag after `length` bytes is theirs; takes the same time whichever byte differs.
    @unsafe func hasTag(of data: UnsafePointer<UInt8>, length: Int, suffix: UInt32?, at tag: UnsafePointer<UInt8>)
        -> Bool
    {
        var expected: (UInt64, UInt64) = (0, 0)
        return unsafe withUnsafeMutableBytes(of: &expected) { bytes in
            guard let base = bytes.baseAddress else { return false }
            unsafe writeTag(of: data, length: length, suffix: suffix, to: base.assumingMemoryBound(to: UInt8.self))
            return unsafe CRYPTO_memcmp(base, tag, tagLength) == 0
        }
    }
}

/// 16 bytes in network order as two words: what salts and counters are made of.
struct Block: BitwiseCopyable {
    var high: UInt64 = 0
    var low: UInt64 = 0

    /// Up to 16 bytes, zeros to the right.
    init(_ bytes: [UInt8]) {
        for (index, byte) in bytes.prefix(16).enumerated() {
            if index < 8 {
                high |= UInt64(byte) << UInt64(56 - 8 * index)
            } else {
                low |= UInt64(byte) << UInt64(120 - 8 * index)
            }
        }
    }
}

/// The AES counter mode key derivation function (RFC 3711 section 4.3, RFC 6188 section 3 for 256 bits).
@safe struct KeyDerivation: ~Copyable {
    private let context: OpaquePointer
    private let salt: Block

    init(masterKey: MasterKey) throws(SRTPError) {
        let key = masterKey.key
        guard !key.isEmpty else { throw .noKey }
        guard let context = unsafe apus_srtp_new_cipher(0, 1, key, key.count) else { throw .backendFailed }
        unsafe self.context = context
        // RFC 7714 section 11: a 96-bit salt stands in the 112-bit one's leading bytes.
        salt = Block(masterKey.salt)
    }

    deinit { unsafe EVP_CIPHER_CTX_free(context) }

    func bytes(label: UInt8, count: Int) throws(SRTPError) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: count)
        // The label is the byte above the 48-bit index, which is 0 at a derivation rate of 0.
        let high = salt.high ^ UInt64(label)
        guard unsafe apus_srtp_counter_mode(context, high, salt.low, &output, CInt(count)) == 1 else {
            throw .backendFailed
        }
        return output
    }
}
