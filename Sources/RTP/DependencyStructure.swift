import Wire

/// The template dependency structure of a coded video sequence (AV1 RTP payload format appendix A.8.2).
public struct DependencyStructure: Sendable {
    /// What frames of one template have in common.
    struct Template: Sendable, BitwiseCopyable {
        var spatialLayer: UInt8
        var temporalLayer: UInt8
        /// Two bits for each decode target, the first in the lowest.
        var indications: UInt64 = 0
        /// Bit d-1: the frame refers to the one d before it.
        var references: UInt64 = 0
    }

    let templateOffset: UInt8
    /// 1...32.
    public let targetCount: Int
    private(set) var templates: [Template] = []
    let chainCount: Int
    /// For each decode target its layers, spatial in the high half; see ``layers(ofTarget:)``.
    private var targets = InlineArray<32, UInt8>(repeating: 0)
    /// Width times height of the largest spatial layer; 0 when it is not told.
    public private(set) var pixels: UInt32 = 0

    init(_ reader: inout BitReader) throws(ParseError) {
        templateOffset = UInt8(try reader.read(6))
        targetCount = Int(try reader.read(5)) + 1
        var spatial: UInt8 = 0
        var temporal: UInt8 = 0
        var next: UInt32 = 0
        repeat {
            guard templates.count < Self.templateLimit, spatial < 4, temporal < 8 else { throw .overLimit }
            templates.append(Template(spatialLayer: spatial, temporalLayer: temporal))
            next = try reader.read(2)
            if next == 1 {
                temporal += 1
            } else if next == 2 {
                temporal = 0
                spatial += 1
            }
        } while next != 3
        for index in templates.indices {
            templates[index].indications = try Self.readIndications(&reader, count: targetCount)
        }
        for index in templates.indices {
            while try reader.readFlag() { templates[index].references |= 1 << UInt64(try reader.read(4)) }
        }
        chainCount = Int(try reader.readNonSymmetric(UInt32(targetCount) + 1))
        if chainCount > 0 {
            for _ in 0..<targetCount { _ = try reader.readNonSymmetric(UInt32(chainCount)) }
            for _ in 0..<(templates.count * chainCount) { _ = try reader.read(4) }
        }
        if try reader.readFlag() {
            for _ in 0...spatial {
                let width = try reader.read(16) + 1
                pixels = max(pixels, UInt32(clamping: UInt64(width) * UInt64(try reader.read(16) + 1)))
            }
        }
        describeTargets()
    }

    /// Template ids have six bits.
    private static let templateLimit = 64

    static func readIndications(_ reader: inout BitReader, count: Int) throws(ParseError) -> UInt64 {
        var indications: UInt64 = 0
        for target in 0..<count { indications |= UInt64(try reader.read(2)) << UInt64(2 * target) }
        return indications
    }

    /// `decode_target_layers()`: the highest layers among the frames of each target.
    private mutating func describeTargets() {
        for target in 0..<targetCount {
            var spatial: UInt8 = 0
            var temporal: UInt8 = 0
            for template in templates where template.indications >> UInt64(2 * target) & 3 != 0 {
                spatial = max(spatial, template.spatialLayer)
                temporal = max(temporal, template.temporalLayer)
            }
            targets[target] = spatial << 4 | temporal
        }
    }

    func template(_ id: UInt8) -> Template? {
        let index = Int(id &- templateOffset) & 0x3F
        return index < templates.count ? templates[index] : nil
    }

    /// The highest spatial (0...3) and temporal (0...7) layer of a decode target's frames.
    public func layers(ofTarget target: Int) -> (spatial: UInt8, temporal: UInt8) {
        (targets[target] >> 4, targets[target] & 0x0F)
    }

    /// A bit for each decode target.
    public var allTargets: UInt32 { targetCount == 32 ? .max : 1 << UInt32(targetCount) - 1 }

    /// The best of the `active` decode targets within the limits, or the least when all are beyond them.
    public func bestTarget(spatial: UInt8, temporal: UInt8, active: UInt32) -> Int {
        var best = -1
        var least = 0
        for target in 0..<targetCount where active >> UInt32(target) & 1 != 0 || active == 0 {
            let layers = layers(ofTarget: target)
            if layers.spatial <= spatial, layers.temporal <= temporal, best < 0 || targets[target] > targets[best] {
                best = target
            }
            if active >> UInt32(least) & 1 == 0 || targets[target] < targets[least] { least = target }
        }
        return best >= 0 ? best : least
    }

    /// The decode targets that remain decodable when only `target` is forwarded.
    public func targets(within target: Int) -> UInt32 {
        var mask: UInt32 = 0
        for other in 0..<targetCount where includes(other, in: target) { mask |= 1 << UInt32(other) }
        return mask
    }

    /// Every template that belongs to `other` belongs to `target`.
    private func includes(_ other: Int, in target: Int) -> Bool {
        for template in templates {
            let isNeeded = template.indications >> UInt64(2 * other) & 3 != 0
            if isNeeded, template.indications >> UInt64(2 * target) & 3 == 0 { return false }
        }
        return true
    }
}
