import Foundation
import Session
import Signaling

/// The status document as a table for people.
enum StatusTable {
    static func render(_ data: Data) throws -> String {
        let status = try JSONDecoder().decode(StatusDocument.self, from: data)
        var lines = ["Apus \(status.version) · cluster \(status.cluster)", ""]
        for controller in status.controllers where !controller.hasFigures {
            lines.append(
                controller.isAlive
                    ? "controller \(controller.id)  pid \(controller.processID)  up \(duration(controller.uptime))  "
                        + "at \(controller.addresses.joined(separator: ", "))"
                    : "controller \(controller.id)  dead")
        }
        for controller in status.controllers where controller.hasFigures {
            lines.append(
                "controller \(controller.id)  pid \(controller.processID)  up \(duration(controller.uptime))  "
                    + "\(controller.kurento.connections) connections  \(controller.kurento.pipelines) pipelines  "
                    + "\(controller.whip.rooms) rooms, \(controller.whip.publishers) publishers, "
                    + "\(controller.whip.players) players")
        }
        lines.append("")
        let columns: [(String, (StatusDocument.Worker) -> String)] = [
            ("WORKER", { $0.id.rawValue }),
            ("STATE", { state($0) }),
            ("PID", { "\($0.processID)" }),
            ("SESSIONS", { "\($0.assignedSessions)/\($0.load.sessionLimit)" }),
            ("ENDPOINTS", { "\($0.load.endpoints)" }),
            ("CPU", { String(format: "%.0f%%", $0.load.cpu * 100) }),
            ("IN", { "\(rate($0.load.bitsReceivedPerSecond))bit/s" }),
            ("OUT", { "\(rate($0.load.bitsSentPerSecond))bit/s" }),
            (
                "PACKETS/S",
                { "\(rate($0.load.packetsReceivedPerSecond)) in, \(rate($0.load.packetsSentPerSecond)) out" }
            ),
            ("MEMORY", { "\($0.load.memory >> 20) MiB" }),
        ]
        let rows = [columns.map(\.0)] + status.workers.map { worker in columns.map { $0.1(worker) } }
        let widths = columns.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        for row in rows {
            lines.append(
                zip(row, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }.joined(separator: "  "))
        }
        if status.workers.isEmpty { lines.append("(no worker has registered)") }
        if !status.isStoreReachable { lines += ["", "The store is away: no new sessions until it is back."] }
        lines += events(status.events)
        return lines.joined(separator: "\n")
    }

    /// Lines for the newest of them.
    private static let eventLines = 12

    private static func events(_ events: [ClusterEvent]) -> [String] {
        guard !events.isEmpty else { return [] }
        let clock = DateFormatter()
        clock.dateFormat = "HH:mm:ss"
        let rows = events.prefix(eventLines).map { event in
            let time = Date(timeIntervalSince1970: Double(event.time) / 1000)
            let pause = event.details["milliseconds"].map { " (stood still \($0) ms)" } ?? ""
            return "  \(clock.string(from: time))  "
                + event.event.padding(toLength: 20, withPad: " ", startingAt: 0)
                + (event.details["worker"] ?? "-").padding(toLength: 6, withPad: " ", startingAt: 0)
                + (event.details["cause"] ?? event.details["reason"] ?? event.message) + pause
        }
        return ["", "EVENTS"] + rows
    }

    private static func state(_ worker: StatusDocument.Worker) -> String {
        guard worker.state == .draining, let left = worker.drainSecondsLeft else { return worker.state.rawValue }
        return "draining, \(duration(left.rounded(.up))) left"
    }

    private static func rate(_ value: Double) -> String {
        switch value {
        case 1e9...: String(format: "%.1f G", value / 1e9)
        case 1e6...: String(format: "%.1f M", value / 1e6)
        case 1e3...: String(format: "%.1f k", value / 1e3)
        default: String(format: "%.0f ", value)
        }
    }

    static func duration(_ seconds: Double) -> String {
        let whole = Int(seconds)
        if whole >= 3600 { return "\(whole / 3600) h \(whole % 3600 / 60) min" }
        return whole >= 60 ? "\(whole / 60) min \(whole % 60) s" : "\(whole) s"
    }
}
