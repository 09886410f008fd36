public import Wire

/// The dependency descriptor header extension (AV1 RTP payload format appendix A): which layers a frame
/// belongs to, and which frames it needs.
public struct DependencyDescriptor: Hashable, Sendable, BitwiseCopyable {
    /// What a frame means to one decode target (table A.2).
    public enum Indication: UInt8, Sendable, BitwiseCopyable {
        case notPresent, discardable, switchable, required
    }

    /// The packet begins, or ends, a frame.
    public var startsFrame: Bool
    public var endsFrame: Bool
    public var frameNumber: UInt16
    /// The packet brings the structure of a new coded video sequence.
    public var hasStructure = false
    /// Bit i: decode target i is sent; nil when the packet does not say.
    public var activeTargets: UInt32?
    /// 0...3 and 0...7.
    public var spatialLayer: UInt8 = 0
    public var temporalLayer: UInt8 = 0
    /// Bit d-1: the frame needs the one d before it.
    public var references: UInt64 = 0
    /// The frame needs one more than 64 before it.
    public var hasFarReference = false
    /// 1...32.
    public var targetCount: UInt8 = 0
    private var indications: UInt64 = 0
    private var hasExtendedFields = false
    /// The bit at which the active decode targets lie, or would lie.
    private var activePosition: UInt16 = 0
    private var length: UInt8 = 0

    private static let mandatoryBytes = 3
    /// Where the flags of the extended fields end.
    private static let flagsEnd = 29

    /// Reads a descriptor by the structure that holds; a new structure in it takes its place.
    ///
    /// Throws `truncated`, `overLimit`, `badLength` for more than 255 bytes, or `badValue` when the frame
    /// names a template that the structure does not have, or when there is no structure.
    public init(parsing bytes: RawSpan, structure: inout DependencyStructure?) throws(ParseError) {
        guard bytes.byteCount <= 255 else { throw .badLength }
        var reader = BitReader(bytes)
        startsFrame = try reader.readFlag()
        endsFrame = try reader.readFlag()
        let templateID = UInt8(try reader.read(6))
        frameNumber = UInt16(try reader.read(16))
        length = UInt8(bytes.byteCount)
        guard bytes.byteCount > Self.mandatoryBytes else {
            guard let structure else { throw .badValue }
            activePosition = UInt16(Self.flagsEnd)
            try define(templateID, structure)
            return
        }
        hasExtendedFields = true
        hasStructure = try reader.readFlag()
        let hasActiveTargets = try reader.readFlag()
        let hasIndications = try reader.readFlag()
        let hasReferences = try reader.readFlag()
        let hasChains = try reader.readFlag()
        let held = hasStructure ? try DependencyStructure(&reader) : structure
        guard let held else { throw .badValue }
        activePosition = UInt16(reader.position)
        if hasActiveTargets { activeTargets = try reader.read(held.targetCount) }
        try define(templateID, held)
        if hasIndications {
            indications = try DependencyStructure.readIndications(&reader, count: held.targetCount)
        }
        if hasReferences { try readReferences(&reader) }
        if hasChains { for _ in 0..<held.chainCount { _ = try reader.read(8) } }
        structure = held
    }

    private mutating func define(_ templateID: UInt8, _ structure: DependencyStructure) throws(ParseError) {
        guard let template = structure.template(templateID) else { throw .badValue }
        spatialLayer = template.spatialLayer
        temporalLayer = template.temporalLayer
        indications = template.indications
        references = template.references
        targetCount = UInt8(structure.targetCount)
    }

    private mutating func readReferences(_ reader: inout BitReader) throws(ParseError) {
        references = 0
        while true {
            let size = Int(try reader.read(2))
            guard size > 0 else { return }
            let step = try reader.read(4 * size)
            if step < 64 { references |= 1 << UInt64(step) } else { hasFarReference = true }
        }
    }

    /// What the frame means to a decode target.
    public func indication(forTarget target: Int) -> Indication {
        guard target < 32 else { return .notPresent }
        return Indication(rawValue: UInt8(indications >> UInt64(2 * target) & 3)) ?? .notPresent
    }

    /// The frame needs no other.
    public var isIndependent: Bool { references == 0 && !hasFarReference }

    // MARK: Writing

    /// Bytes that ``write(_:frameNumber:activeTargets:to:at:)`` writes.
    public func rewrittenLength(withActiveTargets hasActiveTargets: Bool) -> Int {
        guard hasActiveTargets else { return Int(length) }
        guard hasExtendedFields else { return (Self.flagsEnd + Int(targetCount) + 7) / 8 }
        return Int(length) + (activeTargets == nil ? (Int(targetCount) + 7) / 8 : 0)
    }

    /// Writes the descriptor with another frame number and, when given, with these active decode targets.
    ///
    /// - Parameter original: the bytes that this was parsed from. `output` has room for
    ///   ``rewrittenLength(withActiveTargets:)`` at `offset`.
    public func write(
        _ original: RawSpan, frameNumber: UInt16, activeTargets mask: UInt32?, to output: inout MutableRawSpan,
        at offset: Int
    ) {
        precondition(original.byteCount == Int(length))
        guard let mask else {
            output.store(contentsOf: original, at: offset)
            output.store(frameNumber, at: offset + 1)
            return
        }
        var writer = BitWriter(at: offset)
        writer.write(UInt32(original.uint8(at: 0)), 8, to: &output)
        writer.write(UInt32(frameNumber), 16, to: &output)
        guard hasExtendedFields else {
            writer.write(0b01000, 5, to: &output)
            writer.write(mask, Int(targetCount), to: &output)
            writer.finish(to: &output)
            return
        }
        writer.write(UInt32(original.uint8(at: 3) >> 3) | 0b01000, 5, to: &output)
        copy(original, Self.flagsEnd..<Int(activePosition), &writer, to: &output)
        writer.write(mask, Int(targetCount), to: &output)
        let rest = Int(activePosition) + (activeTargets == nil ? 0 : Int(targetCount))
        copy(original, rest..<(Int(length) * 8), &writer, to: &output)
        writer.finish(to: &output)
        // Zero padding up to the promised length (A.8.2).
        while writer.byteCount < rewrittenLength(withActiveTargets: true) { writer.write(0, 8, to: &output) }
    }

    private func copy(
        _ original: RawSpan, _ bits: Range<Int>, _ writer: inout BitWriter, to output: inout MutableRawSpan
    ) {
        var reader = BitReader(original, position: bits.lowerBound)
        while reader.position < bits.upperBound {
            let count = min(24, bits.upperBound - reader.position)
            guard let value = try? reader.read(count) else { return }
            writer.write(value, count, to: &output)
        }
    }
}

/// Writes bits, most significant first, at a place in a packet.
struct BitWriter: BitwiseCopyable {
    private let start: Int
    private var offset: Int
    private var pending: UInt64 = 0
    private var pendingCount = 0

    init(at offset: Int) {
        start = offset
        self.offset = offset
    }

    var byteCount: Int { offset - start }

    /// The low `count` bits, 0...32.
    mutating func write(_ value: UInt32, _ count: Int, to output: inout MutableRawSpan) {
        let mask = (UInt64(1) << UInt64(count)) - 1
        pending = pending << UInt64(count) | UInt64(value) & mask
        pendingCount += count
        while pendingCount >= 8 {
            output.store(UInt8(truncatingIfNeeded: pending >> UInt64(pendingCount - 8)), at: offset)
            offset += 1
            pendingCount -= 8
        }
    }

    /// Fills the last byte with zeros.
    mutating func finish(to output: inout MutableRawSpan) {
        if pendingCount > 0 { write(0, 8 - pendingCount, to: &output) }
    }
}
