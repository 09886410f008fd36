import Access
import ArgumentParser
import Foundation
import Session
import Settings
import Signaling

/// Empties a worker before its host is taken away.
struct DrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Give a worker no new sessions, and wait until it has none.",
        discussion: """
            What is left at the deadline is closed; clients are told to open a new session.
            Ctrl-C leaves the drain going.
            Example: apus drain w1 --deadline 10m
            """)

    @OptionGroup var options: ConfigurationOptions

    @Argument(help: "The worker's name.")
    var worker: String

    @Option(help: "How long sessions may stay: 90s, 5m or 2h, at most 24h; 0s closes them at once.")
    var deadline = DrainTime(seconds: SignalingLimits.drainSeconds)

    @Option(help: "A controller's address (default: the one in cluster.yml on this machine).")
    var url: String?

    func run() async throws {
        let client = try ControlClient(url: url, or: options)
        try await OperatorRequest.perform(on: client, options) { token in
            try await client.setDrain(of: worker, seconds: deadline.seconds, token: token)
        }
        Terminal.line("\(worker) gets no new sessions; what is left in \(deadline) is closed.")
        let outcome = DrainOutcome()
        let progress = DrainProgress(client: client, worker: worker)
        try await runUntilSignal { await outcome.set(try await progress.follow()) }
        guard let text = await outcome.text else {
            return Terminal.line(
                "The drain of \(worker) goes on: `apus status` shows it, `apus undrain \(worker)` takes it back.")
        }
        Terminal.line(text)
    }
}

/// Takes a drain back.
struct UndrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undrain", abstract: "Let a worker take new sessions again.",
        discussion: "Example: apus undrain w1")

    @OptionGroup var options: ConfigurationOptions

    @Argument(help: "The worker's name.")
    var worker: String

    @Option(help: "A controller's address (default: the one in cluster.yml on this machine).")
    var url: String?

    func run() async throws {
        let client = try ControlClient(url: url, or: options)
        try await OperatorRequest.perform(on: client, options) { token in
            try await client.setDrain(of: worker, seconds: nil, token: token)
        }
        Terminal.line("\(worker) takes new sessions again.")
    }
}

/// A time with its unit: `90s`, `5m`, `2h`.
struct DrainTime: ExpressibleByArgument, CustomStringConvertible {
    let seconds: Int

    init(seconds: Int) { self.seconds = seconds }

    init?(argument: String) {
        let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600]
        guard let last = argument.last, let unit = units[last], let count = Int(argument.dropLast()),
            (0...SignalingLimits.longestDrain / unit).contains(count)
        else { return nil }
        seconds = count * unit
    }

    var defaultValueDescription: String { description }

    var description: String {
        if seconds % 3600 == 0, seconds > 0 { return "\(seconds / 3600)h" }
        return seconds % 60 == 0 && seconds > 0 ? "\(seconds / 60)m" : "\(seconds)s"
    }
}

/// Asks a controller for something that only operators may do.
enum OperatorRequest {
    /// - Parameter request: is given a token that is good for a minute, made with the first key of the settings; nil
    ///   without keys, for then only this machine's own controller obeys.
    static func perform(
        on client: ControlClient, _ options: ConfigurationOptions, _ request: (String?) async throws -> Void
    ) async throws {
        let secrets = try options.load().settings.keys
        var token: String?
        if let name = secrets.keys.min() {
            var grant = AccessGrant(room: nil, canJoin: false, canPublish: false, canSubscribe: false)
            grant.isOperator = true
            token = try await AccessKeys(secrets).sign(grant, key: name, lifetime: 60)
        }
        do {
            try await request(token)
        } catch is ControlClient.Unreachable {
            throw CommandFailure("no controller answers at \(client.base). Is the cluster up? Start it with `apus up`.")
        }
    }
}

/// What a drain came to, once it has.
private actor DrainOutcome {
    private(set) var text: String?
    func set(_ text: String) { self.text = text }
}

/// Shows how a drain goes, a line for each change.
private struct DrainProgress: Sendable {
    let client: ControlClient
    let worker: String

    /// - Returns: how it ended, in words.
    func follow() async throws -> String {
        var last = -1
        var wasClosed = 0
        var deadline = ContinuousClock.now
        while true {
            try Task.checkCancellation()
            let asked = ContinuousClock.now
            let data = try? await client.status()
            let status = try data.map { try JSONDecoder().decode(StatusDocument.self, from: $0) }
            if let status {
                // Since it was looked at last, the deadline has come.
                if asked >= deadline { wasClosed = max(wasClosed, last) }
                guard let entry = status.workers.first(where: { $0.id == WorkerID(worker) }) else {
                    return "\(worker) is gone."
                }
                switch entry.state {
                case .drained:
                    return wasClosed > 0
                        ? "\(worker) is drained; up to \(wasClosed) sessions were closed at the deadline."
                        : "\(worker) is drained."
                case .alive: return "The drain of \(worker) was taken back."
                case .dead, .draining: break
                }
                let left = entry.drainSecondsLeft ?? 0
                deadline = asked + .seconds(left)
                if entry.assignedSessions != last {
                    last = entry.assignedSessions
                    Terminal.line("  \(last) session(s) left, \(StatusTable.duration(left.rounded(.up))) to go")
                }
            }
            try await Task.sleep(for: .milliseconds(500))
        }
    }
}
