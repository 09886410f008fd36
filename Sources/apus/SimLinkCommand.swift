import ArgumentParser
import Foundation
import Simulator
import Wire

/// `apus sim link`: the simulator's link between real sockets.
struct SimLinkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "link", abstract: "Put a slow, late or lossy link in front of a real UDP server.",
        discussion: """
            Example: apus sim link --listen 127.0.0.1:5000 --to 127.0.0.1:40000 --down rate=2M,delay=25ms,queue=300ms
            Clients send to --listen, and what they send goes through the simulator's link to the server and back. A
            line on standard input changes the link, for example:
              down rate=500k
              up loss=5%,delay=100ms
            Settings: rate (500k, 2M, none), delay, jitter and queue (in ms or s), loss (in %). Ctrl-C ends it
            and says what passed.
            """)

    @Option(help: "Address and port for clients; port 0 is any free one.") var listen = "127.0.0.1:0"
    @Option(help: "Address and port of the server.") var to: String
    @Option(help: "From the clients to the server.") var up = ""
    @Option(help: "From the server to the clients.") var down = ""
    @Option(help: "Draws what is lost.") var seed: UInt64 = 1

    func run() async throws {
        guard let near = Self.address(listen) else { throw ValidationError("--listen takes address:port") }
        guard let server = SocketAddress(to), server.port > 0 else { throw ValidationError("--to takes address:port") }
        var behaviors: [LinkEmulator.Direction: LinkBehavior] = [:]
        for (direction, text) in [(LinkEmulator.Direction.up, up), (.down, down)] {
            var behavior = LinkBehavior()
            behavior.discipline = .dropTailDelay(.milliseconds(300))
            let settings = try LinkSetting.parse(text, option: "--\(direction.rawValue)")
            for setting in settings { setting.apply(to: &behavior) }
            behaviors[direction] = behavior
        }
        let emulator: LinkEmulator
        do {
            emulator = try LinkEmulator(listen: near, server: server, behaviors: behaviors, seed: seed)
        } catch {
            throw CommandFailure("\(listen) cannot be bound: \(error)")
        }
        Terminal.line("link at \(emulator.address) to \(server)")
        // Reading blocks: nobody waits for it at the end.
        let changes = Task { await Self.readChanges(of: emulator) }
        try await runUntilSignal { await emulator.run() }
        changes.cancel()
        for (direction, counts) in await emulator.counts.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            Terminal.line("\(direction.rawValue): \(counts.passed) passed, \(counts.dropped) dropped")
        }
    }

    /// Also with port 0, which is no address of anybody.
    private static func address(_ text: String) -> SocketAddress? {
        guard text.hasSuffix(":0") else { return SocketAddress(text) }
        return IPAddress(String(text.dropLast(2))).map { SocketAddress(ip: $0, port: 0) }
    }

    /// What is wrong is said and changes nothing.
    private static func readChanges(of emulator: LinkEmulator) async {
        for await line in lines() {
            let words = line.split(separator: " ", maxSplits: 1).map(String.init)
            guard let direction = words.first.flatMap({ LinkEmulator.Direction(rawValue: $0) }), words.count == 2 else {
                Terminal.line("\(line): a line is `up` or `down` and settings, as in `down rate=500k`")
                continue
            }
            do {
                let settings = try LinkSetting.parse(words[1], option: words[0])
                await emulator.change(direction) { behavior in
                    for setting in settings { setting.apply(to: &behavior) }
                }
            } catch {
                Terminal.line("\(error)")
            }
        }
    }

    /// Of standard input, which is read by a thread of its own: reading blocks.
    private static func lines() -> AsyncStream<String> {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        Thread.detachNewThread {
            while let line = readLine() { continuation.yield(line) }
            continuation.finish()
        }
        return stream
    }
}

/// One setting of a link, as it is written.
enum LinkSetting: Hashable, Sendable {
    case rate(UInt64?)
    case delay(Interval)
    case jitter(Interval)
    case queue(Interval)
    case loss(Double)

    func apply(to behavior: inout LinkBehavior) {
        switch self {
        case .rate(let rate): behavior.rate = rate
        case .delay(let delay): behavior.delay = delay
        case .jitter(let jitter): behavior.jitter = jitter
        case .queue(let longest): behavior.discipline = .dropTailDelay(longest)
        case .loss(let share): behavior.loss = share > 0 ? .independent(Probability(share)) : .none
        }
    }

    /// `rate=2M,delay=25ms`; `option` is named in errors.
    static func parse(_ text: String, option: String) throws -> [LinkSetting] {
        try text.split(separator: ",").map { part in
            let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
            guard pair.count == 2, let setting = LinkSetting(pair[0], pair[1]) else {
                throw ValidationError(
                    "\(option): `\(part)` is none of rate=2M, delay=25ms, jitter=5ms, queue=300ms, loss=2%")
            }
            return setting
        }
    }

    private init?(_ name: String, _ value: String) {
        switch name {
        case "rate":
            guard value != "none" else {
                self = .rate(nil)
                return
            }
            guard let rate = Self.number(value, units: ["k": 1e3, "M": 1e6, "G": 1e9, "": 1]),
                (1_000...100_000_000_000).contains(rate)
            else { return nil }
            self = .rate(UInt64(rate))
        case "delay", "jitter", "queue":
            guard let seconds = Self.number(value, units: ["ms": 1e-3, "s": 1]), (0...60).contains(seconds) else {
                return nil
            }
            let interval = Interval.microseconds(Int64(seconds * 1e6))
            self = name == "delay" ? .delay(interval) : name == "jitter" ? .jitter(interval) : .queue(interval)
        case "loss":
            guard let percent = Self.number(value, units: ["%": 1]), (0...100).contains(percent) else { return nil }
            self = .loss(percent / 100)
        default: return nil
        }
    }

    private static func number(_ text: String, units: [String: Double]) -> Double? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let factor = units[String(text.dropFirst(digits.count))], let number = Double(digits) else { return nil }
        return number * factor
    }
}
