import STUN
import Simulator
import Wire

/// Who sent what to whom, from top to bottom: one vertical line for each host, one arrow for each packet.
struct Ladder {
    private enum Row {
        case event(Instant, String)
        /// From a host to where it arrived, or to where it was lost.
        case packet(Instant, from: Int, to: Int?, lost: String?, PacketSummary)
    }

    private let report: RunReport
    private var rows: [Row] = []
    private var left = 0

    /// More than a reader goes through.
    private static let limit = 240
    private static let laneWidth = 190
    private static let margin = 96
    private static let rowHeight = 22

    init(_ report: RunReport) {
        self.report = report
        var ends: [UInt64: (host: Int?, lost: String?)] = [:]
        for entry in report.entries {
            guard let datagram = entry.datagram, ends[datagram.number] == nil else { continue }
            switch entry.kind {
            case .delivered: ends[datagram.number] = (entry.host, nil)
            case .dropped:
                let place = entry.spot.map { report.network.name(of: $0) } ?? ""
                ends[datagram.number] = (nil, "\(place): \(entry.text)")
            case .sent, .copied, .signalled, .noted: break
            }
        }
        // Both lists are in order; events come first where the times are equal.
        var events = report.scenario.events.sorted { $0.at < $1.at }[...]
        let sent = report.entries.filter { $0.kind == .sent }
        left = sent.count
        for entry in sent {
            guard rows.count < Self.limit, let datagram = entry.datagram else { break }
            while let event = events.first, Instant.origin + event.at <= entry.time {
                rows.append(.event(Instant.origin + event.at, event.text))
                events.removeFirst()
            }
            let end = ends[datagram.number]
            rows.append(
                .packet(
                    entry.time, from: entry.host, to: end?.host ?? addressee(datagram), lost: end?.lost,
                    PacketSummary(datagram)))
            left -= 1
        }
    }

    /// The host that a packet is for, where its address says so without translation.
    private func addressee(_ datagram: Datagram) -> Int? {
        report.addresses.firstIndex { $0.contains(datagram.destination.ip) }
    }

    func html() -> String {
        guard !rows.isEmpty else { return "<p>Nobody sent anything.</p>" }
        let hosts = report.traffic.map(\.name)
        let width = Self.margin + hosts.count * Self.laneWidth
        let height = 44 + rows.count * Self.rowHeight + 16
        var body = ""
        for (index, name) in hosts.enumerated() {
            body += HTML.text(lane(index), 20, name, style: "name", anchor: "middle")
            body += HTML.line(lane(index), 30, lane(index), height - 8, style: "life")
        }
        for (index, row) in rows.enumerated() { body += drawing(of: row, y: 52 + index * Self.rowHeight, width) }
        var html = HTML.svg(width, height, body, label: "Messages between the hosts")
        html +=
            "<p class=\"note\">Blue are requests, green are answers, red are refusals and what was lost, with the "
            + "place where it died.</p>"
        if left > 0 {
            html += "<p class=\"note\">\(left) later messages are left out.</p>"
        }
        return html
    }

    private func lane(_ host: Int) -> Int { Self.margin + Self.laneWidth / 2 + host * Self.laneWidth }

    private func drawing(of row: Row, y: Int, _ width: Int) -> String {
        switch row {
        case .event(let time, let text):
            return HTML.text(4, y + 4, Self.time(time), style: "soft small")
                + HTML.line(Self.margin - 14, y, width - 6, y, style: "eventline")
                + HTML.text(Self.margin - 10, y - 4, text, style: "event small")
        case .packet(let time, let from, let to, let lost, let packet):
            var body = HTML.text(4, y + 4, Self.time(time), style: "soft small")
            body += arrow(from: from, to: to, lost: lost, packet, y: y)
            return body
        }
    }

    private func arrow(from: Int, to: Int?, lost: String?, _ packet: PacketSummary, y: Int) -> String {
        let start = lane(from)
        // What nobody got and nobody can be named for goes towards the middle of the picture.
        let isRight = to.map { $0 > from } ?? (from * 2 < report.traffic.count)
        let sign = isRight ? 1 : -1
        let style = Self.style(packet)
        // A host may send to itself, as a relay does between two of its addresses.
        if lost == nil, to == from {
            return "<path class=\"\(style)\" fill=\"none\" d=\"M\(start) \(y) h18\"/>\n"
                + HTML.text(start + 22, y + 4, "\(packet.name), to itself", style: "small")
        }
        guard lost == nil, let to else {
            let end = start + sign * 56
            var body = HTML.line(start, y, end, y, style: style)
            body += "<path class=\"lost\" d=\"M\(end - 4) \(y - 4) l8 8 m0 -8 l-8 8\"/>\n"
            let text = packet.name + (lost.map { " – \($0)" } ?? "")
            body += HTML.text(
                end + sign * 9, y + 4, text, style: "losttext", anchor: isRight ? "start" : "end")
            return body
        }
        let end = lane(to)
        var body = HTML.line(start, y, end - sign * 7, y, style: style)
        body += "<path class=\"\(style)\" d=\"M\(end) \(y) l\(-sign * 8) -4 v8 z\"/>\n"
        body += HTML.text(start + sign * 6, y - 4, packet.name, style: "small", anchor: isRight ? "start" : "end")
        return body
    }

    private static func style(_ packet: PacketSummary) -> String {
        guard case .stun(let part) = packet else { return "media" }
        switch part.type.messageClass {
        case .request, .indication: return "request"
        case .success: return "answer"
        case .error: return "refusal"
        }
    }

    /// Seconds and milliseconds.
    private static func time(_ instant: Instant) -> String {
        let text = TextLog.time(instant)
        return String(text.dropLast(6))
    }
}
