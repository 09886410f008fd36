import Wire

@testable import Congestion

/// Sends packets and reads feedback on them without a controller.
struct Digests {
    var history = SendHistory(capacity: 4_096)
    var digest = FeedbackDigest()
    var sequence: Int64 = 0

    static func at(_ milliseconds: Double) -> Instant {
        Instant(nanoseconds: 1_000_000_000 + UInt64(max(milliseconds, 0) * 1e6))
    }

    struct Packet {
        /// ms; nil when lost.
        var sent: Double
        var arrival: Double?
        var size: Int32 = 1_000
        var probe: Int32 = 0
        var isCE = false
    }

    /// One report on these packets.
    mutating func report(_ packets: [Packet], now: Double) -> FeedbackDigest {
        var results: [PacketResult] = []
        for packet in packets {
            history.append(
                SentPacket(
                    sequence: sequence, sentAt: Self.at(packet.sent), size: packet.size, kind: .video,
                    probeCluster: packet.probe))
            results.append(
                packet.arrival.map {
                    PacketResult(sequence: sequence, arrival: Int64($0 * 1e6), isCE: packet.isCE)
                } ?? .missing(sequence))
            sequence += 1
        }
        digest.read(results.span, history: &history, now: Self.at(now))
        return digest
    }
}

extension CongestionController {
    /// With room of its own each time.
    mutating func receive(_ results: Span<PacketResult>, now: Instant) {
        var scratch = FeedbackScratch()
        receive(results, scratch: &scratch, now: now)
    }
}
