import RTP

/// What a packet's payload descriptor or dependency descriptor says about the frame that it belongs to.
///
/// Plain data that travels with ``Forward``, so that each subscriber's choice of layers needs only this and
/// what it decided before, however much has arrived since.
struct FrameDescription: BitwiseCopyable {
    /// How layers are told.
    enum Scheme: UInt8, BitwiseCopyable {
        /// Not at all: the stream is passed or not as a whole.
        case none
        /// RFC 7741, RFC 9628.
        case vp8, vp9
        /// Dependency descriptor.
        case dependencies
    }

    struct Flags: OptionSet, BitwiseCopyable {
        let rawValue: UInt16
        static let startsFrame = Flags(rawValue: 1)
        static let endsFrame = Flags(rawValue: 2)
        static let hasPictureID = Flags(rawValue: 4)
        static let hasLongPictureID = Flags(rawValue: 8)
        static let hasBaseIndex = Flags(rawValue: 16)
        static let hasKeyIndex = Flags(rawValue: 32)
        /// VP8's Y, VP9's U.
        static let isSwitchingPoint = Flags(rawValue: 64)
        /// VP9: not inter-picture predicted.
        static let isKeyPicture = Flags(rawValue: 128)
        /// VP9 in flexible mode: ``references`` is told.
        static let isFlexible = Flags(rawValue: 256)
        static let hasFarReference = Flags(rawValue: 512)
        /// Carries a dependency descriptor, whatever ``scheme`` is.
        static let hasDependencies = Flags(rawValue: 1024)

        init(rawValue: UInt16) { self.rawValue = rawValue }
    }

    var scheme = Scheme.none
    var flags: Flags = []
    var spatial: UInt8 = 0
    var temporal: UInt8 = 0
    /// Picture id, extended to 15 bits when the sender uses 7.
    var picture: UInt16 = 0
    var baseIndex: UInt8 = 0
    var keyIndex: UInt8 = 0
    /// Where in the payload the picture id, TL0PICIDX and VP8's KEYIDX lie.
    var pictureOffset: UInt8 = 0
    var baseOffset: UInt8 = 0
    var keyOffset: UInt8 = 0
    /// Which of the stream's dependency structures holds; see ``IncomingStream/structures``.
    var structureEpoch: UInt8 = 0
    /// Where the dependency descriptor lies in the packet.
    var dependenciesID: UInt8 = 0
    /// Bit d-1: the picture or frame d before is needed.
    var references: UInt64 = 0
    var dependencies: DependencyDescriptor?

    init() {}

    init(_ descriptor: VP8PayloadDescriptor) {
        scheme = .vp8
        if descriptor.startsPartition, descriptor.partition == 0 { flags.insert(.startsFrame) }
        if let id = descriptor.pictureID {
            setPicture(id, isLong: descriptor.hasLongPictureID, at: descriptor.pictureIDRange.lowerBound)
        }
        if let index = descriptor.baseLayerIndex {
            flags.insert(.hasBaseIndex)
            baseIndex = index
            baseOffset = UInt8(truncatingIfNeeded: descriptor.baseLayerPosition)
        }
        if let index = descriptor.keyIndex {
            flags.insert(.hasKeyIndex)
            keyIndex = index
            keyOffset = UInt8(truncatingIfNeeded: descriptor.layerPosition)
        }
        temporal = descriptor.temporalLayer ?? 0
        if descriptor.isLayerSync { flags.insert(.isSwitchingPoint) }
    }

    init(_ descriptor: VP9PayloadDescriptor) {
        scheme = .vp9
        if descriptor.beginsFrame { flags.insert(.startsFrame) }
        if descriptor.endsFrame { flags.insert(.endsFrame) }
        if let id = descriptor.pictureID {
            setPicture(id, isLong: descriptor.hasLongPictureID, at: descriptor.pictureIDRange.lowerBound)
        }
        if let index = descriptor.baseLayerIndex {
            flags.insert(.hasBaseIndex)
            baseIndex = index
            baseOffset = UInt8(truncatingIfNeeded: descriptor.baseLayerPosition)
        }
        if descriptor.isSwitchingPoint { flags.insert(.isSwitchingPoint) }
        if !descriptor.isInterPredicted { flags.insert(.isKeyPicture) }
        if descriptor.isFlexible { flags.insert(.isFlexible) }
        spatial = descriptor.spatialLayer
        temporal = descriptor.temporalLayer
        references = descriptor.references
    }

    private mutating func setPicture(_ id: UInt16, isLong: Bool, at offset: Int) {
        flags.insert(.hasPictureID)
        if isLong { flags.insert(.hasLongPictureID) }
        picture = id
        pictureOffset = UInt8(truncatingIfNeeded: offset)
    }

    /// The packet also carries a dependency descriptor; it tells the layers unless the payload does.
    mutating func add(_ descriptor: DependencyDescriptor, id: UInt8, epoch: UInt8) {
        flags.insert(.hasDependencies)
        dependencies = descriptor
        dependenciesID = id
        structureEpoch = epoch
        guard scheme == .none else { return }
        scheme = .dependencies
        if descriptor.startsFrame { flags.insert(.startsFrame) }
        if descriptor.endsFrame { flags.insert(.endsFrame) }
        if descriptor.hasFarReference { flags.insert(.hasFarReference) }
        spatial = descriptor.spatialLayer
        temporal = descriptor.temporalLayer
        references = descriptor.references
        picture = descriptor.frameNumber
    }
}

/// Extends a stream's 7-bit picture ids to 15 bits, so that what goes out has one width.
struct PictureCounter: BitwiseCopyable {
    private var newest: UInt16 = 0
    private var hasNewest = false

    mutating func extend(_ id: UInt16, isLong: Bool) -> UInt16 {
        guard hasNewest else {
            hasNewest = true
            newest = id
            return id
        }
        let step: Int16
        if isLong {
            step = Int16(bitPattern: (id &- newest) << 1) >> 1
        } else {
            step = Int16(Int8(truncatingIfNeeded: (id &- newest) << 1) >> 1)
        }
        let extended = UInt16(bitPattern: Int16(bitPattern: newest) &+ step) & 0x7FFF
        if step > 0 { newest = extended }
        return extended
    }
}
