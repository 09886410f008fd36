import CLinux
import Reactor
import Session

/// Turns the reactors' counters into the load of a heartbeat: rates over the time since the last one.
struct LoadMeter {
    private var last: (time: UInt64, cpu: UInt64, totals: ReactorLoad)?

    mutating func measure(_ reactors: [ReactorLoad], sessions: Int, sessionLimit: Int) -> WorkerLoad {
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
        let now = apus_monotonic_ns()
        let cpu = apus_process_cpu_ns()
        var load = WorkerLoad()
        load.sessions = sessions
        load.sessionLimit = sessionLimit
        load.endpoints = totals.endpoints
        load.pipes = totals.pipes
        load.memory = apus_resident_memory()
        load.drops = totals.drops
        if let last, now > last.time {
            let seconds = Double(now - last.time) / 1e9
            func rate(_ new: UInt64, _ old: UInt64) -> Double { new >= old ? Double(new - old) / seconds : 0 }
            load.cpu = rate(cpu, last.cpu) / 1e9
            load.packetsReceivedPerSecond = rate(totals.packetsReceived, last.totals.packetsReceived)
            load.packetsSentPerSecond = rate(totals.packetsSent, last.totals.packetsSent)
            load.pipePacketsReceivedPerSecond = rate(totals.pipePacketsReceived, last.totals.pipePacketsReceived)
            load.pipePacketsSentPerSecond = rate(totals.pipePacketsSent, last.totals.pipePacketsSent)
            load.bitsReceivedPerSecond = rate(totals.bytesReceived, last.totals.bytesReceived) * 8
            load.bitsSentPerSecond = rate(totals.bytesSent, last.totals.bytesSent) * 8
        }
        last = (now, cpu, totals)
        return load
    }
}
