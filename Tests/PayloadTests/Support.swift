import Payload
import RTP
import Wire

/// Hex text (spaces allowed) to bytes.
func hex(_ text: String) -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }.map { UInt8($0.hexDigitValue!) }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

func at(milliseconds: Int64) -> Instant { Instant.origin + .milliseconds(milliseconds) }

/// Text of 0 and 1 (other characters are left out) to bytes, filled up with zeros.
func bits(_ text: String) -> [UInt8] {
    var digits = text.filter { $0 == "0" || $0 == "1" }.map { $0 == "1" ? UInt8(1) : 0 }
    while digits.count % 8 != 0 { digits.append(0) }
    return stride(from: 0, to: digits.count, by: 8).map { digits[$0..<($0 + 8)].reduce(0) { $0 << 1 | $1 } }
}

/// `ue(v)` of H.264.
func golomb(_ value: Int) -> String {
    let text = String(value + 1, radix: 2)
    return String(repeating: "0", count: text.count - 1) + text
}

/// Frames that look like an encoder's: their first bytes are right, and what follows tells them apart.
enum Sample {
    static let sps = hex("67 42001F 95A814016E40")
    static let pps = hex("68 CE3C80")

    static func frame(_ format: PayloadFormat, key: Bool = false, count: Int = 300, seed: UInt64 = 1) -> [UInt8] {
        var random = SeededRandom(seed: seed)
        let noise = random.bytes(count).map { $0 | 1 }
        return switch format {
        case .vp8: (key ? hex("10 0200 9D012A 4001 F000") : hex("11 0200")) + noise
        case .vp9: (key ? hex("82 498342 0027F01670") : hex("86 004092")) + noise
        case .h264:
            (key ? NALUnits(of: sps, pps, hex("65 88") + noise) : NALUnits(of: hex("41 9A") + noise)).annexB
        case .opus: hex("78") + noise.prefix(80)
        case .pcmu, .pcma: Array((noise + noise).prefix(160))
        }
    }
}

extension NALUnits {
    init(of units: [UInt8]...) {
        self = (try? NALUnits(annexB: units.flatMap { [0, 0, 0, 1] + $0 })) ?? NALUnits()
    }
}

/// One packet on its way.
struct Packet {
    var header: RTPHeader
    var payload: [UInt8]
}

/// A sender of one stream and the buffer that gets it.
struct Stream {
    var packetizer: Packetizer
    var buffer: FrameBuffer
    var number = SequenceNumber(100)
    var timestamp: UInt32 = 5000
    let ssrc: UInt32 = 7
    /// Ticks from one frame to the next: 20 ms of audio, a thirtieth of a second of video.
    var step: UInt32

    init(_ format: PayloadFormat, _ policy: FrameBuffer.Policy = .complete(patience: .milliseconds(200))) {
        var random = SeededRandom(seed: 3)
        packetizer = Packetizer(format, payloadLength: format.kind == .audio ? 1000 : 120, random: &random)
        buffer = FrameBuffer(format, policy: policy)
        step = format.kind == .audio ? format.clockRate / 50 : 3000
    }

    /// The packets of the next frame.
    mutating func packets(_ frame: [UInt8]) -> [Packet] {
        let payloads = (try? packetizer.packetize(frame)) ?? []
        let packets = payloads.map { payload in packet(payload.bytes, marker: payload.marker) }
        timestamp &+= step
        return packets
    }

    mutating func packet(_ payload: [UInt8], marker: Bool = false) -> Packet {
        defer { number = number.advanced(by: 1) }
        let header = RTPHeader(
            payloadType: 96, marker: marker, sequenceNumber: number, timestamp: timestamp, ssrc: ssrc)
        return Packet(header: header, payload: payload)
    }

    /// The packets of the next frame of the stream's format.
    mutating func frame(key: Bool = false, seed: UInt64 = 1, count: Int = 300) -> [Packet] {
        packets(Sample.frame(buffer.format, key: key, count: count, seed: seed))
    }

    /// Hands packets over and takes what comes out.
    @discardableResult
    mutating func receive(_ packets: [Packet], at now: Instant) -> [EncodedFrame] {
        for packet in packets {
            buffer.insert(packet.header, payload: packet.payload.span.bytes, now: now)
        }
        return fetch(at: now)
    }

    mutating func fetch(at now: Instant) -> [EncodedFrame] {
        var frames: [EncodedFrame] = []
        while let frame = buffer.nextFrame(now: now) { frames.append(frame) }
        return frames
    }

    /// Every packet that came went somewhere.
    var isAccountedFor: Bool {
        let counters = buffer.counters
        let gone = counters.framedPackets + counters.paddingPackets + counters.drops.total
        return counters.packets == gone + UInt64(buffer.heldPackets)
    }
}
