import Controller
import Foundation
import Kurento
import Reactor
import Session
import Signaling
import WHIP
import Wire

/// What a controller tells about itself and its cluster.
struct ControllerStatusSource: StatusSource {
    let id: ControllerID
    let cluster: String
    let director: Director
    let mediaServer: MediaServer
    let gateway: Gateway
    let started: Instant

    func snapshot() async -> ClusterStatus {
        var own = ControllerStatus(
            id: id, processID: ProcessInfo.processInfo.processIdentifier, host: ProcessInfo.processInfo.hostName,
            uptime: (HostClock.now - started).seconds)
        own.kurento = KurentoStatus(await mediaServer.statistics)
        own.whip = WHIPStatus(await gateway.statistics)
        own.heartbeats = director.heartbeatCounts
        let known = await director.controllers
        own.addresses = known.first { $0.id == id }?.report?.addresses ?? []
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        let others = known.filter { $0.id != id }.map { other in
            var status = ControllerStatus(
                id: other.id, processID: other.report?.processID ?? 0, host: other.report?.host ?? "",
                uptime: other.report.map { Double(max(0, now - $0.startedAt)) / 1000 } ?? 0)
            status.isAlive = other.report != nil
            status.addresses = other.report?.addresses ?? []
            status.hasFigures = false
            return status
        }
        return ClusterStatus(
            cluster: cluster, version: Apus.version, controllers: [own] + others, workers: await director.workers(),
            isStoreReachable: await director.isStoreReachable, events: await director.recentEvents())
    }

    func reasonsNotReady() async -> [String] {
        var reasons: [String] = []
        if await !director.isStoreReachable { reasons.append("the store is away") }
        let workers = await director.workers().filter(\.isAlive)
        if workers.isEmpty {
            reasons.append("no worker is alive")
        } else if workers.allSatisfy({ $0.drain != nil }) {
            reasons.append("every worker is being drained")
        }
        return reasons
    }

    func owner(of session: SessionID) async -> SessionOwner? {
        guard let worker = await director.owner(of: session) else { return nil }
        let status = await director.workers().first { $0.report.id == worker }
        return SessionOwner(
            worker: worker, shards: await director.owners(of: session), workerPid: status?.report.processID,
            controllerPid: ProcessInfo.processInfo.processIdentifier)
    }
}
