import Simulator
import Wire

/// I18: no packet comes from nowhere, and none is lost without a trace.
final class ConservationWatch: Watch {
    private struct Live {
        var payload: [UInt8]
        var destination: SocketAddress
        var copies = 1
    }

    private var live: [UInt64: Live] = [:]
    private var liveCount = 0
    private var mayCorrupt: Bool?

    func see(_ sight: Sight, _ run: ScenarioRun) {
        guard let datagram = sight.entry.datagram else { return }
        let number = datagram.number
        switch sight.entry.kind {
        case .sent:
            if live[number] != nil { run.violate(.conservation, "packet \(number) was sent twice") }
            live[number] = Live(payload: datagram.payload, destination: datagram.destination)
            liveCount += 1
        case .copied:
            live[number]?.copies += 1
            liveCount += 1
        case .delivered, .dropped:
            guard var packet = live[number] else {
                run.violate(.conservation, "packet \(number) was \(sight.entry.kind), and nobody had sent it")
                return
            }
            if sight.entry.kind == .delivered { check(datagram, packet, host: sight.entry.host, run) }
            packet.copies -= 1
            liveCount -= 1
            live[number] = packet.copies > 0 ? packet : nil
        case .signalled, .noted: break
        }
    }

    private func check(_ datagram: Datagram, _ sent: Live, host: Int, _ run: ScenarioRun) {
        let addresses = run.simulation.network.addresses(ofHost: host)
        if !addresses.contains(datagram.destination.ip) {
            run.violate(.conservation, "packet \(datagram.number) arrived at a host without its address")
        }
        let mayCorrupt = self.mayCorrupt ?? run.scenario.corruptsPackets
        self.mayCorrupt = mayCorrupt
        if !mayCorrupt, datagram.payload != sent.payload {
            run.violate(.conservation, "packet \(datagram.number) was changed on its way")
        }
    }

    func afterEvent(_ run: ScenarioRun) {
        guard liveCount != run.simulation.inFlight else { return }
        run.violate(
            .conservation, "\(liveCount) packets ought to be on their way, and \(run.simulation.inFlight) are")
    }

    func atEnd(_ run: ScenarioRun) {
        if liveCount != 0 { run.violate(.leaks, "\(liveCount) packets never ended") }
    }
}

/// I19: nothing grows without end, and nothing is left at the end.
final class BoundsWatch: Watch {
    private static let inFlight = 50_000
    /// Timers that were armed for each process and put off since, messages, and changes to come.
    private static let waitingForProcess = 400

    func afterEvent(_ run: ScenarioRun) {
        let flying = run.simulation.inFlight
        if flying > Self.inFlight { run.violate(.bounds, "\(flying) packets are on their way") }
        let waiting = run.simulation.pendingEvents - flying
        let limit =
            Self.waitingForProcess * (run.sides.count + run.scenario.servers.count) + 2 * run.scenario.events.count
        if waiting > limit { run.violate(.bounds, "\(waiting) events wait, \(limit) may") }
    }

    func atEnd(_ run: ScenarioRun) {
        if run.simulation.inFlight != 0 { run.violate(.leaks, "\(run.simulation.inFlight) packets are on their way") }
        for side in run.sides where side.process.deadline != .distantFuture {
            run.violate(.leaks, "\(run.name(of: side)) has a timer after it has left")
        }
    }
}

/// I20: the clock.
final class TimeWatch: Watch {
    private static let eventsPerMillisecond = 20_000
    private var last = Instant.origin
    private var windowStart = Instant.origin
    private var events = 0

    func see(_ sight: Sight, _ run: ScenarioRun) {
        if sight.entry.time != run.now { run.violate(.time, "an event carries another time than now") }
    }

    func afterEvent(_ run: ScenarioRun) {
        let now = run.now
        if now < last { run.violate(.time, "time went from \(last.nanoseconds) to \(now.nanoseconds) ns") }
        last = now
        events += 1
        if now - windowStart >= .milliseconds(1) {
            windowStart = now
            events = 0
        }
        if events > Self.eventsPerMillisecond { run.violate(.time, "\(events) events within a millisecond") }
    }
}

extension Scenario {
    /// Whether a link may change what it carries.
    var corruptsPackets: Bool {
        let network = network
        let links: [LinkSettings] =
            network.nats.flatMap(\.links) + network.firewalls.flatMap(\.links) + network.routers.flatMap(\.links)
            + network.hosts.flatMap(\.links)
        return links.contains { $0.corruption > .zero }
    }
}

extension Device {
    /// Towards the internet, and from there.
    var links: [LinkSettings] { [up ?? link, down ?? link] }
}
