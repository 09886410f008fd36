import ArgumentParser
import CLinux
import Foundation
import Logging
import Reactor
import Session
import Settings
import Store
import Worker

/// The whole cluster on this machine.
struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up", abstract: "Run a whole cluster on this machine: store, controller, workers.",
        discussion: """
            Examples:
              apus up                                  what cluster.yml says
              apus up --embedded                       one process, no Redis
              apus up --conf-file kurento.conf.json    with Kurento's own configuration file
            Ctrl-C ends everything.
            """)

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "One process with an in-memory store instead of Redis and child processes.")
    var embedded = false

    func run() async throws {
        let (settings, kurento) = try options.load()
        try refuseTakenPorts(settings)
        Terminal.line("Apus \(Apus.version)")
        if embedded {
            try await EmbeddedCluster(settings: settings, kurento: kurento).run()
        } else {
            let logger = makeLogger("apus.up", settings)
            try await runUntilSignal { try await supervise(settings, logger: logger) }
        }
        Terminal.line("Apus has ended.")
    }

    private func supervise(_ settings: ClusterSettings, logger: Logger) async throws {
        let executable = try Self.executable()
        var children: [Supervisor.Child] = []
        var store: Supervisor.Address?
        if let redis = try RedisProcess.needed(for: settings.store, executable: executable) {
            children.append(redis.child)
            store = Supervisor.Address(host: redis.host, port: redis.port)
            Progress.done("store", "redis-server on \(redis.host):\(redis.port)")
        } else {
            Progress.done("store", "Redis at \(settings.store.url.withoutPassword)")
        }
        // Made here, so that they outlive not only a worker's media process but the worker: it goes on at once.
        var workers: [(holdings: WorkerHoldings, estate: MemoryFile)] = []
        for index in 0..<settings.workers.count {
            let name = "w\(index + 1)"
            let holdings = try WorkerHoldings(WorkerID(name), index: index, settings: settings)
            let (estate, descriptors) = try holdings.estate.handedOver()
            workers.append((holdings, estate))
            children.append(
                Supervisor.Child(
                    name: name, executable: executable,
                    arguments: ["worker", "--id", name, "--index", "\(index)", "--inherit"] + options.arguments,
                    startsAfter: store, inherited: descriptors, firstPause: .zero))
        }
        for index in 0..<settings.controllers.count {
            let name = "c\(index + 1)"
            children.append(
                Supervisor.Child(
                    name: name, executable: executable,
                    arguments: ["controller", "--id", name, "--index", "\(index)"] + options.arguments,
                    startsAfter: store, firstPause: .zero, longestPause: .seconds(1)))
        }

        let supervisor = Supervisor(logger: logger)
        let family = children
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await supervisor.run(family) }
            group.addTask { try await Readiness.announce(settings) }
            defer { group.cancelAll() }
            while try await group.next() != nil {}
        }
        withExtendedLifetime(workers) {}
    }

    /// Somebody else's port, or a cluster that runs already: better said now than by a child's restarts.
    private func refuseTakenPorts(_ settings: ClusterSettings) throws {
        let all = (0..<settings.controllers.count).flatMap { index in
            var settings = settings
            settings.shiftPorts(by: index)
            return [("signaling.listen", settings.signaling.listen), ("tls.listen", settings.tls.listen)]
        }
        for (key, addresses) in all {
            for address in addresses {
                let host = ControlClient.localHost(address.host)
                guard address.port != 0, TCPConnection.isOpen(host: host, port: address.port) else { continue }
                throw SettingsError(
                    file: options.fileName, line: nil, key: key, problem: "\(address) is in use",
                    fix: "End what listens there (a cluster that runs already?) or choose another port")
            }
        }
    }

    static func executable() throws -> String {
        guard let path = Bundle.main.executablePath else { throw ValidationError("cannot find this executable") }
        return URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    }
}

/// Lines for a person, written through at once even when they go to a file.
enum Terminal {
    static func line(_ text: String) {
        FileHandle.standardOutput.write(Data((text + "\n").utf8))
    }

    static func error(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }
}

/// One line per step for the person at the terminal.
enum Progress {
    static func done(_ part: String, _ text: String) {
        Terminal.line("  ✓ \(part.padding(toLength: 12, withPad: " ", startingAt: 0))\(text)")
    }

    static func waiting(_ text: String) {
        Terminal.line("  … \(text)")
    }
}

extension String {
    /// A store's address as it may be shown.
    var withoutPassword: String {
        guard let at = lastIndex(of: "@"), let scheme = range(of: "://") else { return self }
        return String(self[..<scheme.upperBound]) + "…" + String(self[at...])
    }
}
