internal import CSRTP
internal import Wire

/// A libsrtp2 session of one direction. Its per-SSRC state lives inside the library.
@safe struct LibSRTPSession: ~Copyable {
    private let session: srtp_t?

    /// The library's global initialisation, which must happen once and before all else.
    private static let isInitialised: Bool = srtp_init() == srtp_err_status_ok

    /// `masterKey` nil makes a session that is never used.
    init(masterKey: MasterKey?, isInbound: Bool) throws(SRTPError) {
        guard let masterKey else {
            unsafe session = nil
            return
        }
        guard let profile = masterKey.profile else { throw .noKey }
        guard Self.isInitialised else { throw .backendFailed }
        let made = unsafe apus_srtp2_new_session(
            profile.rawValue, isInbound ? 1 : 0, masterKey.concatenated, UInt(Limits.replayWindow))
        guard unsafe made != nil else { throw .backendFailed }
        unsafe session = made
    }

    deinit {
        if unsafe session != nil { unsafe _ = srtp_dealloc(session) }
    }

    enum Direction { case protectRTP, protectRTCP, unprotectRTP, unprotectRTCP }

    /// The new length. The caller has made room for the trailer.
    @unsafe func run(_ direction: Direction, _ packet: UnsafeMutableRawPointer, length: Int) throws(DropReason)
        -> Int
    {
        var length = CInt(truncatingIfNeeded: length)
        let status =
            switch direction {
            case .protectRTP: unsafe srtp_protect(session, packet, &length)
            case .protectRTCP: unsafe srtp_protect_rtcp(session, packet, &length)
            case .unprotectRTP: unsafe srtp_unprotect(session, packet, &length)
            case .unprotectRTCP: unsafe srtp_unprotect_rtcp(session, packet, &length)
            }
        switch status {
        case srtp_err_status_ok: return Int(length)
        case srtp_err_status_auth_fail: throw .srtpBadTag
        case srtp_err_status_replay_fail: throw .srtpReplayed
        case srtp_err_status_replay_old: throw .srtpTooOld
        case srtp_err_status_key_expired: throw .srtpIndexExhausted
        default: throw .srtpMalformed
        }
    }
}
