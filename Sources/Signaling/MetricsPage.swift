import Session

/// Collects samples and writes them in Prometheus' text format, version 0.0.4.
struct MetricsPage {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private var samples: [Metric: [String]] = [:]

    mutating func add(_ metric: Metric, _ labels: KeyValuePairs<String, String>, _ value: Double) {
        guard samples[metric, default: []].count < SignalingLimits.metricSeries else { return }
        let text = labels.map { "\($0.key)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",")
        let suffix = text.isEmpty ? "" : "{\(text)}"
        samples[metric, default: []].append("\(metric.name)\(suffix) \(Self.number(value))\n")
    }

    /// One block for each metric that has samples, in the order of the table.
    func render() -> String {
        var text = ""
        for metric in Metric.allCases {
            guard let lines = samples[metric] else { continue }
            text += "# HELP \(metric.name) \(metric.help)\n# TYPE \(metric.name) \(metric.kind.rawValue)\n"
            for line in lines { text += line }
        }
        return text
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return Int64(exactly: value).map { String($0) } ?? "\(value)"
    }

    private static func escaped(_ value: String) -> String {
        var text = ""
        for character in value.unicodeScalars {
            switch character {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(character)
            }
        }
        return text
    }
}

extension MetricsPage {
    init(_ status: ClusterStatus, connections: ConnectionBudget.Counts) {
        add(.build, ["cluster": status.cluster, "version": status.version], 1)
        for controller in status.controllers where controller.hasFigures { add(controller) }
        add(.connections, [:], Double(connections.open))
        add(.webSockets, [:], Double(connections.webSockets))
        add(.connectionsAccepted, [:], Double(connections.accepted))
        add(.connectionsRefused, [:], Double(connections.refused))
        add(.connectionsTooSlow, [:], Double(connections.tooSlow))
        add(.storeUp, [:], status.isStoreReachable ? 1 : 0)
        for worker in status.workers.sorted(by: { $0.report.id < $1.report.id }) { add(worker) }
    }

    private mutating func add(_ controller: ControllerStatus) {
        let id = controller.id.rawValue
        add(.uptime, ["controller": id], controller.uptime)
        let kurento = controller.kurento
        let values: [(Metric, Double)] = [
            (.kurentoSessions, Double(kurento.sessions)),
            (.kurentoPipelines, Double(kurento.pipelines)),
            (.kurentoConnections, Double(kurento.connections)),
            (.kurentoEndpoints, Double(kurento.endpoints)),
            (.kurentoObjects, Double(kurento.objects)),
            (.kurentoTranscoders, Double(kurento.transcoders)),
            (.kurentoEvents, Double(kurento.events)),
            (.kurentoDroppedEvents, Double(kurento.droppedEvents)),
        ]
        for (metric, value) in values { add(metric, ["controller": id], value) }
        for request in kurento.requests.sorted(by: { ($0.method, $0.result) < ($1.method, $1.result) }) {
            add(
                .kurentoRequests, ["controller": id, "method": request.method, "result": request.result],
                Double(request.count))
        }
        if let heartbeats = controller.heartbeats {
            add(.heartbeatsHeard, ["controller": id], Double(heartbeats.heard))
            for drop in HeartbeatDrop.allCases {
                let count = heartbeats.dropped[drop.rawValue] ?? 0
                add(.heartbeatsDropped, ["controller": id, "reason": drop.rawValue], Double(count))
            }
        }
        let whip = controller.whip
        add(.whipRooms, ["controller": id], Double(whip.rooms))
        add(.whipResources, ["controller": id, "kind": "publisher"], Double(whip.publishers))
        add(.whipResources, ["controller": id, "kind": "player"], Double(whip.players))
        add(.whipConnected, ["controller": id], Double(whip.connected))
        for request in whip.requests {
            add(
                .whipRequests,
                [
                    "controller": id, "endpoint": request.endpoint, "method": request.method,
                    "status": "\(request.status)",
                ],
                Double(request.count))
        }
    }

    private mutating func add(_ worker: WorkerStatus) {
        let id = worker.report.id.rawValue
        let load = worker.report.load
        if let counts = worker.report.successions {
            add(.workerFailovers, ["worker": id], Double(counts.failovers))
            add(.workerUpgrades, ["worker": id], Double(counts.upgrades))
            add(.workerStandstill, ["worker": id], counts.standstill / 1000)
            add(.workerLastStandstill, ["worker": id], counts.lastStandstill / 1000)
        }
        let gauges: [(Metric, Double)] = [
            (.workerUp, worker.isAlive ? 1 : 0),
            (.workerDraining, worker.drain == nil ? 0 : 1),
            (.workerSessions, Double(load.sessions)),
            (.workerAssignedSessions, Double(worker.assignedSessions.count)),
            (.workerSessionLimit, Double(load.sessionLimit)),
            (.workerEndpoints, Double(load.endpoints)),
            (.workerPipes, Double(load.pipes)),
            (.workerPipePacketsReceived, load.pipePacketsReceivedPerSecond),
            (.workerPipePacketsSent, load.pipePacketsSentPerSecond),
            (.workerCPU, load.cpu),
            (.workerMemory, Double(load.memory)),
            (.workerPacketsReceived, load.packetsReceivedPerSecond),
            (.workerPacketsSent, load.packetsSentPerSecond),
            (.workerBitsReceived, load.bitsReceivedPerSecond),
            (.workerBitsSent, load.bitsSentPerSecond),
        ]
        for (metric, value) in gauges { add(metric, ["worker": id], value) }
        for (reason, count) in load.drops.sorted(by: { $0.key < $1.key }) {
            add(.workerDrops, ["worker": id, "reason": reason], Double(count))
        }
    }
}
