import ArgumentParser
import CLinux
import Foundation
import STUN
import ScenarioRunner
import SimulatedMedia
import Simulator
import Wire

/// A call through the server, in simulated time.
struct SimCallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "call", abstract: "A call of some parties through one server.",
        discussion: """
            Examples:
              apus sim call --parties 3 --seconds 60
              apus sim call --parties 2 --nat APDM/APDF --loss 5 --json -
              apus sim call --parties 3 --block-udp --relay tcp,tls
            Each party sends audio (50 packets/s) and video (30 frames/s, about 1.2 Mbit/s) and gets everybody else's.
            Server and parties are the product's own ICE, DTLS, SRTP and forwarding; every packet is checked for its
            contents. The same seed gives the same bytes, and so the same replay hash.
            """)

    @Option(help: "1 to 32.")
    var parties = 3

    @Option(help: "Seconds, simulated, while packets count; two before and two after come on top.")
    var seconds = 60

    @Option(help: "Everything random is drawn from it, keys too.")
    var seed: UInt64 = 1

    @Option(help: "on: real DTLS and SRTP. off: datagrams of the same sizes without, for speed.")
    var crypto = "on"

    @Option(help: "Percent of the packets that each party's link loses, each way.")
    var loss = 0.0

    @Option(help: "Milliseconds, one way, between a party and the internet.")
    var delay = 10

    @Option(
        help: """
            What the parties are behind: a NAT such as EIM/APDF, FW or OPEN. Several, with commas between them, for one
            party after the other; the last is for all that follow.
            """)
    var nat = "OPEN"

    @Option(
        help: """
            How parties reach the server: none for directly, or only through a TURN server, over udp, tcp or tls.
            Several as with --nat.
            """)
    var relay = "none"

    @Flag(help: "No UDP passes between the parties and the internet; without --relay tcp or tls nobody gets in.")
    var blockUDP = false

    @Flag(help: "The server is an ICE lite agent.")
    var lite = false

    @Option(
        help: "Write all packets to this pcapng file, with the keys for Wireshark to decrypt DTLS; for short calls.")
    var pcap: String?

    @Option(defaultAsFlag: "-", help: "Print the result as JSON and nothing else; with a name, write it to that file.")
    var json: String?

    func validate() throws {
        guard (1...32).contains(parties) else { throw ValidationError("--parties takes 1 to 32") }
        guard (1...86_400).contains(seconds) else { throw ValidationError("--seconds takes 1 to 86400") }
        guard (0...100).contains(loss) else { throw ValidationError("--loss takes 0 to 100") }
        guard (0...10_000).contains(delay) else { throw ValidationError("--delay takes 0 to 10000") }
        guard pcap == nil || seconds <= 600 else { throw ValidationError("--pcap takes calls of 600 seconds at most") }
        guard ["on", "off"].contains(crypto) else { throw ValidationError("--crypto takes on or off") }
        _ = try gateways()
        _ = try relays()
    }

    func run() async throws {
        var link = LinkBehavior(delay: .milliseconds(Int64(delay)))
        if loss > 0 { link.loss = .independent(Probability(loss / 100)) }
        let gateways = try gateways()
        let relays = try relays()
        var options = CallSimulation.Options(
            seed: seed,
            parties: (0..<parties).map {
                var party = CallSimulation.Party(gateways[min($0, gateways.count - 1)], up: link, down: link)
                party.relay = relays[min($0, relays.count - 1)]
                party.blocksUDP = blockUDP
                return party
            }, duration: .seconds(Int64(seconds)))
        options.crypto = crypto == "on" ? .real : .stubbed
        options.isLite = lite
        options.keepsEntries = pcap != nil
        let begin = apus_thread_cpu_ns()
        let report = CallSimulation.run(options)
        let cpu = Double(apus_thread_cpu_ns() - begin) / 1e9
        if let pcap {
            let capture = PcapFile(
                title: "a call of \(parties), seed \(seed)", entries: report.log.entries, network: report.network,
                keyLog: report.keyLog)
            try ScenarioFile.write(Data(capture.bytes), to: pcap)
        }
        if let json { try CallDocument(report).write(to: json) }
        if json != "-" {
            print(CallText.render(report))
            let speed = report.duration.seconds / max(cpu, 1e-9)
            print(String(format: "%.0f simulated seconds per CPU second (%.2f s of CPU)", speed, cpu))
        }
        guard report.violationCount == 0, report.streams.allSatisfy({ $0.corrupt == 0 }) else { throw ExitCode(1) }
    }

    private func relays() throws -> [RelayCarrier?] {
        let relays = try relay.split(separator: ",").map { name in
            if name == "none" { return RelayCarrier?.none }
            guard let carrier = RelayCarrier(rawValue: String(name)) else {
                throw ValidationError("--relay takes none, udp, tcp or tls, not \(name)")
            }
            return carrier
        }
        guard !relays.isEmpty else { throw ValidationError("--relay takes none, udp, tcp or tls") }
        return relays
    }

    private func gateways() throws -> [CallSimulation.Party.Gateway] {
        try nat.split(separator: ",").map { name in
            switch name {
            case "OPEN": return .none
            case "FW": return .firewall
            default:
                guard let behavior = NATBehavior(name: String(name)) else {
                    throw ValidationError("--nat takes OPEN, FW or a NAT such as EIM/APDF, not \(name)")
                }
                return .nat(behavior)
            }
        }
    }
}

/// A call's result as a file.
struct CallDocument: Encodable {
    struct Stream: Encodable {
        var subscriber, publisher: Int
        var kind: String
        var sent, received, repaired, lost, corrupt, duplicated, disordered: UInt64
        var firstMediaMilliseconds: Double?
    }

    struct Party: Encodable {
        var connectMilliseconds, handshakeMilliseconds: Double?
        /// Kinds of the path's candidates, the party's first: H, S, P and R, a relay's.
        var path: String?
        /// How it reaches its relay: `udp`, `tcp` or `tls`.
        var relay: String?
        var nacksSent, keyFrameRequests, retransmitted, replayed, refused: Int
    }

    var streams: [Stream]
    var parties: [Party]
    /// What the TURN server passed on, where there was one.
    struct Relayed: Encodable {
        var datagramsToPeers, bytesToPeers, datagramsToClients, bytesToClients: Int
    }

    var relayed: Relayed?
    var serverDrops: [String: UInt64]
    var violations: [String]
    var violationCount: Int
    var simulatedSeconds: Double
    var events: Int
    /// In hexadecimal: equal for equal runs.
    var replay: String
    /// An NSS key log, with which a capture of the call can be decrypted.
    var keyLog: [String]

    init(_ report: CallReport) {
        func milliseconds(_ interval: Interval?) -> Double? { interval.map { Double($0.microseconds) / 1000 } }
        streams = report.streams.map {
            Stream(
                subscriber: $0.subscriber, publisher: $0.publisher, kind: $0.kind, sent: $0.sent, received: $0.received,
                repaired: $0.repaired, lost: $0.lost, corrupt: $0.corrupt, duplicated: $0.duplicated,
                disordered: $0.disordered, firstMediaMilliseconds: milliseconds($0.firstMedia))
        }
        parties = report.parties.map {
            Party(
                connectMilliseconds: milliseconds($0.connect), handshakeMilliseconds: milliseconds($0.handshake),
                path: $0.kinds?.description, relay: $0.relay?.rawValue, nacksSent: $0.statistics.nacksSent,
                keyFrameRequests: $0.statistics.keyFrameRequests,
                retransmitted: $0.statistics.retransmitted, replayed: $0.statistics.replayed,
                refused: $0.statistics.refused)
        }
        relayed = report.relayed.map {
            Relayed(
                datagramsToPeers: $0.toPeers.datagrams, bytesToPeers: $0.toPeers.bytes,
                datagramsToClients: $0.toClients.datagrams, bytesToClients: $0.toClients.bytes)
        }
        serverDrops = Dictionary(uniqueKeysWithValues: report.serverDrops.map { ($0.reason, $0.count) })
        violations = report.violations
        violationCount = report.violationCount
        simulatedSeconds = report.duration.seconds
        events = report.events
        replay = CallText.hex(report.replayHash)
        keyLog = report.keyLog
    }

    func write(to file: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let data = try encoder.encode(self) + Data("\n".utf8)
        guard file != "-" else { return FileHandle.standardOutput.write(data) }
        do {
            try data.write(to: URL(filePath: file))
        } catch {
            throw CommandFailure("\(file) cannot be written: \(error.localizedDescription)")
        }
    }
}

/// A call's result for people.
enum CallText {
    static func render(_ report: CallReport) -> String {
        var lines = ["party    path  handshake  NACKs  again  key frames asked for      by"]
        for (index, party) in report.parties.enumerated() {
            lines.append(
                row(
                    ("\(index)", 5), (time(party.connect), 8), (time(party.handshake), 11),
                    ("\(party.statistics.nacksSent)", 7), ("\(party.statistics.retransmitted)", 7),
                    ("\(party.statistics.keyFrameRequests)", 22), (way(party), 8)))
        }
        lines += ["", "who gets whose     sent  received  repaired  lost  corrupt    first"]
        for stream in report.streams {
            lines.append(
                row(
                    ("\(stream.subscriber)", 3), ("\(stream.publisher)", 5), (stream.kind, 6), ("\(stream.sent)", 9),
                    ("\(stream.received)", 10), ("\(stream.repaired)", 10), ("\(stream.lost)", 6),
                    ("\(stream.corrupt)", 9), (time(stream.firstMedia), 9)))
        }
        let drops = report.serverDrops.map { "\($0.reason) \($0.count)" }.joined(separator: ", ")
        lines += ["", "the server dropped: \(drops.isEmpty ? "nothing" : drops)"]
        if let relayed = report.relayed {
            lines.append(
                "the TURN server passed \(relayed.toPeers.datagrams) datagrams to the server and "
                    + "\(relayed.toClients.datagrams) back")
        }
        let watched = report.relayed == nil ? "consent (I9)" : "consent (I9), relaying (I11)"
        lines.append(
            "\(watched) and SRTP indices (I12) of \(report.packets) packets: "
                + (report.violationCount == 0 ? "sound" : "\(report.violationCount) VIOLATIONS"))
        lines += report.violations.map { "  \($0)" }
        lines.append("replay hash \(hex(report.replayHash)), \(report.events) events")
        return lines.joined(separator: "\n")
    }

    /// `HH`, `RH tls`: the kinds of the path's candidates, and how the relay is reached.
    private static func way(_ party: CallReport.Party) -> String {
        guard let kinds = party.kinds else { return "--" }
        return "\(kinds)" + (party.relay.map { " \($0.rawValue)" } ?? "")
    }

    static func hex(_ hash: UInt64) -> String {
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func time(_ interval: Interval?) -> String { interval.map { "\($0.milliseconds) ms" } ?? "--" }

    private static func row(_ cells: (text: String, width: Int)...) -> String {
        cells.map { String(repeating: " ", count: max(0, $0.width - $0.text.count)) + $0.text }.joined()
    }
}
