import Wire

/// What every media packet of the generator carries behind its codec's own bytes: who sent it, which one it is, when,
/// and a checksum, so that a receiver can tell a whole packet from a broken or a foreign one.
///
/// ```
///  0 magic                      4 checksum of all from 8 to the end
///  8 run                       12 publisher   14 stream   15 version
/// 16 number, 64 bits           24 send time, monotonic nanoseconds, 64 bits
/// 32 seeded filling
/// ```
/// All in network order but the filling.
struct LoadPayload: Hashable, BitwiseCopyable {
    static let byteCount = 32
    static let magic: UInt32 = 0x4150_4C44
    static let version: UInt8 = 2
    /// The encoding of audio; video has its encoding's index from 0.
    static let audioStream: UInt8 = 0x0F

    /// Drawn for each run, so that another generator's packets are foreign.
    var run: UInt32
    var publisher: UInt16
    /// In the lower half ``audioStream``, or the video's encoding; in the upper half how often its publisher has
    /// connected anew, modulo 16: each time it counts from 0.
    var stream: UInt8
    /// Counts the packets of the stream from 0.
    var number: UInt64
    var sentAt: UInt64

    var encoding: UInt8 { stream & 0x0F }
    var generation: Int { Int(stream >> 4) }

    enum Verdict: Hashable, BitwiseCopyable {
        case whole(LoadPayload)
        case corrupt
    }

    /// Writes header, filling and checksum to `start..<end`, which has room for ``byteCount``.
    func write(into packet: inout MutableRawSpan, _ start: Int, _ end: Int) {
        precondition(end - start >= Self.byteCount && end <= packet.byteCount)
        packet.store(Self.magic, at: start)
        packet.store(run, at: start + 8)
        packet.store(publisher, at: start + 12)
        packet.store(stream, at: start + 14)
        packet.store(Self.version, at: start + 15)
        packet.store(number, at: start + 16)
        packet.store(sentAt, at: start + 24)
        fill(&packet, start + Self.byteCount, end)
        packet.store(Self.checksum(packet.bytes, start + 8, end), at: start + 4)
    }

    /// Bytes that differ from packet to packet and are the same for the same run and number.
    private func fill(_ packet: inout MutableRawSpan, _ start: Int, _ end: Int) {
        precondition(start >= 0 && start <= end && end <= packet.byteCount)
        var counter = UInt64(run) << 32 ^ UInt64(publisher) << 16 ^ UInt64(stream) ^ number &* 0x9E37_79B9_7F4A_7C15
        var at = start
        while at &+ 8 <= end {
            let word = Self.scatter(&counter).littleEndian
            unsafe packet.storeBytes(of: word, toUncheckedByteOffset: at, as: UInt64.self)
            at &+= 8
        }
        var rest = Self.scatter(&counter)
        while at < end {
            packet.store(UInt8(truncatingIfNeeded: rest), at: at)
            rest >>= 8
            at &+= 1
        }
    }

    /// One of a row of words that do not wait for each other.
    @inline(__always)
    private static func scatter(_ counter: inout UInt64) -> UInt64 {
        counter &+= 0x9E37_79B9_7F4A_7C15
        return (counter ^ counter >> 29) &* 0xBF58_476D_1CE4_E5B9
    }

    /// Reads `start..<end`. Without `verifiesChecksum` only the form is looked at.
    static func parse(_ packet: RawSpan, _ start: Int, _ end: Int, verifiesChecksum: Bool) -> Verdict {
        guard start >= 0, end <= packet.byteCount, end - start >= byteCount, packet.uint32(at: start) == magic,
            packet.uint8(at: start + 15) == version,
            !verifiesChecksum || packet.uint32(at: start + 4) == checksum(packet, start + 8, end)
        else { return .corrupt }
        return .whole(
            LoadPayload(
                run: packet.uint32(at: start + 8), publisher: packet.uint16(at: start + 12),
                stream: packet.uint8(at: start + 14), number: packet.uint64(at: start + 16),
                sentAt: packet.uint64(at: start + 24)))
    }

    /// Four lanes of multiplication, each a bijection of every word that goes into it: a change within one word of
    /// a lane always changes the lane.
    static func checksum(_ packet: RawSpan, _ start: Int, _ end: Int) -> UInt32 {
        precondition(start >= 0 && start <= end && end <= packet.byteCount)
        let prime: UInt64 = 0x9E37_79B1_85EB_CA87
        var lanes: (UInt64, UInt64, UInt64, UInt64) = (prime, ~prime, prime << 1, prime >> 1)
        var at = start
        while at &+ 32 <= end {
            lanes.0 = mix(lanes.0, word(packet, at))
            lanes.1 = mix(lanes.1, word(packet, at &+ 8))
            lanes.2 = mix(lanes.2, word(packet, at &+ 16))
            lanes.3 = mix(lanes.3, word(packet, at &+ 24))
            at &+= 32
        }
        while at < end {
            if end - at >= 8 {
                lanes.0 = mix(lanes.0, word(packet, at))
                at += 8
            } else {
                lanes.1 = mix(lanes.1, UInt64(packet.uint8(at: at)))
                at += 1
            }
        }
        var sum = mix(mix(lanes.0, lanes.1), mix(lanes.2, lanes.3)) ^ UInt64(end - start)
        sum = (sum ^ sum >> 32) &* 0xD6E8_FEB8_6659_FD93
        return UInt32(truncatingIfNeeded: sum >> 32)
    }

    /// Turned before and not after, where a compiler would make two multiplications of it.
    @inline(__always)
    private static func mix(_ lane: UInt64, _ word: UInt64) -> UInt64 {
        ((lane << 31 | lane >> 33) ^ word) &* 0xC2B2_AE3D_27D4_EB4F
    }

    /// The caller has checked the bounds.
    @inline(__always)
    private static func word(_ packet: RawSpan, _ at: Int) -> UInt64 {
        unsafe UInt64(littleEndian: packet.unsafeLoadUnaligned(fromUncheckedByteOffset: at, as: UInt64.self))
    }
}
