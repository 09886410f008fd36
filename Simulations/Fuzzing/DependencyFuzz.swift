import RTP
import Wire

/// Dependency descriptors: a length byte before each, as many as there are, the structure kept in between. What
/// is read is written with other targets and read again.
public enum DependencyFuzz {
    public static func run(_ input: RawSpan) {
        var structure: DependencyStructure?
        var offset = 0
        while offset < input.byteCount {
            let length = min(Int(input.uint8(at: offset)), input.byteCount - offset - 1)
            let bytes = input.extracting((offset + 1)..<(offset + 1 + length))
            offset += 1 + length
            let held = structure
            guard let descriptor = try? DependencyDescriptor(parsing: bytes, structure: &structure) else { continue }
            rewrite(descriptor, bytes, structure: held)
            guard let structure else { preconditionFailure("a descriptor without structure") }
            for target in 0..<structure.targetCount {
                let best = structure.bestTarget(
                    spatial: UInt8(target & 3), temporal: UInt8(target & 7), active: structure.allTargets)
                precondition(structure.targets(within: best) >> UInt32(best) & 1 == 1)
            }
        }
    }

    private static func rewrite(
        _ descriptor: DependencyDescriptor, _ original: RawSpan, structure: DependencyStructure?
    ) {
        let length = descriptor.rewrittenLength(withActiveTargets: true)
        guard length <= 255 else { return }
        var buffer = [UInt8](repeating: 0xAA, count: length + 1)
        var elements = buffer.mutableSpan
        var output = unsafe elements.mutableBytes
        let mask = 0x5555_5555 & (UInt32.max >> UInt32(32 - descriptor.targetCount))
        descriptor.write(original, frameNumber: 7, activeTargets: mask, to: &output, at: 0)
        precondition(output.bytes.uint8(at: length) == 0xAA)
        var held = structure
        let written = output.bytes.extracting(0..<length)
        guard let again = try? DependencyDescriptor(parsing: written, structure: &held) else {
            preconditionFailure("own descriptor refused")
        }
        precondition(again.frameNumber == 7 && again.activeTargets == mask)
        precondition(again.references == descriptor.references && again.hasFarReference == descriptor.hasFarReference)
        for target in 0..<Int(descriptor.targetCount) {
            precondition(again.indication(forTarget: target) == descriptor.indication(forTarget: target))
        }
    }
}
