import ArgumentParser
import Foundation
import Logging
import Session
import Settings
import Store
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

    /// Its exit code when another living worker has the name: no successor would fare better.
    static let nameTaken: Int32 = 3

    func run() async throws {
        let settings = try options.load().settings
        let logger = makeLogger("apus.worker.\(id)", level: settings.logLevel)
        // At once and without goodbyes: the next guardian's media process goes on with the peers.
        ParentWatch.endWithParent(by: SIGKILL)
        let estate = try WorkerEstate.received()
        try await runUntilSignal {
            let store = RedisStore(try settings.store.address(), cluster: settings.cluster, logger: logger)
            let agent = try WorkerAgent(
                try estate.configuration(id: WorkerID(id), index: index, settings: settings), store: store,
                logger: logger)
            let relay = try await WorkerRelay(index: index, settings: settings, logger: logger)
            do {
                try await agent.run()
            } catch let error as NameTaken {
                await relay?.stop()
                logger.critical("\(error)")
                throw ExitCode(Self.nameTaken)
            } catch {
                await relay?.stop()
                throw error
            }
            await relay?.stop()
            await store.close()
        }
    }
}
