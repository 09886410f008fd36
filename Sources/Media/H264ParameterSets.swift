/// The parameter sets that a decoder of H.264 needs first (ITU-T H.264 sections 7.3.2.1 and 7.3.2.2).
public struct H264ParameterSets: Equatable, Sendable {
    /// Without start code.
    public var sps: [UInt8]
    public var pps: [UInt8]

    /// Those in a frame with start codes (annex B), as key frames have them; nil when one is missing.
    public init?(frame: [UInt8]) {
        var sps: [UInt8]?
        var pps: [UInt8]?
        for range in Self.units(frame) {
            switch frame[range.lowerBound] & 0x1f {
            case 7: sps = sps ?? Array(frame[range])
            case 8: pps = pps ?? Array(frame[range])
            default: break
            }
            if let sps, let pps {
                self.sps = sps
                self.pps = pps
                return
            }
        }
        return nil
    }

    /// The NAL units between start codes, none of them empty.
    private static func units(_ frame: [UInt8]) -> [Range<Int>] {
        var units: [Range<Int>] = []
        var begin: Int?
        var zeros = 0
        for (index, byte) in frame.enumerated() {
            if byte == 1, zeros >= 2 {
                if let begin, begin < index - zeros { units.append(begin..<(index - zeros)) }
                begin = index + 1
            }
            zeros = byte == 0 ? zeros + 1 : 0
        }
        if let begin, begin < frame.count { units.append(begin..<frame.count) }
        return units
    }
}
