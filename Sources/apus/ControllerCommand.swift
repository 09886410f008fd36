import Access
import ArgumentParser
import CLinux
import Controller
import Foundation
import Kurento
import Logging
import Reactor
import Session
import Settings
import Signaling
import Store
import WHIP
import Wire

/// One controller process: the front doors and the decisions.
struct ControllerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "controller", abstract: "Run one controller.",
        discussion: "Example: apus controller --id c1 --config cluster.yml")

    @OptionGroup var options: ConfigurationOptions

    @Option(help: "The controller's name, unique in the cluster.")
    var id: String = "c1"

    @Option(help: "Counted from 0: added to the ports of signaling.listen and tls.listen.")
    var index: Int = 0

    func run() async throws {
        ProcessHeaps.share()
        var (settings, kurento) = try options.load()
        settings.shiftPorts(by: index)
        let tap = EventTap()
        var logger = makeLogger("apus.controller.\(id)", settings, tap: tap)
        logger[metadataKey: "controller"] = "\(id)"
        ParentWatch.endWithParent()
        try await runUntilSignal { [logger, settings, kurento] in
            let store = RedisStore(try settings.store.address(), cluster: settings.cluster, logger: logger)
            let controller = try await ControllerAssembly(
                id: ControllerID(id), settings: settings, kurento: kurento, store: store, logger: logger)
            Task { await tap.run(store) }
            logger.notice(
                "the controller has started",
                metadata: ["event": "controller_started", "process": "\(getpid())", "version": "\(Apus.version)"])
            try await controller.run()
            await store.close()
        }
    }
}

extension ClusterSettings {
    /// Where the controller with this index listens.
    mutating func shiftPorts(by index: Int) {
        for position in signaling.listen.indices where signaling.listen[position].port != 0 {
            signaling.listen[position].port += index
        }
        for position in tls.listen.indices where tls.listen[position].port != 0 {
            tls.listen[position].port += index
        }
        if controllers.heartbeatPort != 0 { controllers.heartbeatPort += index }
    }
}

extension PlacementStrategy {
    init(_ setting: PlacementSettings.Strategy) {
        self =
            switch setting {
            case .leastSessions: .leastSessions
            case .powerOfTwo: .powerOfTwo
            case .pack: .pack
            }
    }
}

/// A controller's parts, wired: Signaling → Kurento, WHIP → Director → store.
struct ControllerAssembly: Sendable {
    let director: Director
    let mediaServer: MediaServer
    let gateway: Gateway
    let signaling: SignalingServer
    let heartbeats: HeartbeatListener

    init(
        id: ControllerID, settings: ClusterSettings, kurento: KurentoSettings?, store: any ClusterStore,
        logger: Logger
    ) async throws {
        // A connection is a descriptor; the usual soft limit of 1024 is a shell's, not a server's.
        _ = apus_raise_file_limit()
        var direction = DirectorSettings()
        direction.endpointsPerShard = settings.limits.endpointsPerShard
        direction.strategy = PlacementStrategy(settings.placement.strategy)
        direction.region = settings.signaling.region
        direction.labels = settings.placement.labels
        direction.orphanGrace = .seconds(Int64(settings.limits.sessionGarbagePeriod))
        direction.host = ProcessInfo.processInfo.hostName
        direction.processID = ProcessInfo.processInfo.processIdentifier
        direction.addresses = (settings.signaling.listen + settings.tls.listen).map { "\($0)" }
        direction.httpAddresses = SignalingAssembly.reachable(settings)
        director = Director(id: id, store: store, settings: direction, logger: logger)
        heartbeats = await HeartbeatListener(
            MediaAddresses.forHeartbeats(settings.media).map(\.description), port: settings.controllers.heartbeatPort,
            logger: logger
        ) { [director] in director.hear($0) }
        await director.listensForHeartbeats(at: heartbeats.addresses.compactMap { SocketAddress($0) })
        var configuration = KurentoConfiguration(
            isLite: settings.media.iceLite,
            garbageCollectorPeriod: .seconds(Int64(settings.limits.sessionGarbagePeriod)))
        configuration.resolvesNames = settings.media.resolveMDNS
        if let kurento {
            configuration.metadata = kurento.metadata
            if kurento.disableRequestCache { configuration.requestCacheLifetime = .zero }
        }
        mediaServer = MediaServer(plane: director, memory: director, configuration: configuration, logger: logger)
        gateway = Gateway(
            plane: director, memory: director, configuration: try await GatewayAssembly.configuration(settings),
            logger: logger)
        let status = ControllerStatusSource(
            id: id, cluster: settings.cluster, director: director, mediaServer: mediaServer, gateway: gateway,
            started: HostClock.now)
        let control = ControllerControl(
            director: director, keys: settings.keys.isEmpty ? nil : try await AccessKeys(settings.keys))
        let front = try SignalingAssembly.configuration(settings)
        var webSockets: [String: any WebSocketHandler] = [:]
        if settings.gallery.isEnabled {
            webSockets = GalleryWebSocket.routes(
                to: SignalingAssembly.gallery(mediaServer, id: id, settings, logger: logger))
        }
        // Last: no page takes the protocol's place.
        webSockets[front.kurentoPath] = KurentoWebSocket(server: mediaServer)
        do {
            signaling = try SignalingServer(
                configuration: front, webSockets: webSockets,
                gateway: gateway, status: status, control: control,
                neighbours: { [director] in await director.httpAddresses(of: $0) }, logger: logger)
        } catch SignalingError.tlsIdentity(let reason) {
            throw SignalingAssembly.identityError(settings.tls, reason: reason)
        }
    }

    /// Serves until cancelled.
    func run() async throws {
        // Kurento's clients come back by themselves; who publishes or plays by HTTP has no reason to.
        await director.onAbandoned { [gateway] session in await gateway.inherit(session) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await director.run() }
            group.addTask { await mediaServer.run() }
            group.addTask { await gateway.run() }
            group.addTask { try await signaling.run() }
            try await group.next()
            group.cancelAll()
            try await group.waitForAll()
        }
        await heartbeats.close()
    }
}
