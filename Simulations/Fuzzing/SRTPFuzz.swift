import SRTP
import Wire

/// Arbitrary bytes as SRTP and SRTCP packets, in every profile; and as RTP and RTCP to be protected, which must
/// open to what they were.
public enum SRTPFuzz {
    public static func run(_ input: RawSpan) {
        guard input.byteCount <= 2048 else { return }
        for profile in Profile.allCases { attempt(input, profile) }
    }

    private static func attempt(_ input: RawSpan, _ profile: Profile) {
        let key = [UInt8](repeating: 7, count: profile.keyLength)
        let salt = [UInt8](repeating: 9, count: profile.saltLength)
        guard let masterKey = try? MasterKey(profile: profile, key: key, salt: salt) else { return }
        let sending = UnsafeMutablePointer<OutboundState>.allocate(capacity: 1)
        let receiving = UnsafeMutablePointer<InboundState>.allocate(capacity: 1)
        defer {
            unsafe sending.deallocate()
            unsafe receiving.deallocate()
        }
        guard var sender = try? unsafe OutboundContext(initializing: sending, masterKey: masterKey),
            var receiver = try? unsafe InboundContext(initializing: receiving, masterKey: masterKey)
        else { return }
        for isRTCP in [false, true] { exchange(input, isRTCP: isRTCP, from: &sender, to: &receiver) }
    }

    private static func exchange(
        _ input: RawSpan, isRTCP: Bool, from sender: inout OutboundContext, to receiver: inout InboundContext
    ) {
        let count = input.byteCount
        let padded = input.copied() + [UInt8](repeating: 0, count: SRTP.Limits.maximumTrailer)
        var forgery = padded
        var forgedElements = forgery.mutableSpan
        var forged = unsafe forgedElements.mutableBytes
        precondition(open(&forged, count, isRTCP, &receiver) == nil, "nobody made a tag for this packet")
        var clear = padded
        var elements = clear.mutableSpan
        var packet = unsafe elements.mutableBytes
        let sealed =
            isRTCP
            ? try? sender.protectRTCP(&packet, length: count) : try? sender.protectRTP(&packet, length: count)
        guard let sealed else { return }
        precondition(open(&packet, sealed, isRTCP, &receiver) == count, "what was protected opens")
        precondition(packet.bytes.extracting(0..<count).elementsEqual(input), "to what it was")
    }

    @_lifetime(packet: copy packet)
    private static func open(
        _ packet: inout MutableRawSpan, _ length: Int, _ isRTCP: Bool, _ receiver: inout InboundContext
    ) -> Int? {
        isRTCP
            ? try? receiver.unprotectRTCP(&packet, length: length)
            : try? receiver.unprotectRTP(&packet, length: length)
    }
}
