import RTP
import Testing
import Wire

@testable import Forwarding

/// Writes bits, most significant first.
struct Bits {
    private(set) var bytes: [UInt8] = []
    private var count = 0

    mutating func write(_ value: Int, _ width: Int) {
        for bit in stride(from: width - 1, through: 0, by: -1) {
            if count % 8 == 0 { bytes.append(0) }
            if value >> bit & 1 == 1 { bytes[count / 8] |= 0x80 >> UInt8(count % 8) }
            count += 1
        }
    }

    mutating func writeNonSymmetric(_ value: Int, below bound: Int) {
        var width = 0
        while bound >> width > 0 { width += 1 }
        let short = (1 << width) - bound
        if value < short { write(value, width - 1) } else { write(value + short, width) }
    }
}

/// What a packet of a model stream says about itself, where no forwarder changes it.
struct Mark: Hashable {
    var frame: UInt32
    var part: UInt8
    var parts: UInt8
    var needs: [UInt32]

    var bytes: [UInt8] {
        ([frame] + needs).flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (24 - 8 * $0)) } }
            + [UInt8(needs.count), part, parts, 0xA5]
    }

    /// Read from the end of a payload.
    init?(_ payload: [UInt8]) {
        guard payload.count >= 8, payload.last == 0xA5 else { return nil }
        let count = Int(payload[payload.count - 4])
        guard payload.count >= 8 + 4 * count else { return nil }
        part = payload[payload.count - 3]
        parts = payload[payload.count - 2]
        let words = payload[(payload.count - 8 - 4 * count)..<(payload.count - 4)]
        var values: [UInt32] = []
        for index in stride(from: words.startIndex, to: words.endIndex, by: 4) {
            values.append(words[index..<(index + 4)].reduce(0) { $0 << 8 | UInt32($1) })
        }
        frame = values[0]
        needs = Array(values.dropFirst())
    }

    init(frame: UInt32, part: UInt8, parts: UInt8, needs: [UInt32]) {
        self.frame = frame
        self.part = part
        self.parts = parts
        self.needs = needs
    }
}

/// A sender of one RTP stream with temporal, and for VP9 and AV1 spatial, layers.
struct ModelSender {
    enum Kind: CaseIterable { case vp8, shortVP8, vp9, flexibleVP9, av1 }

    struct Packet {
        var bytes: [UInt8]
        var sequence: Int
        var mark: Mark
    }

    let kind: Kind
    let ssrc: UInt32
    /// Goes into the frames' ids.
    let name: UInt32
    var random: SeededRandom
    var sequence: Int
    var timestamp: UInt32
    var picture: Int
    var base: Int
    var keyIndex = 0
    var frameNumber: Int
    var tick = 0
    var wantsKey = true
    /// Percentage of pictures whose counters, timestamp or SSRC-wide numbers lie.
    var lies: UInt64 = 0
    private var lastOfLayer: [Int: [Int: (id: UInt32, picture: Int, number: Int)]] = [:]
    private var phase = 0
    var spatialLayers: Int { kind == .vp8 || kind == .shortVP8 ? 1 : 3 }

    init(_ kind: Kind, ssrc: UInt32, name: UInt32, seed: UInt64) {
        self.kind = kind
        self.ssrc = ssrc
        self.name = name
        random = SeededRandom(seed: seed &* 977 &+ UInt64(name))
        sequence = 0x1_FE00 + Int(random.next() % 0x300)
        timestamp = UInt32(truncatingIfNeeded: random.next())
        picture = Int(random.next() % 0x8000)
        base = Int(random.next() % 256)
        frameNumber = Int(random.next() % 0x1_0000)
    }

    static func parameters(_ kind: Kind, rids: [String] = []) -> RTPParameters {
        let name = kind == .av1 ? "AV1" : kind == .vp8 || kind == .shortVP8 ? "VP8" : "VP9"
        return RTPParameters(
            codecs: [
                CodecParameters(
                    name: name, payloadType: 96, clockRate: 90_000, feedback: ["nack", "nack pli"],
                    rtxPayloadType: 97)
            ],
            headerExtensions: [
                HeaderExtensionParameters(uri: HeaderExtensionURI.mid, id: 4),
                HeaderExtensionParameters(uri: HeaderExtensionURI.rid, id: 5),
                HeaderExtensionParameters(uri: HeaderExtensionURI.repairedRid, id: 6),
                HeaderExtensionParameters(uri: HeaderExtensionURI.dependencyDescriptor, id: 7),
            ], encodings: rids.map { EncodingParameters(rid: $0) })
    }

    /// All packets of the next picture.
    mutating func nextPicture(rid: String? = nil) -> [Packet] {
        let isKey = wantsKey
        wantsKey = false
        if isKey {
            phase = 0
            lastOfLayer = [:]
            keyIndex = (keyIndex + 1) & 31
        }
        let temporal = [0, 2, 1, 2][phase % 4]
        if random.next() % 100 < lies { lie() }
        timestamp &+= 3000
        picture = (picture + 1) & 0x7FFF
        if temporal == 0 { base = (base + 1) & 0xFF }
        var packets: [Packet] = []
        for spatial in 0..<spatialLayers {
            frameNumber = (frameNumber + 1) & 0xFFFF
            packets += frame(spatial, temporal, isKey: isKey, rid: rid)
        }
        phase += 1
        tick += 1
        return packets
    }

    private mutating func lie() {
        switch random.next() % 6 {
        case 0: timestamp = UInt32(truncatingIfNeeded: random.next())
        case 1: picture = Int(random.next() % 0x8000)
        case 2: base = Int(random.next() % 256)
        case 3: frameNumber = Int(random.next() % 0x1_0000)
        case 4: sequence += Int(random.next() % 60_000)
        default: timestamp &-= 90_000 * UInt32(random.next() % 30)
        }
    }

    private mutating func frame(_ spatial: Int, _ temporal: Int, isKey: Bool, rid: String?) -> [Packet] {
        let id = name << 24 | UInt32(tick & 0xF_FFFF) << 4 | UInt32(spatial)
        var needs: [UInt32] = []
        var pictures: [Int] = []
        var numbers: [Int] = []
        if !isKey {
            // The second picture of the highest layer builds on the middle one, the others on the base.
            let reference = phase % 4 == 3 ? 1 : 0
            if let held = lastOfLayer[spatial]?[reference] ?? lastOfLayer[spatial]?[0] {
                needs.append(held.id)
                pictures.append((picture - held.picture) & 0x7FFF)
                numbers.append((frameNumber - held.number) & 0xFFFF)
            }
        }
        if spatial > 0 {
            needs.append(id - 1)
            numbers.append(1)
        }
        lastOfLayer[spatial, default: [:]][temporal] = (id, picture, frameNumber)
        let parts = 1 + Int(random.next() % 3)
        return (0..<parts).map { part in
            sequence += 1
            let mark = Mark(frame: id, part: UInt8(part), parts: UInt8(parts), needs: needs)
            let isFirst = part == 0
            let isLast = part == parts - 1
            var payload: [UInt8]
            var extensions: [(UInt8, [UInt8])] = [(4, Array("v".utf8))]
            if let rid { extensions.append((5, Array(rid.utf8))) }
            switch kind {
            case .vp8, .shortVP8: payload = vp8(temporal, isKey: isKey, isFirst: isFirst)
            case .vp9, .flexibleVP9:
                payload = vp9(spatial, temporal, isKey: isKey, isFirst: isFirst, isLast: isLast, pictures)
            case .av1:
                payload = [isKey && isFirst && spatial == 0 ? 0x18 : 0x10]
                extensions.append(
                    (7, dependencies(spatial, temporal, isKey: isKey, isFirst: isFirst, isLast: isLast, numbers)))
            }
            payload += mark.bytes
            let bytes = Media.packet(
                UInt16(truncatingIfNeeded: sequence), timestamp: timestamp, ssrc: ssrc,
                marker: isLast && spatial == spatialLayers - 1, extensions: extensions, form: .twoByte,
                payload: payload)
            return Packet(bytes: bytes, sequence: sequence, mark: mark)
        }
    }

    private func vp8(_ temporal: Int, isKey: Bool, isFirst: Bool) -> [UInt8] {
        let isSync = temporal > 0 && phase % 4 != 3
        let id: [UInt8] =
            kind == .shortVP8
            ? [UInt8(picture & 0x7F)] : [0x80 | UInt8(picture >> 8), UInt8(picture & 0xFF)]
        let layer = UInt8(temporal << 6) | (isSync ? 0x20 : 0) | UInt8(keyIndex)
        return [0x80 | (isFirst ? 0x10 : 0), 0xF0] + id + [UInt8(base), layer]
            + [isKey ? 0 : 1, 0, 0, 0x9D, 0x01, 0x2A, UInt8(name & 7) << 4, 0, 0x10, 0]
    }

    private func vp9(
        _ spatial: Int, _ temporal: Int, isKey: Bool, isFirst: Bool, isLast: Bool, _ pictures: [Int]
    ) -> [UInt8] {
        let isFlexible = kind == .flexibleVP9
        var first: UInt8 = 0xA0 | (isFirst ? 0x08 : 0) | (isLast ? 0x04 : 0)
        if !isKey { first |= 0x40 }
        if isFlexible { first |= 0x10 }
        let isUp = phase % 4 != 3
        var bytes = [first, 0x80 | UInt8(picture >> 8), UInt8(picture & 0xFF)]
        bytes.append(UInt8(temporal << 5) | (isUp ? 0x10 : 0) | UInt8(spatial << 1) | (spatial > 0 ? 1 : 0))
        if isFlexible {
            if !isKey {
                // Where the references are not, a picture refers to the one before.
                let steps = pictures.isEmpty ? [1] : pictures
                for (index, step) in steps.enumerated() {
                    bytes.append(UInt8(min(max(step, 1), 127)) << 1 | (index + 1 < steps.count ? 1 : 0))
                }
            }
        } else {
            bytes.append(UInt8(base))
        }
        return bytes
    }

    /// Full SVC: the target of layers (s, t) has all frames up to them.
    private func dependencies(
        _ spatial: Int, _ temporal: Int, isKey: Bool, isFirst: Bool, isLast: Bool, _ numbers: [Int]
    ) -> [UInt8] {
        var bits = Bits()
        bits.write(isFirst ? 1 : 0, 1)
        bits.write(isLast ? 1 : 0, 1)
        bits.write((spatial * 3 + temporal + 11) & 63, 6)
        bits.write(frameNumber, 16)
        let hasStructure = isKey && isFirst && spatial == 0
        bits.write(hasStructure ? 1 : 0, 1)
        bits.write(0, 2)
        bits.write(1, 1)
        bits.write(0, 1)
        if hasStructure { structure(&bits) }
        for number in numbers where number < 4096 {
            bits.write(3, 2)
            bits.write(number - 1, 12)
        }
        bits.write(0, 2)
        return bits.bytes
    }

    private func structure(_ bits: inout Bits) {
        bits.write(11, 6)
        bits.write(8, 5)
        for layer in 0..<9 { bits.write(layer == 8 ? 3 : layer % 3 == 2 ? 2 : 1, 2) }
        for layer in 0..<9 {
            for target in 0..<9 {
                let isIn = layer / 3 <= target / 3 && layer % 3 <= target % 3
                // A frame of the target's own spatial layer lets a receiver join; one below does not.
                bits.write(!isIn ? 0 : layer / 3 < target / 3 ? 3 : layer % 3 == 2 ? 1 : 2, 2)
            }
        }
        for _ in 0..<9 { bits.write(0, 1) }
        bits.writeNonSymmetric(0, below: 10)
        bits.write(0, 1)
    }
}
