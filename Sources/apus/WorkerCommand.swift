import ArgumentParser
import DTLS
import Elements
import Foundation
import Logging
import Reactor
import Session
import Settings
import Store
import Wire
import Worker

/// One media worker process. `apus up` starts them; on other hosts an operator does.
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Run one media worker.",
        discussion: "Example: apus worker --id w3 --config cluster.yml")

    @OptionGroup var options: ConfigurationOptions

    @Option(help: "The worker's name, unique in the cluster.")
    var id: String

    @Option(help: "Which worker of this host it is, from 0: chooses its UDP ports.")
    var index: Int = 0

    @Flag(name: .customLong("inherit"), help: .hidden)
    var isInheriting = false

    func run() async throws {
        let settings = try options.load().settings
        let tap = EventTap()
        var logger = makeLogger("apus.worker.\(id)", settings, tap: tap)
        logger[metadataKey: "worker"] = "\(id)"
        ParentWatch.endWithParent()
        let holdings =
            isInheriting
            ? try WorkerHoldings(inherited: .received(), settings: settings)
            : try WorkerHoldings(WorkerID(id), index: index, settings: settings)
        let store = RedisStore(try settings.store.address(), cluster: settings.cluster, logger: logger)
        let standIn = WorkerStandIn(
            WorkerID(id), incarnation: holdings.estate.incarnation, host: ProcessInfo.processInfo.hostName,
            processID: ProcessInfo.processInfo.processIdentifier, reactors: holdings.reactors.count,
            addresses: holdings.estate.addresses, store: store)
        let guardian = MediaGuardian(
            holdings, standIn: standIn, orders: GuardianOrders(worker: WorkerID(id), store: store, logger: logger),
            executable: try UpCommand.executable(),
            arguments: ["media", "--id", id, "--index", "\(index)"] + options.arguments, logger: logger)
        try await runUntilSignal {
            Task { await tap.run(store) }
            try await guardian.run()
            await store.close()
        }
    }
}

/// Builds what a worker is made of from the settings.
enum WorkerAssembly {
    static func configuration(id: WorkerID, index: Int, settings: ClusterSettings) throws -> WorkerConfiguration {
        let addresses = try MediaAddresses.onThisHost(settings.media)
        var configuration = try self.configuration(
            id: id, addresses: addresses, certificate: try Certificate(), settings: settings)
        let streams = try settings.media.tcpPorts.map { ports in
            try StreamListener(
                ips: addresses, ports: ports, preferred: ports.lowerBound + UInt16(index % ports.count))
        }
        let ports = settings.media.udpPorts
        for reactor in configuration.reactors.indices {
            let offset = (index * settings.workers.reactors + reactor) % ports.count
            configuration.reactors[reactor].preferredPort = ports.lowerBound + UInt16(offset)
            configuration.reactors[reactor].streams = streams
        }
        return configuration
    }

    /// What sessions can ask for.
    private static func capabilities(_ settings: ClusterSettings) -> [String] {
        var capabilities = ["sfu"]
        if settings.workers.media { capabilities.append("media") }
        if settings.workers.media, settings.media.httpPorts != nil { capabilities.append("uploads") }
        if settings.media.rtpPorts != nil { capabilities.append("rtp") }
        return capabilities
    }

    /// The port for uploads; nil where the settings want none.
    static func uploads(index: Int, settings: ClusterSettings) throws -> StreamListener? {
        guard settings.workers.media, let ports = settings.media.httpPorts else { return nil }
        return try StreamListener(
            ips: try MediaAddresses.onThisHost(settings.media), ports: ports,
            preferred: ports.lowerBound + UInt16(index % ports.count), setting: "media.http_ports")
    }

    /// But for what only one process can have: the ports.
    static func configuration(
        id: WorkerID, addresses: [IPAddress], certificate: Certificate, settings: ClusterSettings
    ) throws -> WorkerConfiguration {
        let announced = try MediaAddresses.announced(settings.media)
        let network = MediaAddresses.networkName()
        let policy = ResourcePolicy(roots: settings.files.roots, allowsPrivateAddresses: settings.files.privateServers)
        let engine =
            settings.workers.media
            ? MediaEngine(policy: policy, isTranscoding: settings.media.transcoding) : nil
        let reactors = (0..<settings.workers.reactors).map { reactor in
            var configuration = ReactorConfiguration(
                addresses: addresses, ports: settings.media.udpPorts, announced: announced,
                peerLimit: settings.limits.endpointsPerReactor, name: "apus-\(id)-r\(reactor)",
                certificate: certificate, network: network, seed: HostClock.entropy())
            configuration.plainPorts = settings.media.rtpPorts
            configuration.opensStreams = settings.media.tcpActive
            configuration.pausesVideos = settings.media.pauseBelowLowestLayer
            configuration.elements = engine
            configuration.index = reactor
            configuration.isFenced = true
            return configuration
        }
        var configuration = WorkerConfiguration(
            id: id, incarnation: UUID().uuidString.lowercased(), host: ProcessInfo.processInfo.hostName,
            processID: ProcessInfo.processInfo.processIdentifier,
            capabilities: capabilities(settings),
            reactors: reactors,
            sessionLimit: settings.limits.sessionsPerWorker)
        configuration.resolvesNames = settings.media.resolveMDNS
        configuration.region = settings.workers.region
        configuration.labels = settings.workers.labels
        let sender = DatagramSender()
        configuration.sendHeartbeat = { sender.send($0, to: $1) }
        return configuration
    }
}
