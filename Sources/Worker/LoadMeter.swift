import CLinux
import Reactor
import Session

/// What a process has used of its host.
package struct ProcessUsage: Sendable {
    /// Monotonic, in nanoseconds: when it was measured.
    package var time: UInt64
    /// Processor time since its start, in nanoseconds.
    package var cpu: UInt64
    /// Resident bytes.
    package var memory: UInt64

    package init(time: UInt64, cpu: UInt64, memory: UInt64) {
        self.time = time
        self.cpu = cpu
        self.memory = memory
    }

    static var now: ProcessUsage {
        ProcessUsage(time: apus_monotonic_ns(), cpu: apus_process_cpu_ns(), memory: apus_resident_memory())
    }
}

/// Turns the reactors' counters into the load of a heartbeat: rates over the time since the last one.
struct LoadMeter {
    private var last: (time: UInt64, cpu: UInt64, totals: ReactorLoad, packets: [UInt64])?
    private var settling = SettlingSessions()

    mutating func measure(
        _ reactors: [ReactorLoad], sessions: Int, sessionLimit: Int, usage: ProcessUsage = .now
    ) -> WorkerLoad {
        var totals = ReactorLoad()
        for reactor in reactors {
            totals.endpoints += reactor.endpoints
            totals.pipes += reactor.pipes
            totals.pipePacketsReceived &+= reactor.pipePacketsReceived
            totals.pipePacketsSent &+= reactor.pipePacketsSent
            totals.packetsReceived &+= reactor.packetsReceived
            totals.packetsSent &+= reactor.packetsSent
            totals.bytesReceived &+= reactor.bytesReceived
            totals.bytesSent &+= reactor.bytesSent
            totals.drops.merge(reactor.drops) { $0 &+ $1 }
        }
        let packets = reactors.map { $0.packetsReceived &+ $0.packetsSent }
        let (now, cpu) = (usage.time, usage.cpu)
        var load = WorkerLoad()
        load.sessions = sessions
        load.sessionLimit = sessionLimit
        load.settledSessions = settling.settled(of: sessions, at: now)
        load.endpoints = totals.endpoints
        load.pipes = totals.pipes
        load.memory = usage.memory
        load.drops = totals.drops
        if let last, now > last.time {
            let seconds = Double(now - last.time) / 1e9
            func rate(_ new: UInt64, _ old: UInt64) -> Double { new >= old ? Double(new - old) / seconds : 0 }
            load.cpu = rate(cpu, last.cpu) / 1e9
            load.hottestReactor = load.cpu * Self.largestShare(packets, since: last.packets)
            load.packetsReceivedPerSecond = rate(totals.packetsReceived, last.totals.packetsReceived)
            load.packetsSentPerSecond = rate(totals.packetsSent, last.totals.packetsSent)
            load.pipePacketsReceivedPerSecond = rate(totals.pipePacketsReceived, last.totals.pipePacketsReceived)
            load.pipePacketsSentPerSecond = rate(totals.pipePacketsSent, last.totals.pipePacketsSent)
            load.bitsReceivedPerSecond = rate(totals.bytesReceived, last.totals.bytesReceived) * 8
            load.bitsSentPerSecond = rate(totals.bytesSent, last.totals.bytesSent) * 8
        }
        last = (now, cpu, totals, packets)
        return load
    }

    /// The part of all packets that the busiest reactor had; without packets all had the same.
    static func largestShare(_ packets: [UInt64], since old: [UInt64]) -> Double {
        guard packets.count == old.count, !packets.isEmpty else { return 1 }
        let counts = zip(packets, old).map { $0 >= $1 ? Double($0 - $1) : 0 }
        let sum = counts.reduce(0, +)
        return sum > 0 ? (counts.max() ?? 0) / sum : 1 / Double(counts.count)
    }
}

/// How many sessions are older than the time that one takes until its media flows at full rate. An estimate from
/// their number alone: who left is taken for one of the newest.
struct SettlingSessions {
    /// Clients need a few seconds for ICE, DTLS and the first seconds of their bit-rate estimation. In nanoseconds.
    static let period: UInt64 = 10_000_000_000

    /// Numbers of sessions over the last period, each with the moment until which it was so; none twice in a row.
    private var counts: [(count: Int, until: UInt64)] = []

    mutating func settled(of count: Int, at now: UInt64) -> Int {
        counts.removeAll { $0.until + Self.period < now }
        // Only what no later number undercut can be the least: the list stays in ascending order.
        while let last = counts.last, last.count >= count { counts.removeLast() }
        counts.append((count, now))
        if counts.count > 64 { counts.remove(at: counts.count - 2) }
        return counts[0].count
    }
}
