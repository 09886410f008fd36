public import Wire

/// The NAL units of one access unit of H.264, or a set of parameter sets (ITU-T H.264 section 7.3.1).
///
/// Two byte forms are common: Annex B, where start codes stand between units, and length prefixes, as MP4 and Matroska
/// files have them (ISO/IEC 14496-15 section 5.3).
public struct NALUnits: Hashable, Sendable {
    /// Each with its header byte, without start code or length; none is empty.
    public private(set) var units: [[UInt8]] = []

    /// None.
    public init() {}

    /// From a stream of bytes with start codes of three or four bytes (H.264 annex B).
    ///
    /// Throws `badHeader` when something stands before the first start code, or there is none; `overLimit` for
    /// more units than ``Limits/nalUnitsPerFrame``.
    public init(annexB bytes: [UInt8]) throws(ParseError) {
        var start: Int?
        var index = 0
        while index + 2 < bytes.count {
            // A byte over one ends no start code, nor do the two before it.
            if bytes[index + 2] > 1 {
                index += 3
            } else if bytes[index] == 0, bytes[index + 1] == 0, bytes[index + 2] == 1 {
                if let start {
                    try append(bytes[start..<index])
                } else {
                    guard bytes[..<index].allSatisfy({ $0 == 0 }) else { throw .badHeader }
                }
                start = index + 3
                index += 3
            } else {
                index += 1
            }
        }
        guard let start else { throw .badHeader }
        try append(bytes[start...])
    }

    /// From units that each have their length before them, in `lengthSize` bytes (1, 2 or 4).
    ///
    /// Throws `truncated` when a unit is longer than what is there, `badValue` for another size of lengths, `overLimit`
    /// as above.
    public init(lengthPrefixed bytes: [UInt8], lengthSize: Int = 4) throws(ParseError) {
        guard lengthSize == 1 || lengthSize == 2 || lengthSize == 4 else { throw .badValue }
        var offset = 0
        while offset < bytes.count {
            guard bytes.count - offset >= lengthSize else { throw .truncated }
            let length = bytes[offset..<(offset + lengthSize)].reduce(0) { $0 << 8 | Int($1) }
            offset += lengthSize
            guard length <= bytes.count - offset else { throw .truncated }
            try append(bytes[offset..<(offset + length)])
            offset += length
        }
    }

    /// Appends a unit without the zero bytes that may trail it: a unit's last byte is never zero (section 7.4.1).
    mutating func append(_ unit: ArraySlice<UInt8>) throws(ParseError) {
        var unit = unit
        while unit.last == 0 { unit.removeLast() }
        guard !unit.isEmpty else { return }
        guard units.count < Limits.nalUnitsPerFrame else { throw .overLimit }
        units.append(Array(unit))
    }

    /// With start codes of four bytes.
    public var annexB: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(units.reduce(0) { $0 + $1.count + 4 })
        for unit in units {
            bytes.append(contentsOf: Self.startCode)
            bytes.append(contentsOf: unit)
        }
        return bytes
    }

    /// With lengths of four bytes.
    public var lengthPrefixed: [UInt8] {
        var writer = ByteWriter(capacity: units.reduce(0) { $0 + $1.count + 4 })
        for unit in units {
            writer.write(UInt32(truncatingIfNeeded: unit.count))
            writer.write(unit)
        }
        return writer.bytes
    }

    /// Those of a type: 1 a slice, 5 a slice of an IDR picture, 7 and 8 parameter sets (table 7-1).
    public func units(ofType type: UInt8) -> [[UInt8]] { units.filter { $0[0] & 0x1F == type } }

    /// Sequence and picture parameter sets, without the rest.
    public var parameterSets: NALUnits {
        var sets = NALUnits()
        sets.units = units(ofType: NALUnitType.sps) + units(ofType: NALUnitType.pps)
        return sets
    }

    /// The same with `sets` before the first unit, or behind the delimiter that must be first (section 7.4.1.2.3).
    func inserting(_ sets: NALUnits) -> NALUnits {
        var result = self
        let start = (units.first?[0] ?? 0) & 0x1F == NALUnitType.delimiter ? 1 : 0
        result.units.insert(contentsOf: sets.units, at: start)
        return result
    }

    /// A decoder that has the parameter sets can begin here.
    public var isKeyFrame: Bool { units.contains { $0[0] & 0x1F == NALUnitType.idr } }

    static let startCode: [UInt8] = [0, 0, 0, 1]
}

/// Values of `nal_unit_type` (H.264 table 7-1), and the two of RTP's own that we read (RFC 6184 table 1).
enum NALUnitType {
    static let slice: UInt8 = 1
    static let idr: UInt8 = 5
    static let sps: UInt8 = 7
    static let pps: UInt8 = 8
    static let delimiter: UInt8 = 9
    static let stapA: UInt8 = 24
    static let fuA: UInt8 = 28

    /// Slices and their partitions: what a picture is made of.
    static func isSlice(_ type: UInt8) -> Bool { 1...5 ~= type }
}
