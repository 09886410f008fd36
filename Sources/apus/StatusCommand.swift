import ArgumentParser
import Foundation
import Settings
import Signaling

/// Who carries what, now.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show controllers, workers, sessions and load, live.",
        discussion: """
            Examples:
              apus status            a live table; Ctrl-C ends it
              apus status --once     the table once
              apus status --json     for programs
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(help: "A controller's address (default: the one in cluster.yml on this machine).")
    var url: String?

    @Flag(help: "Print the status as JSON, once.")
    var json = false

    @Flag(help: "Print the table once.")
    var once = false

    func run() async throws {
        let client = try ControlClient(url: url, or: options)
        if json {
            Terminal.line(String(decoding: try await fetch(client), as: UTF8.self))
            return
        }
        let isLive = !once && isatty(STDOUT_FILENO) == 1
        guard isLive else {
            Terminal.line(try StatusTable.render(try await fetch(client)))
            return
        }
        try await runUntilSignal {
            while !Task.isCancelled {
                let table =
                    (try? await client.status()).flatMap { try? StatusTable.render($0) }
                    ?? "no answer from \(client.base)"
                // Home, then clear what is below: no flicker.
                Terminal.line("\u{1B}[H\u{1B}[J\(table)")
                try await Task.sleep(for: .seconds(1))
            }
        }
    }

    private func fetch(_ client: ControlClient) async throws -> Data {
        do {
            return try await client.status()
        } catch {
            throw CommandFailure(
                "no controller answers at \(client.base). Is the cluster up? Start it with `apus up`.")
        }
    }
}

extension ControlClient {
    /// The controller at `url`, or else the one of the settings on this machine.
    init(url: String?, or options: ConfigurationOptions) throws {
        if let url {
            guard let client = ControlClient(url: url) else {
                throw ValidationError("`\(url)` is not a controller's address: write for example http://127.0.0.1:8888")
            }
            self = client
            return
        }
        let listener = try options.load().settings.signaling.listen.first
        self.init(host: ControlClient.localHost(listener?.host ?? ""), port: listener?.port ?? 8888)
    }
}
