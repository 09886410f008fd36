/// What a person sees and hears of one call, and what that takes.
public struct RepairFigures: Sendable, Codable, Hashable {
    /// Share of the captured frames that were shown within 300 ms, and at all.
    public internal(set) var framesInTime = 0.0
    public internal(set) var framesShown = 0.0
    /// Freezes by webrtc-stats of a viewer that plays 300 ms after the capture, and the seconds that they took.
    public internal(set) var freezesPerMinute = 0.0
    public internal(set) var frozenPerMinute = 0.0
    /// Seconds between two frames that were shown one after the other.
    public internal(set) var longestGap = 0.0
    /// Share of the audio frames that were not there 300 ms after they were captured.
    public internal(set) var audioLost = 0.0
    public internal(set) var keyFramesPerMinute = 0.0
    /// Packets sent again on the leg that loses, over the video's packets.
    public internal(set) var repeated = 0.0

    static func mean(_ all: [RepairFigures]) -> RepairFigures {
        var mean = RepairFigures()
        let count = Double(max(all.count, 1))
        for path in [
            \RepairFigures.framesInTime, \.framesShown, \.freezesPerMinute, \.frozenPerMinute, \.audioLost,
            \.keyFramesPerMinute, \.repeated,
        ] {
            mean[keyPath: path] = all.reduce(0) { $0 + $1[keyPath: path] } / count
        }
        // The worst that anybody saw.
        mean.longestGap = all.reduce(0) { max($0, $1.longestGap) }
        return mean
    }
}
