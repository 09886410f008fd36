import ArgumentParser
import Foundation
import Simulator
import Wire

/// `apus sim`: the network simulator.
struct SimCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sim", abstract: "Run the product's own protocol code in a simulated network.",
        discussion: "Example: apus sim nat-matrix",
        subcommands: [NATMatrixCommand.self, SimCallCommand.self])
}

/// Every kind of NAT against every other.
struct NATMatrixCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nat-matrix", abstract: "Which pairs of NATs connect, how, and how fast.",
        discussion: """
            Examples:
              apus sim nat-matrix
              apus sim nat-matrix --json matrix.json --check expected.json
            Each cell is a call between two hosts in a simulated network, set up by the ICE agent that the server
            runs: H is a host's own address, S one that a STUN server saw, P one that only the peer saw, -- no path;
            A's candidate first, then B's. So far with a STUN server and without a relay.
            """)

    @Option(help: "Everything random is drawn from it: the same seed gives the same packets.")
    var seed: UInt64 = 1

    @Option(help: "Percent of the packets that each link loses.")
    var loss = 0.0

    @Option(help: "Milliseconds, one way, between a host and the internet.")
    var delay = 10

    @Option(help: "Write the cells to this file, - for standard output.")
    var json: String?

    @Option(help: "Compare with a matrix in this file; every cell that differs is named, and the exit code is 1.")
    var check: String?

    func validate() throws {
        guard (0...100).contains(loss) else { throw ValidationError("--loss takes 0 to 100") }
        guard (0...10_000).contains(delay) else { throw ValidationError("--delay takes 0 to 10000") }
    }

    func run() async throws {
        let expected = try check.map { try MatrixDocument(file: $0) }
        var options = NATMatrix.Options()
        options.seed = seed
        options.delay = .milliseconds(Int64(delay))
        options.loss = loss > 0 ? .independent(Probability(loss / 100)) : .none
        let isTerminal = isatty(STDERR_FILENO) == 1
        var count = 0
        let total = EndpointClass.allCases.count * EndpointClass.allCases.count
        let cells = NATMatrix.run(options) { cell in
            count += 1
            guard isTerminal else { return }
            Self.progress("\r\u{1B}[K\(count)/\(total)  \(cell.a.name) × \(cell.b.name)")
        }
        if isTerminal { Self.progress("\r\u{1B}[K") }
        let server = EndpointClass.allCases.map { NATMatrix.runServer($0, options) }
        let document = MatrixDocument(cells, server: server)
        if let json { try document.write(to: json) }
        if json != "-" { print(NATMatrixTable.render(cells, server, isColoured: isatty(STDOUT_FILENO) == 1)) }
        guard let expected else { return }
        let differences = document.differences(from: expected)
        for name in differences.notRun { Self.progress("not compared, there is no relay yet: \(name)\n") }
        for difference in differences.cells { Self.progress(difference + "\n") }
        guard differences.cells.isEmpty else { throw ExitCode(1) }
        Self.progress("all cells that were compared are as expected\n")
    }

    private static func progress(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}

/// Cells as a file: the table's name, then both classes, then what each side has.
struct MatrixDocument: Codable {
    struct Cell: Codable, Equatable {
        var a: String
        var b: String
        /// Milliseconds until both sides had a path.
        var connect: Double?
    }

    /// By the name of the table, then by both classes.
    var p2p: [String: [String: Cell]]
    /// Clients of a server with ICE lite, by class and what they have.
    var sfuLite: [String: String]?

    /// A hash over everything that happened, in hexadecimal: equal for equal runs.
    var replay: String?

    enum CodingKeys: String, CodingKey {
        case p2p, replay
        case sfuLite = "sfu_lite"
    }

    init(_ cells: [NATMatrix.Cell], server: [NATMatrix.Cell]) {
        var table: [String: Cell] = [:]
        for cell in cells {
            table["\(cell.a.name)|\(cell.b.name)"] = Cell(
                a: cell.text, b: cell.kindsAtB?.description ?? "--",
                connect: cell.connectTime.map { Double($0.microseconds) / 1000 })
        }
        p2p = ["stun_only": table]
        replay = Self.replayHash(cells + server)
        sfuLite = Dictionary(uniqueKeysWithValues: server.map { ("\($0.a.name)|stun", $0.text) })
    }

    static func replayHash(_ cells: [NATMatrix.Cell]) -> String {
        var hash = FNV1a()
        for cell in cells { hash.add(cell.replayHash) }
        let digits = String(hash.value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    init(file: String) throws {
        do {
            self = try JSONDecoder().decode(MatrixDocument.self, from: Data(contentsOf: URL(filePath: file)))
        } catch {
            throw CommandFailure(
                "\(file) is no matrix: it needs p2p.stun_only with cells such as \"OPEN|FW\": {\"a\": \"HH\", "
                    + "\"b\": \"HH\"} (\(error.localizedDescription))")
        }
    }

    func write(to file: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let data = try encoder.encode(self)
        guard file != "-" else { return FileHandle.standardOutput.write(data + Data("\n".utf8)) }
        do {
            try data.write(to: URL(filePath: file))
        } catch {
            throw CommandFailure("\(file) cannot be written: \(error.localizedDescription)")
        }
    }

    /// What of `expected` is another here, and what was not run at all: there is no relay yet.
    func differences(from expected: MatrixDocument) -> (cells: [String], notRun: [String]) {
        var cells: [String] = []
        var notRun: [String] = []
        for name in expected.p2p.keys.sorted() {
            guard let ours = p2p[name], let theirs = expected.p2p[name] else {
                notRun.append(name)
                continue
            }
            for key in theirs.keys.sorted() {
                guard let cell = theirs[key], let own = ours[key] else {
                    notRun.append("\(name) \(key)")
                    continue
                }
                guard own.a != cell.a || own.b != cell.b else { continue }
                cells.append("\(name) \(key): expected \(cell.a) and \(cell.b), got \(own.a) and \(own.b)")
            }
        }
        for (key, kinds) in (expected.sfuLite ?? [:]).sorted(by: { $0.key < $1.key }) {
            guard let own = sfuLite?[key] else {
                notRun.append("sfu_lite \(key)")
                continue
            }
            if own != kinds { cells.append("sfu_lite \(key): expected \(kinds), got \(own)") }
        }
        return (cells, notRun)
    }
}

/// The matrix for people.
enum NATMatrixTable {
    static func render(_ cells: [NATMatrix.Cell], _ server: [NATMatrix.Cell], isColoured: Bool) -> String {
        let classes = EndpointClass.allCases
        let width = 11
        func padded(_ text: String) -> String {
            text.padding(toLength: max(width, text.count), withPad: " ", startingAt: 0)
        }
        var lines = ["STUN only; A is the row and controls, B the column", ""]
        lines.append(padded("A \\ B") + classes.map { padded($0.name) }.joined())
        for (index, row) in classes.enumerated() {
            let own = cells[(index * classes.count)..<((index + 1) * classes.count)]
            lines.append(padded(row.name) + own.map { coloured($0, padded($0.text), isColoured) }.joined())
        }
        lines += ["", padded("server") + server.map { coloured($0, padded($0.text), isColoured) }.joined()]
        let times = cells.compactMap(\.connectTime).sorted()
        let connected = times.count
        if connected > 0 {
            lines += [
                "",
                "\(connected) of \(cells.count) cells have a path; time to it p50 "
                    + "\(times[connected / 2].milliseconds), p95 \(times[connected * 95 / 100].milliseconds), most "
                    + "\(times[connected - 1].milliseconds) ms",
            ]
        }
        lines.append("replay hash \(MatrixDocument.replayHash(cells + server))")
        return lines.joined(separator: "\n")
    }

    /// Green for a path, red for none.
    private static func coloured(_ cell: NATMatrix.Cell, _ text: String, _ isColoured: Bool) -> String {
        guard isColoured else { return text }
        return "\u{1B}[\(cell.kindsAtA == nil ? 31 : 32)m\(text)\u{1B}[0m"
    }
}
