import ArgumentParser

/// The one executable: every process of a cluster is a subcommand of it.
@main
struct Apus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus",
        abstract: "A clustered WebRTC media server.",
        discussion: """
            Example: apus up
            Then open http://localhost:8888/ and see your own camera come back through the cluster.
            """,
        version: version,
        subcommands: [
            UpCommand.self, ControllerCommand.self, WorkerCommand.self, StatusCommand.self, DrainCommand.self,
            UndrainCommand.self, UpgradeCommand.self, TokenCommand.self,
            LoadCommand.self, BenchCommand.self, SimCommand.self, NATCommand.self,
            STUNCommand.self, TURNCommand.self, ICECommand.self, GuardCommand.self, MediaProcess.self,
        ])

    static let version = "0.1.0"
}
