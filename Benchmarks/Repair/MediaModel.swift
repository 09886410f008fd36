import RTP
import Wire

/// What the call consists of, and the names that both sides use for it.
enum MediaModel {
    static let frameInterval = Interval(nanoseconds: 1_000_000_000 / 30)
    static let audioInterval = Interval.milliseconds(20)
    /// 1.5 Mb/s: six packets a frame; a key frame has four times as many.
    static let packetsPerFrame = 6
    static let packetsPerKeyFrame = 24
    static let packetBytes = 1_040
    /// Opus at 32 kb/s.
    static let audioBytes = 80

    static let video: UInt8 = 96
    static let rtx: UInt8 = 97
    static let opus: UInt8 = 111
    static let red: UInt8 = 63
    static let videoSSRC: UInt32 = 0x11
    static let rtxSSRC: UInt32 = 0x12
    static let audioSSRC: UInt32 = 0x13

    static func videoParameters(repaired: Bool, ssrc: UInt32, rtxSSRC: UInt32) -> RTPParameters {
        RTPParameters(
            codecs: [
                CodecParameters(
                    name: "VP8", payloadType: video, clockRate: 90_000,
                    feedback: repaired ? ["nack", "nack pli"] : ["nack pli"], rtxPayloadType: repaired ? rtx : nil)
            ],
            encodings: [EncodingParameters(ssrc: ssrc, rtxSSRC: repaired ? rtxSSRC : nil)], cname: "c")
    }

    static func audioParameters(isRedundant: Bool, ssrc: UInt32) -> RTPParameters {
        var codecs = [CodecParameters(name: "opus", payloadType: opus, clockRate: 48_000, channels: 2)]
        if isRedundant {
            codecs.append(
                CodecParameters(
                    name: "red", payloadType: red, clockRate: 48_000, channels: 2,
                    formatParameters: [FormatParameter("\(opus)/\(opus)", "")]))
        }
        return RTPParameters(codecs: codecs, encodings: [EncodingParameters(ssrc: ssrc)], cname: "c")
    }

    /// An RTP packet without extensions.
    static func packet(
        type: UInt8, marker: Bool = false, number: UInt16, timestamp: UInt32, ssrc: UInt32, payload: [UInt8]
    ) -> [UInt8] {
        var writer = ByteWriter(capacity: RTPHeader.fixedLength + payload.count)
        writer.write(UInt8(0x80))
        writer.write(type | (marker ? 0x80 : 0))
        writer.write(number)
        writer.write(timestamp)
        writer.write(ssrc)
        return writer.bytes + payload
    }

    /// A VP8 packet that says which frame it is of, and whether it is the frame's last one.
    static func videoPayload(frame: UInt32, isKey: Bool, isFirst: Bool, isLast: Bool) -> [UInt8] {
        var payload: [UInt8] = [isFirst ? 0x10 : 0x00, isKey ? 0x00 : 0x01, 0x00, 0x00]
        payload += [0x9D, 0x01, 0x2A, 0x80, 0x02, 0x68, 0x01]
        payload += [UInt8(isLast ? 1 : 0), UInt8(isKey ? 1 : 0)]
        payload += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: frame >> $0) }
        return payload + [UInt8](repeating: 0, count: packetBytes - payload.count)
    }

    /// Reads ``videoPayload(frame:isKey:isFirst:isLast:)``; nil where it is none.
    static func readVideo(_ payload: ArraySlice<UInt8>) -> VideoPacket? {
        let bytes = Array(payload.prefix(17))
        guard bytes.count == 17 else { return nil }
        let frame = bytes[13...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return VideoPacket(
            frame: Int(frame), isFirst: bytes[0] & 0x10 != 0, isLast: bytes[11] == 1, isKey: bytes[12] == 1)
    }

    /// An audio frame that says which one it is.
    static func audioFrame(_ index: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: index >> $0) } + [UInt8](repeating: 0, count: audioBytes - 4)
    }

    static func readAudio(_ frame: ArraySlice<UInt8>) -> Int? {
        guard frame.count == audioBytes else { return nil }
        return Int(frame.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
    }
}

struct VideoPacket {
    var frame: Int
    var isFirst: Bool
    var isLast: Bool
    var isKey: Bool
}
