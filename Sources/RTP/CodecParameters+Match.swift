extension CodecParameters {
    /// The codec of a receiver that can decode this one, or nil.
    ///
    /// Name, clock and channels must agree; so must what changes the bitstream's packets (H.264
    /// packetization-mode, RFC 6184 section 8.1) or the decoder (VP9 profile-id, RFC 9628 section 7;
    /// AV1 profile). Deviation: RFC 6184 section 8.2.2 makes the H.264 profile symmetric too; it is
    /// preferred here, not required, since every browser decodes all profiles that another one sends.
    public func match(in candidates: some Sequence<CodecParameters>) -> CodecParameters? {
        var second: CodecParameters?
        for candidate in candidates where isSameFormat(as: candidate) {
            guard isNamed("H264"), profile != candidate.profile else { return candidate }
            second = second ?? candidate
        }
        return second
    }

    private func isNamed(_ other: String) -> Bool { name.lowercased() == other.lowercased() }

    private func isSameFormat(as other: CodecParameters) -> Bool {
        guard isNamed(other.name), clockRate == other.clockRate else { return false }
        guard max(channels, 1) == max(other.channels, 1) else { return false }
        switch name.lowercased() {
        case "h264": return value("packetization-mode") == other.value("packetization-mode")
        case "vp9": return value("profile-id") == other.value("profile-id")
        case "av1": return value("profile") == other.value("profile")
        default: return true
        }
    }

    /// The parameter's value; "0", the default of all that are asked for here, when it is absent.
    private func value(_ key: String) -> String {
        formatParameters.first { $0.key.lowercased() == key }?.value ?? "0"
    }

    /// profile_idc and profile-iop of `profile-level-id`, which RFC 6184 section 8.1 defaults to 420010.
    private var profile: String {
        let levelID = formatParameters.first { $0.key.lowercased() == "profile-level-id" }?.value ?? "420010"
        return String(levelID.lowercased().prefix(4))
    }
}
