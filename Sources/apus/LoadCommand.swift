import ArgumentParser
import Foundation
import LoadGenerator
import WHIPClient
import Wire

/// Many real clients against a running server.
struct LoadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Send and receive as many WebRTC clients would, and verify every packet.",
        discussion: """
            Publishers come in by WHIP, subscribers by WHEP, each with ICE, DTLS and SRTP of its own. Every subscriber
            verifies that each payload arrived whole, once and for it. Ctrl-C ends cleanly with a report.

            Examples:
              apus load --subscribers 200 --url http://127.0.0.1:8888
              apus load --publishers 4 --subscribers 100 --video real --audio --duration 30 --json report.json
              apus load --subscribers 50 --rogues 5 --rogue-kind nack-storm

            The exit code is 1 when a packet was corrupt, misdelivered or doubled, when a subscriber did not come in,
            or when more was lost than --max-loss allows.
            """)

    @OptionGroup var options: LoadOptions

    mutating func validate() throws { try options.check() }

    func run() async throws {
        let options = options
        let plan = try options.plan()
        let server = try options.server()
        let signaling = try WHIPSignaling(
            server, plan: plan, room: options.room, token: options.token, acceptsAnyCertificate: options.insecure)
        let load = try LoadRun(plan: plan, signaling: signaling)
        let display = ProgressLine()
        try await runUntilSignal {
            do {
                let report = try await withTaskCancellationHandler {
                    try await load.run(progress: { display.show($0.text) })
                } onCancel: {
                    load.interrupt()
                }
                await signaling.shutDown()
                display.end()
                try options.write(report)
                let failures = report.failures(maximumLoss: options.maxLoss / 100)
                if !failures.isEmpty { throw CommandFailure(failures.joined(separator: "; ")) }
            } catch {
                await signaling.shutDown()
                display.end()
                throw error is LoadError ? CommandFailure("\(error)") : error
            }
        }
    }
}

/// What a load consists of.
struct LoadOptions: ParsableArguments {
    @Option(help: "Publishers, in all rooms together.") var publishers = 1
    @Option(help: "Subscribers, each of which gets the streams of its room's publishers.") var subscribers = 10
    @Option(help: "Rooms that they are spread over.") var rooms = 1
    @Option(help: "The room's name; several get a number each behind it.") var room = "load"
    @Option(help: "The server: http://host:port or https://host:port.") var url = "http://127.0.0.1:8888"
    @Option(help: "Sent as bearer token when the server wants one.") var token: String?
    @Flag(help: "Accept a server certificate that nobody vouches for.") var insecure = false

    @Option(
        help: ArgumentHelp(
            "What video publishers send: uniform (5 packets of 1200 bytes a frame), light (one of them), "
                + "real (frame sizes of an encoder), simulcast (three encodings by rid) or none.",
            valueName: "pattern"))
    var video = "uniform"
    @Flag(help: "Each publisher also sends 50 audio packets of 120 bytes a second.") var audio = false
    @Option(help: "Video frames per second.") var rate = 30
    @Option(help: "The same seed sends the same frame sizes.") var seed: UInt64 = 1

    @Option(help: "Seconds to measure.") var duration = 10.0
    @Option(help: "Seconds between the last join and the measurement.") var warmup = 2.0
    @Option(help: "Threads for media; raise it when the generator reports that it is overloaded.") var threads = 1
    @Option(help: "Joins in flight.") var joinParallel = 16
    @Option(help: "Which packets' checksums are verified: all, or 1/N of each subscriber's.") var verify = "all"
    @Flag(help: "Do not ask for lost packets again.") var noNack = false
    @Option(help: "SRTP profiles that the clients offer: gcm (AES-128-GCM), sha1 (AES-CM with HMAC-SHA1) or any.")
    var srtp = "any"
    @Option(help: "Local address of the clients' sockets (default: the one that leads to the server).")
    var bind: String?

    @Option(help: "Percent of the media that subscribers throw away as if the network had lost it.")
    var receiveLoss = 0.0

    @Option(help: "Subscribers more that misbehave while the others are measured.") var rogues = 0
    @Option(
        help: ArgumentHelp(
            "How they misbehave: \(RogueKind.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "kind"))
    var rogueKind = RogueKind.nackStorm.rawValue

    @Option(help: "Milliseconds without a packet from which on a stream stands still.") var gap = 100.0
    @Flag(help: "Do not connect anew when the server says so, or when a connection fails.") var stay = false
    @Flag(help: "Check that no SRTP index is used for two packets.") var watchIndices = false

    @Option(help: "Process of the server on this machine: its CPU time by delivered packet is reported.")
    var serverPid: Int32?
    @Option(help: "Percent of packets that may be lost after repair.") var maxLoss = 0.1
    @Option(help: "Write the report as JSON to a file; - is standard output, without the table.") var json: String?

    /// Errors that name the option and what to write instead.
    func check() throws {
        _ = try server()
        _ = try plan()
        guard (0...100).contains(maxLoss) else {
            throw ValidationError("--max-loss \(maxLoss): write 0 to 100 percent")
        }
        guard !room.isEmpty else { throw ValidationError("--room is empty: write a name, for example load") }
        if let serverPid, ServerProcess.sample(root: serverPid) == nil {
            throw ValidationError("--server-pid \(serverPid): there is no such process; `pgrep apus` finds it")
        }
    }

    func server() throws -> ServerURL {
        guard let server = ServerURL(url) else {
            throw ValidationError("--url \(url): write http://host:port, for example http://127.0.0.1:8888")
        }
        return server
    }

    func plan() throws -> LoadPlan {
        var plan = LoadPlan(
            publishers: publishers, subscribers: subscribers, video: try videoPattern(), hasAudio: audio,
            framesPerSecond: rate, seed: seed, warmup: try seconds(warmup, "--warmup"),
            duration: try seconds(duration, "--duration"), threads: threads, joinsInFlight: joinParallel,
            checksumInterval: try checksumInterval(), sendsNacks: !noNack,
            srtp: try choice(srtp, "--srtp", SRTPChoice.self), rogues: rogues,
            rogueKind: try choice(rogueKind, "--rogue-kind", RogueKind.self), receiveLoss: receiveLoss / 100,
            address: try address(),
            serverProcess: serverPid)
        plan.rooms = rooms
        plan.gapThreshold = try seconds(gap / 1000, "--gap")
        plan.watchesIndices = watchIndices
        plan.followsReconnects = !stay
        do {
            try plan.check()
        } catch {
            throw ValidationError(error.description)
        }
        return plan
    }

    private func videoPattern() throws -> VideoPattern? {
        if video == "none" { return nil }
        guard let pattern = VideoPattern(rawValue: video) else {
            let known = VideoPattern.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--video \(video): write \(known) or none")
        }
        return pattern
    }

    private func choice<Choice: RawRepresentable & CaseIterable>(
        _ text: String, _ option: String, _ type: Choice.Type
    ) throws -> Choice where Choice.RawValue == String {
        guard let choice = Choice(rawValue: text) else {
            let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("\(option) \(text): write one of \(known)")
        }
        return choice
    }

    private func seconds(_ value: Double, _ option: String) throws -> Interval {
        guard value.isFinite, (0...86_400).contains(value) else {
            throw ValidationError("\(option) \(value): write seconds, 0 to 86400")
        }
        return .milliseconds(Int64(value * 1_000))
    }

    private func checksumInterval() throws -> Int {
        if verify == "all" { return 1 }
        let parts = verify.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0] == "1", let interval = Int(parts[1]), interval >= 1 else {
            throw ValidationError("--verify \(verify): write all, or a share such as 1/32")
        }
        return interval
    }

    private func address() throws -> IPAddress {
        if let bind {
            guard let address = IPAddress(bind) else {
                throw ValidationError("--bind \(bind): write an address of this machine, for example 127.0.0.1")
            }
            return address
        }
        let host = try server().host
        guard let remote = IPAddress(host) else {
            // A name: its address is known to the resolver alone. Loopback or the default route will do.
            return host == "localhost" ? IPAddress(ipv4: 0x7F00_0001) : defaultAddress
        }
        return LoadAddress.towards(remote) ?? defaultAddress
    }

    private var defaultAddress: IPAddress {
        // RFC 5737's documentation net: nothing is sent, the route alone is looked up.
        LoadAddress.towards(IPAddress(ipv4: 0xC000_0201)) ?? IPAddress(ipv4: 0x7F00_0001)
    }

    func write(_ report: LoadReport) throws {
        if json != "-" { Terminal.line(report.text) }
        guard let json else { return }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let data = try encoder.encode(report)
        if json == "-" { return Terminal.line(String(decoding: data, as: UTF8.self)) }
        do {
            try data.write(to: URL(fileURLWithPath: json))
        } catch {
            throw CommandFailure("--json \(json): cannot be written; name a file in a folder that exists")
        }
    }
}

/// Progress on standard error: one line that changes on a terminal, plain lines elsewhere.
final class ProgressLine: Sendable {
    private let isTerminal = isatty(STDERR_FILENO) == 1

    func show(_ text: String) {
        FileHandle.standardError.write(Data((isTerminal ? "\r\u{1B}[K\(text)" : text + "\n").utf8))
    }

    func end() { if isTerminal { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) } }
}
