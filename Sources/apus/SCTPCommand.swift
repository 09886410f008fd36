import ArgumentParser
import Foundation
import SCTPBenchmark
import Synchronization

/// `apus bench sctp`: bulk transfers over SCTP, beside usrsctp.
struct SCTPCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sctp", abstract: "Measure SCTP's throughput and what it costs, beside usrsctp.",
        discussion: """
            Examples:
              apus bench sctp                            both stacks in turns; a minute and a half
              apus bench sctp --rounds 2 --window 500    a first look
              apus bench sctp --messages 1,256 --json > sctp.json
            Needs Debian's libusrsctp-dev and a checkout: the peer is compiled on the spot. Use a release build
            (swift build -c release). Ctrl-C shows the rounds that are whole. Benchmarks/SCTP/README.md says how it is
            measured.
            """)

    @Option(help: "KiB of the messages, separated by commas.") var messages = "16,64"
    @Option(help: "Rounds with both stacks.") var rounds = 7
    @Option(help: "Milliseconds of one transfer that count.") var window: Int64 = 2_000
    @Flag(inversion: .prefixedNo, help: "Sender on core 0 and receiver on core 1.") var pin = true
    @Flag(help: "Print everything as JSON instead of the table.") var json = false
    @Flag(help: "Print the table as Markdown.") var markdown = false
    @Option(help: "The folder Benchmarks of a checkout (default: the one around here or around this executable).")
    var sources: String?

    private func messageLengths() throws -> [Int] {
        try messages.split(separator: ",").map { word in
            guard let value = Int(word.trimmingCharacters(in: .whitespaces)), (1...256).contains(value) else {
                throw ValidationError("--messages takes numbers from 1 to 256, such as 16,64")
            }
            return value * 1_024
        }
    }

    func validate() throws {
        _ = try messageLengths()
        guard (1...100).contains(rounds) else { throw ValidationError("--rounds takes 1 to 100") }
        guard (100...60_000).contains(window) else { throw ValidationError("--window takes 100 to 60000") }
    }

    func run() async throws {
        #if DEBUG
            Terminal.error("This is a debug build: its figures say nothing about Apus. Use swift build -c release.")
        #endif
        let executable = try ForwardingCommand.executable()
        var run = SCTPRun(
            executable: executable, sources: try sources ?? ForwardingCommand.sources(beside: executable))
        run.messageLengths = try messageLengths()
        run.rounds = rounds
        run.window = window
        run.isPinned = pin
        let found = Mutex<SCTPResult?>(nil)
        try await runUntilSignal { [run] in
            let result = try await run.run { Terminal.error("  … \($0)") }
            found.withLock { $0 = result }
        }
        guard let result = found.withLock({ $0 }), !result.rounds.isEmpty else {
            throw CommandFailure("stopped before a round was whole")
        }
        Terminal.line(json ? try result.json() : result.text(isMarkdown: markdown))
        guard result.isComplete else { throw ExitCode(130) }
    }
}

/// `apus bench sctp-end`: one end of a transfer, which `apus bench sctp` starts as a process of its own.
struct SCTPEndCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sctp-end", abstract: "One end of a transfer of `apus bench sctp`.",
        discussion: "Example: apus bench sctp-end receive 42001 42002 1160 16384 500 2000", shouldDisplay: false)

    enum Role: String, ExpressibleByArgument, CaseIterable { case send, receive }

    @Argument(help: "send or receive.") var role: Role
    @Argument(help: "Its UDP port on loopback.") var localPort: UInt16
    @Argument(help: "The other end's.") var peerPort: UInt16
    @Argument(help: "Bytes of a packet.") var packetLength: Int
    @Argument(help: "Bytes of a message.") var messageLength: Int
    @Argument(help: "Milliseconds that do not count.") var warmUp: Int64
    @Argument(help: "Milliseconds that count.") var window: Int64

    func run() throws {
        var end = try SCTPEnd(
            SCTPEnd.Settings(
                isSender: role == .send, localPort: localPort, peerPort: peerPort, packetLength: packetLength,
                messageLength: messageLength, warmUp: warmUp, window: window))
        let figures = try end.run()
        Terminal.line(String(decoding: try JSONEncoder().encode(figures), as: UTF8.self))
    }
}
