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
        return ClusterStatus(
            cluster: cluster, version: Apus.version, controllers: [own], workers: await director.workers(),
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
