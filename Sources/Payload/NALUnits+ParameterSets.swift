extension NALUnits {
    /// The first sequence parameter set among them.
    public var sequenceParameterSet: [UInt8]? { units(ofType: NALUnitType.sps).first }
    /// The first picture parameter set among them.
    public var pictureParameterSet: [UInt8]? { units(ofType: NALUnitType.pps).first }
}
