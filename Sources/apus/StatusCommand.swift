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
        let settings = try options.load().settings
        let base =
            url ?? settings.signaling.listen.first.map {
                "http://\(ControlClient.localHost($0.host)):\($0.port)"
            } ?? "http://127.0.0.1:8888"
        let client = ControlClient(base: base.hasSuffix("/") ? String(base.dropLast()) : base)
        if json {
            Terminal.line(String(decoding: try await fetch(client, base), as: UTF8.self))
            return
        }
        let isLive = !once && isatty(STDOUT_FILENO) == 1
        guard isLive else {
            Terminal.line(try StatusTable.render(try await fetch(client, base)))
            return
        }
        try await runUntilSignal {
            while !Task.isCancelled {
                let table =
                    (try? await client.status()).flatMap { try? StatusTable.render($0) } ?? "no answer from \(base)"
                // Home, then clear what is below: no flicker.
                Terminal.line("\u{1B}[H\u{1B}[J\(table)")
                try await Task.sleep(for: .seconds(1))
            }
        }
    }

    private func fetch(_ client: ControlClient, _ base: String) async throws -> Data {
        do {
            return try await client.status()
        } catch {
            throw ValidationError("no controller answers at \(base). Is the cluster up? Start it with `apus up`.")
        }
    }
}
