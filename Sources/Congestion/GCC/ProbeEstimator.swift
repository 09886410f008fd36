import Wire

/// What a probe's packets say of the path (libwebrtc `probe_bitrate_estimator.cc`).
struct ProbeEstimator: Sendable {
    private struct Train: Sendable, BitwiseCopyable {
        var probe: ProbeCluster
        var packets = 0
        var bytes = 0.0
        var firstSend = Instant.distantFuture
        var lastSend = Instant.origin
        var lastSendSize = 0.0
        var firstArrival = Int64.max
        var firstArrivalSize = 0.0
        var lastArrival = Int64.min
    }

    /// Of the packets and bytes that a probe wanted.
    private static let requiredShare = 0.8
    private static let longestInterval = 1.0
    private static let largestSpeedUp = 2.0
    private static let saturation = 0.9
    private static let safety = 0.95
    private static let capacity = 8

    private var trains: [Train?]
    private var next = 0

    init() { trains = Array(repeating: nil, count: Self.capacity) }

    /// A probe is about to be sent; the oldest of eight is forgotten.
    mutating func start(_ probe: ProbeCluster) {
        trains[next] = Train(probe: probe)
        next = (next + 1) % Self.capacity
    }

    /// Takes a packet; the rate in bit/s that its train shows by now.
    mutating func add(_ packet: Acknowledgement) -> Double? {
        guard packet.probeCluster != 0 else { return nil }
        for index in 0..<Self.capacity {
            guard var train = trains[index], train.probe.id == packet.probeCluster else { continue }
            let size = Double(packet.size)
            train.packets += 1
            train.bytes += size
            train.firstSend = min(train.firstSend, packet.sentAt)
            if packet.sentAt > train.lastSend {
                train.lastSend = packet.sentAt
                train.lastSendSize = size
            }
            if packet.arrival < train.firstArrival {
                train.firstArrival = packet.arrival
                train.firstArrivalSize = size
            }
            train.lastArrival = max(train.lastArrival, packet.arrival)
            trains[index] = train
            return rate(train)
        }
        return nil
    }

    private func rate(_ train: Train) -> Double? {
        guard Double(train.packets) >= Self.requiredShare * Double(train.probe.minimumPackets),
            train.bytes >= Self.requiredShare * Double(train.probe.minimumBytes)
        else { return nil }
        let sendSpan = (train.lastSend - train.firstSend).seconds
        let arrivalSpan = Double(train.lastArrival - train.firstArrival) / 1e9
        guard sendSpan > 0, sendSpan <= Self.longestInterval, arrivalSpan > 0, arrivalSpan <= Self.longestInterval
        else { return nil }
        let sendRate = (train.bytes - train.lastSendSize) * 8 / sendSpan
        let arrivalRate = (train.bytes - train.firstArrivalSize) * 8 / arrivalSpan
        guard sendRate > 0, arrivalRate / sendRate <= Self.largestSpeedUp else { return nil }
        let result = min(sendRate, arrivalRate)
        // It came slower than it left: the link is full, and a little less keeps its queue empty.
        return arrivalRate < Self.saturation * sendRate ? Self.safety * arrivalRate : result
    }
}
