import ArgumentParser
import Logging

/// Runs a program that knows nothing of its supervisor, and ends it when the supervisor is gone.
struct GuardCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "guard", abstract: "Run a program for as long as the parent process lives.",
        discussion: "Example: apus guard -- /usr/bin/redis-server --port 6379", shouldDisplay: false)

    @Argument(parsing: .postTerminator, help: "The program and its arguments.")
    var command: [String]

    func run() async throws {
        guard let program = command.first else { throw ValidationError("name a program after --") }
        ParentWatch.endWithParent()
        try await runUntilSignal {
            let child = Supervisor.Child(name: program, executable: program, arguments: Array(command.dropFirst()))
            let end = try await Supervisor.runOnce(child)
            if !Task.isCancelled { throw CommandFailure("\(program) has ended (\(end))") }
        }
    }
}
