import Simulator
import Wire

/// A run as lines of text, the same to the byte for the same scenario and seed.
public enum TextLog {
    public static func render(_ report: RunReport) -> String {
        var text = "# \(report.scenario.title), seed \(report.seed), replay hash \(report.replayText)\n"
        var events = report.scenario.events.sorted { $0.at < $1.at }[...]
        for entry in report.entries {
            while let event = events.first, Instant.origin + event.at <= entry.time {
                text += "\(time(Instant.origin + event.at)) event: \(event.text)\n"
                events.removeFirst()
            }
            text += "\(time(entry.time)) \(line(entry, report))\n"
        }
        for event in events { text += "\(time(Instant.origin + event.at)) event: \(event.text)\n" }
        return text
    }

    /// Seconds with nine digits after the point.
    static func time(_ instant: Instant) -> String {
        let rest = String(1_000_000_000 + instant.nanoseconds % 1_000_000_000).dropFirst()
        return "\(instant.nanoseconds / 1_000_000_000).\(rest)"
    }

    private static func line(_ entry: EventLog.Entry, _ report: RunReport) -> String {
        let host = entry.host >= 0 ? report.network.name(ofHost: entry.host) : ""
        guard let datagram = entry.datagram else {
            return entry.kind == .signalled ? "\(host) was signalled" : "\(host): \(entry.text)"
        }
        let packet =
            "#\(datagram.number) \(datagram.source) → \(datagram.destination) "
            + "\(PacketSummary(datagram).name), \(datagram.payload.count) bytes"
        switch entry.kind {
        case .sent: return "\(host) sends \(packet)"
        case .delivered: return "\(host) gets \(packet)"
        case .copied: return "a link doubles \(packet)"
        case .dropped:
            let place = entry.spot.map { report.network.name(of: $0) } ?? "somewhere"
            return "\(place) drops \(packet) (\(entry.text))"
        case .signalled, .noted: return "\(host) \(packet)"
        }
    }
}
