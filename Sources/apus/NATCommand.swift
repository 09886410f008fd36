import ArgumentParser
import Foundation
import STUN
import Wire

/// `apus nat`: what NAT is in front of this host.
struct NATCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nat", abstract: "Tell what NAT this host is behind.",
        discussion: """
            Examples:
              apus nat --server stun.example.org
              apus nat --server 203.0.113.1:3478 --lifetime 300 --json
            Mapping and filtering take a server with a second address (RFC 5780), such as `apus stun --alternate`.
            """)

    @Option(help: "The STUN server, host or host:port.") var server: String
    @Option(help: "Also find how long a mapping lives without traffic, up to so many seconds; takes longer than that.")
    var lifetime: Int?
    @Flag(help: "Print JSON.") var json = false

    func validate() throws {
        guard lifetime.map({ (15...7200).contains($0) }) ?? true else {
            throw ValidationError("--lifetime takes 15 to 7200 seconds")
        }
    }

    func run() async throws {
        let address = try DatagramSockets.resolve(server, defaultPort: 3478)
        guard let local = try await DatagramSockets.localAddress(towards: address) else {
            throw CommandFailure("no network leads to \(address)")
        }
        let sockets = try DatagramSockets(
            binding: Array(repeating: SocketAddress(ip: local, port: 0), count: NATDiscovery.sockets))
        var configuration = NATDiscovery.Configuration(server: address)
        configuration.longestLifetime = lifetime.map { .seconds(Int64($0)) }
        let report = await Self.discover(configuration, sockets)
        sockets.close()
        print(json ? try NATText.json(report) : NATText.words(report))
    }

    private static func discover(_ configuration: NATDiscovery.Configuration, _ sockets: DatagramSockets) async
        -> NATReport
    {
        let clock = ContinuousClock()
        let origin = clock.now
        func now() -> Instant {
            Instant.origin + .nanoseconds(Int64((clock.now - origin) / .nanoseconds(1)))
        }
        var discovery = NATDiscovery(
            configuration, locals: sockets.locals, random: SeededRandom(seed: UInt64.random(in: 0 ... .max)))
        discovery.start(now: now())
        let arrivals = Arrivals(sockets.arrivals)
        while !discovery.isFinished {
            while let transmit = discovery.nextTransmit() {
                sockets.send(transmit.bytes, from: transmit.socket, to: transmit.destination)
            }
            let wait = (discovery.deadline - now()).nanoseconds
            if let arrival = await arrivals.next(within: .nanoseconds(max(wait, 0))) {
                unsafe discovery.receive(
                    arrival.bytes.span.bytes, at: arrival.socket, from: arrival.source, now: now())
            } else {
                discovery.advance(to: now())
            }
        }
        return discovery.report
    }
}

/// What arrives, one at a time and not waited for longer than wanted.
private actor Arrivals {
    private var waiting: [DatagramSockets.Arrival] = []
    private var waiter: CheckedContinuation<Void, Never>?
    private var round = 0

    init(_ stream: AsyncStream<DatagramSockets.Arrival>) {
        Task { for await arrival in stream { await self.take(arrival) } }
    }

    func next(within limit: Duration) async -> DatagramSockets.Arrival? {
        if waiting.isEmpty {
            round += 1
            let own = round
            let alarm = Task {
                try? await Task.sleep(for: limit)
                self.wake(own)
            }
            await withCheckedContinuation { waiter = $0 }
            alarm.cancel()
        }
        return waiting.isEmpty ? nil : waiting.removeFirst()
    }

    private func take(_ arrival: DatagramSockets.Arrival) {
        waiting.append(arrival)
        wake(round)
    }

    private func wake(_ own: Int) {
        guard own == round else { return }
        waiter?.resume()
        waiter = nil
    }
}

/// A report in words and as JSON.
enum NATText {
    static func words(_ report: NATReport) -> String {
        guard !report.isUDPBlocked, let local = report.local, let mapped = report.mapped else {
            return """
                No answer: UDP is blocked, or there is no STUN server at that address.
                Calls from here need a relay over TCP or TLS.
                """
        }
        var lines = ["This host is \(local), and is seen as \(mapped)."]
        if report.isTranslated {
            lines.append("It is behind a NAT\(report.oldName.map { " (\($0), in old words)" } ?? "").")
        } else {
            lines.append("It has a public address.")
        }
        lines.append("")
        if let mapping = report.mapping { lines.append("Mapping    \(describe(mapping))") }
        if let filtering = report.filtering { lines.append("Filtering  \(describe(filtering))") }
        if let hairpin = report.hairpin { lines.append("Hairpin    \(describe(hairpin))") }
        if let lifetime = report.lifetime {
            let end = lifetime.ends.map { ", not \($0.milliseconds / 1000) s" } ?? " and perhaps longer"
            lines.append("Lifetime   a mapping lives \(lifetime.survives.milliseconds / 1000) s without traffic\(end)")
        }
        if !report.serverHasAlternates {
            lines.append("The server has no second address (RFC 5780), so mapping and filtering cannot be told.")
        }
        return lines.joined(separator: "\n")
    }

    private static func describe(_ mapping: MappingBehavior) -> String {
        switch mapping {
        case .endpointIndependent: "EIM: one external port, whoever it talks to"
        case .addressDependent: "ADM: another external port for each address it talks to"
        case .addressAndPortDependent: "APDM: another external port for each address and port it talks to"
        }
    }

    private static func describe(_ filtering: FilteringBehavior) -> String {
        switch filtering {
        case .endpointIndependent: "EIF: anybody may send to that port"
        case .addressDependent: "ADF: only addresses that it has sent to"
        case .addressAndPortDependent: "APDF: only addresses and ports that it has sent to"
        }
    }

    private static func describe(_ hairpin: HairpinBehavior) -> String {
        switch hairpin {
        case .off: "not seen: two hosts behind it do not reach each other by their external addresses"
        case .external: "yes, with the external source address"
        case .internalSource: "yes, but with the internal source address, which ICE cannot use"
        }
    }

    private struct Document: Encodable {
        var udpBlocked: Bool
        var local: String?
        var mapped: String?
        var translated: Bool
        var mapping: MappingBehavior?
        var filtering: FilteringBehavior?
        var hairpin: HairpinBehavior?
        var lifetimeSurvivesSeconds: Double?
        var lifetimeEndsSeconds: Double?
    }

    static func json(_ report: NATReport) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let document = Document(
            udpBlocked: report.isUDPBlocked, local: report.local?.description, mapped: report.mapped?.description,
            translated: report.isTranslated, mapping: report.mapping, filtering: report.filtering,
            hairpin: report.hairpin, lifetimeSurvivesSeconds: report.lifetime?.survives.seconds,
            lifetimeEndsSeconds: report.lifetime?.ends?.seconds)
        return String(decoding: try encoder.encode(document), as: UTF8.self)
    }
}
