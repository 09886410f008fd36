/// The profile that a `profile-level-id` names (RFC 6184 section 8.1, table 5). Two formats with one profile and
/// one packetization mode are the same codec (section 8.2.2); levels may differ.
enum H264Profile: Hashable {
    case constrainedBaseline, baseline, main, extended, constrainedHigh, high, other(profile: UInt8, constraints: UInt8)

    /// nil unless `text` is six hexadecimal digits. Deviation: the absent parameter means 42e01f, as WebRTC
    /// endpoints take it, and not baseline level 1 of RFC 6184, which nobody sends.
    init?(profileLevelID text: String?) {
        guard let text else {
            self = .constrainedBaseline
            return
        }
        guard text.utf8.count == 6, text.utf8.first != UInt8(ascii: "+"), let number = UInt32(text, radix: 16) else {
            return nil
        }
        let profile = UInt8(truncatingIfNeeded: number >> 16)
        let constraints = UInt8(truncatingIfNeeded: number >> 8)
        switch profile {
        case 0x42: self = constraints & 0x40 != 0 ? .constrainedBaseline : .baseline
        case 0x4D: self = constraints & 0x80 != 0 ? .constrainedBaseline : .main
        case 0x58 where constraints & 0xC0 == 0xC0: self = .constrainedBaseline
        case 0x58: self = constraints & 0x80 != 0 ? .baseline : .extended
        case 0x64 where constraints == 0x0C: self = .constrainedHigh
        case 0x64 where constraints == 0: self = .high
        default: self = .other(profile: profile, constraints: constraints)
        }
    }
}
