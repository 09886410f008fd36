import ArgumentParser
import DTLS
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

    func run() async throws {
        let settings = try options.load().settings
        let logger = makeLogger("apus.worker.\(id)", level: settings.logLevel)
        ParentWatch.endWithParent()
        try await runUntilSignal {
            let store = RedisStore(try settings.store.address(), cluster: settings.cluster, logger: logger)
            let agent = try WorkerAgent(
                try WorkerAssembly.configuration(id: WorkerID(id), index: index, settings: settings), store: store,
                logger: logger)
            let relay = try await WorkerRelay(index: index, settings: settings, logger: logger)
            do {
                try await agent.run()
            } catch {
                await relay?.stop()
                throw error
            }
            await relay?.stop()
            await store.close()
        }
    }
}

/// Builds what a worker is made of from the settings.
enum WorkerAssembly {
    static func configuration(id: WorkerID, index: Int, settings: ClusterSettings) throws -> WorkerConfiguration {
        let addresses = try MediaAddresses.onThisHost(settings.media)
        let announced = try MediaAddresses.announced(settings.media)
        let certificate = try Certificate()
        let network = MediaAddresses.networkName()
        let ports = settings.media.udpPorts
        let streams = try settings.media.tcpPorts.map { ports in
            try StreamListener(
                ips: addresses, ports: ports, preferred: ports.lowerBound + UInt16(index % ports.count))
        }
        let reactors = (0..<settings.workers.reactors).map { reactor in
            let offset = (index * settings.workers.reactors + reactor) % ports.count
            var configuration = ReactorConfiguration(
                addresses: addresses, ports: ports, preferredPort: ports.lowerBound + UInt16(offset),
                announced: announced, peerLimit: settings.limits.endpointsPerReactor,
                name: "apus-\(id)-r\(reactor)", certificate: certificate, network: network, seed: HostClock.entropy())
            configuration.streams = streams
            configuration.opensStreams = settings.media.tcpActive
            configuration.index = reactor
            return configuration
        }
        var configuration = WorkerConfiguration(
            id: id, incarnation: UUID().uuidString.lowercased(), host: ProcessInfo.processInfo.hostName,
            processID: ProcessInfo.processInfo.processIdentifier, reactors: reactors,
            sessionLimit: settings.limits.sessionsPerWorker)
        configuration.resolvesNames = settings.media.resolveMDNS
        return configuration
    }
}
