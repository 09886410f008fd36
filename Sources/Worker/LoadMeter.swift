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

/// Turns the reactors' counters into the load of a heartbeat.
struct LoadMeter {
    private var last: (time: UInt64, cpu: UInt64)?
    private var reactors: [ReactorMeter] = []
    private var settling = SettlingSessions()

    mutating func measure(
        _ loads: [ReactorLoad], sessions: Int, sessionLimit: Int, usage: ProcessUsage = .now
    ) -> WorkerLoad {
        if reactors.count != loads.count { reactors = Array(repeating: ReactorMeter(), count: loads.count) }
        for index in loads.indices { reactors[index].take(loads[index], at: usage.time) }
        var load = WorkerLoad()
        load.sessions = sessions
        load.sessionLimit = sessionLimit
        load.settledSessions = settling.settled(of: sessions, at: usage.time)
        load.memory = usage.memory
        for (reactor, meter) in zip(loads, reactors) {
            load.endpoints += reactor.endpoints
            load.pipes += reactor.pipes
            load.drops.merge(reactor.drops) { $0 &+ $1 }
            load.packetsReceivedPerSecond += meter.packetsReceived
            load.packetsSentPerSecond += meter.packetsSent
            load.pipePacketsReceivedPerSecond += meter.pipePacketsReceived
            load.pipePacketsSentPerSecond += meter.pipePacketsSent
            load.bitsReceivedPerSecond += meter.bytesReceived * 8
            load.bitsSentPerSecond += meter.bytesSent * 8
        }
        if let last, usage.time > last.time {
            load.cpu = usage.cpu > last.cpu ? Double(usage.cpu - last.cpu) / Double(usage.time - last.time) : 0
            load.hottestReactor = load.cpu * Self.largestShare(reactors.map { $0.packetsReceived + $0.packetsSent })
        }
        last = (usage.time, usage.cpu)
        return load
    }

    /// The part of all packets that the busiest reactor had; without packets all had the same.
    static func largestShare(_ packets: [Double]) -> Double {
        let sum = packets.reduce(0, +)
        return sum > 0 ? (packets.max() ?? 0) / sum : 1 / Double(max(1, packets.count))
    }
}

/// What a reactor handles in a second. Its counters are as old as the turn in which it published them, by itself and
/// not in step with heartbeats: the time between two such turns is what a difference is divided by.
struct ReactorMeter {
    /// One that has not come round for so long handles nothing. In nanoseconds.
    static let silence: UInt64 = 1_000_000_000

    private(set) var packetsReceived = 0.0
    private(set) var packetsSent = 0.0
    private(set) var pipePacketsReceived = 0.0
    private(set) var pipePacketsSent = 0.0
    private(set) var bytesReceived = 0.0
    private(set) var bytesSent = 0.0
    private var last: ReactorLoad?

    mutating func take(_ load: ReactorLoad, at now: UInt64) {
        guard let last, load.lastTurn > last.lastTurn else {
            if let last, now > last.lastTurn, now - last.lastTurn > Self.silence {
                self = ReactorMeter()
                self.last = last
            } else if last == nil {
                self.last = load
            }
            return
        }
        let seconds = Double(load.lastTurn - last.lastTurn) / 1e9
        func rate(_ counter: KeyPath<ReactorLoad, UInt64>) -> Double {
            // A counter that began anew counts for nothing, not for everything.
            let (new, old) = (load[keyPath: counter], last[keyPath: counter])
            return new > old ? Double(new - old) / seconds : 0
        }
        packetsReceived = rate(\.packetsReceived)
        packetsSent = rate(\.packetsSent)
        pipePacketsReceived = rate(\.pipePacketsReceived)
        pipePacketsSent = rate(\.pipePacketsSent)
        bytesReceived = rate(\.bytesReceived)
        bytesSent = rate(\.bytesSent)
        self.last = load
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
