import Wire

/// Bounds of this module.
enum Limits {
    /// How long a plain peer's address may be silent until another may stand in its place.
    static let latchSilence = Interval.seconds(5)
    /// SSRCs of one plain section that its RTCP may speak of: the announced one, the present one and those before.
    static let sectionSSRCs = 4
    /// Packets that are left of a key's lifetime when its owner is warned: as many as libsrtp2 has, but at most an
    /// eighth of it.
    static let softLimitPackets: UInt64 = 1 << 16
    static let softLimitShare: UInt64 = 8
}
