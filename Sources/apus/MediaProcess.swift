import ArgumentParser
import Foundation
import Logging
import Session
import Settings
import Store
import UnixSignals
import Worker

/// The process under a worker that handles media. When it ends, the worker starts the next one with the same sockets
/// and memory.
struct MediaProcess: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "media", abstract: "The media process of a worker; `apus worker` starts it.",
        discussion: "Example: apus worker --id w3", shouldDisplay: false)

    @OptionGroup var options: ConfigurationOptions

    @Option(help: "The worker's name.")
    var id: String

    @Option(help: "Which worker of this host it is.")
    var index: Int = 0

    @Flag(help: "Get ready, and take over when the worker says so.")
    var standby = false

    /// Its exit code when another living worker has the name: no successor would fare better.
    static let nameTaken: Int32 = 3
    /// Its exit code when it cannot go on with what a running process has in memory.
    static let unfit: Int32 = 4

    func run() async throws {
        ProcessHeaps.share()
        let settings = try options.load().settings
        let tap = EventTap()
        var logger = makeLogger("apus.worker.\(id)", settings, tap: tap)
        logger[metadataKey: "worker"] = "\(id)"
        // At once and without goodbyes: the next guardian's media process goes on with the peers.
        ParentWatch.endWithParent(by: SIGKILL)
        let estate = try WorkerEstate.received()
        guard !standby || estate.fits(settings) else { throw ExitCode(Self.unfit) }
        let handOvers = await UnixSignalsSequence(trapping: .sigusr1)
        try await runUntilSignal { [logger] in
            let store = RedisStore(try settings.store.address(), cluster: settings.cluster, logger: logger)
            let configuration = try estate.configuration(id: WorkerID(id), index: index, settings: settings)
            if standby { try await Self.waitForTurn(configuration, store) }
            let uploads = try await UploadServer(configuration, estate.uploads, settings: settings, logger: logger)
            let agent = try WorkerAgent(configuration, store: store, logger: logger)
            let relay = try await WorkerRelay(index: index, settings: settings, logger: logger)
            Task { await tap.run(store) }
            Task { [memory = configuration.memory] in
                for await _ in handOvers { await Self.handOver(agent, relay, uploads, memory) }
            }
            do {
                try await agent.run()
            } catch let error as NameTaken {
                await relay?.stop()
                await uploads?.stop()
                logger.critical("\(error)")
                throw ExitCode(Self.nameTaken)
            } catch {
                await relay?.stop()
                await uploads?.stop()
                throw error
            }
            await relay?.stop()
            await uploads?.stop()
            await store.close()
        }
    }

    /// Everything that takes time and needs nothing of the process that still works is done before.
    private static func waitForTurn(_ configuration: WorkerConfiguration, _ store: RedisStore) async throws {
        guard let memory = configuration.memory else { throw ExitCode(unfit) }
        _ = try? await store.pulses()
        memory.waiting = configuration.processID
        while memory.chosen != configuration.processID { try await Task.sleep(for: .milliseconds(1)) }
    }

    /// Leaves everything to the next process, and ends.
    private static func handOver(
        _ agent: WorkerAgent, _ relay: WorkerRelay?, _ uploads: UploadServer?, _ memory: WorkerMemory?
    ) async {
        // Their ports are the next one's as well.
        await relay?.stop()
        await uploads?.stop()
        await agent.handOver { memory?.departed = ProcessInfo.processInfo.processIdentifier }
        _exit(0)
    }
}
