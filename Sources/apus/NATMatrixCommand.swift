import ArgumentParser
import Foundation
import Simulator
import Wire

/// `apus sim nat-matrix`: every kind of NAT against every other.
struct NATMatrixCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nat-matrix", abstract: "Which pairs of NATs connect, how, and how fast.",
        discussion: """
            Examples:
              apus sim nat-matrix
              apus sim nat-matrix --html matrix.html
              apus sim nat-matrix --json matrix.json --check expected.json
            Each cell is a call between two hosts in a simulated network, set up by the ICE agent and the TURN client
            and server of the product: H is a host's own address, S one that a STUN server saw, P one that only the
            peer saw, R a relay's, -- no path; A's candidate first, then B's.
            """)

    @Option(help: "Everything random is drawn from it: the same seed gives the same packets.")
    var seed: UInt64 = 1

    @Option(help: "Percent of the packets that each link loses.")
    var loss = 0.0

    @Option(help: "Milliseconds, one way, between a host and the internet.")
    var delay = 10

    @Flag(help: "Only the four tables of single NATs and the servers' row.")
    var tablesOnly = false

    @Option(defaultAsFlag: "-", help: "Print the cells as JSON and nothing else; with a name, write them to that file.")
    var json: String?

    @Option(help: "Write a page with all tables to this file.")
    var html: String?

    @Option(help: "Compare with a matrix in this file; every cell that differs is named, and the exit code is 1.")
    var check: String?

    func validate() throws {
        guard (0...100).contains(loss) else { throw ValidationError("--loss takes 0 to 100") }
        guard (0...10_000).contains(delay) else { throw ValidationError("--delay takes 0 to 10000") }
    }

    func run() async throws {
        let expected = try check.map { try MatrixDocument(file: $0) }
        var run = MatrixRun(tablesOnly: tablesOnly)
        run.options.seed = seed
        run.options.delay = .milliseconds(Int64(delay))
        run.options.loss = loss > 0 ? .independent(Probability(loss / 100)) : .none
        run.perform()
        let document = MatrixDocument(run)
        if let json { try document.write(to: json) }
        if let html { try MatrixPage.render(run).write(to: html) }
        if json != "-" { print(MatrixText.render(run, isColoured: isatty(STDOUT_FILENO) == 1)) }
        guard let expected else { return }
        let differences = document.differences(from: expected)
        for name in differences.notRun { Terminal.error("not run, so not compared: \(name)") }
        for difference in differences.cells { Terminal.error(difference) }
        guard differences.cells.isEmpty else { throw ExitCode(1) }
        Terminal.error("\(differences.compared) cells are as expected")
    }
}

extension String {
    /// Writes a file that the user named; the error says which and why.
    func write(to file: String) throws {
        do {
            try write(to: URL(filePath: file), atomically: true, encoding: .utf8)
        } catch {
            throw CommandFailure("\(file) cannot be written: \(error.localizedDescription)")
        }
    }
}

/// All cells of one call of the command.
struct MatrixRun {
    typealias ServerCell = (client: EndpointClass, hasRelay: Bool, outcome: Encounter.Outcome)

    var options = NATMatrix.Options()
    let tablesOnly: Bool
    private(set) var tables: [(relays: Encounter.Relays, cells: [NATMatrix.Cell])] = []
    private(set) var server: [ServerCell] = []
    private(set) var variations: [NATVariations.Cell] = []
    private var count = 0

    init(tablesOnly: Bool) { self.tablesOnly = tablesOnly }

    var outcomes: [Encounter.Outcome] {
        tables.flatMap { $0.cells.map(\.outcome) } + server.map(\.outcome) + variations.map(\.outcome)
    }

    /// A hash over everything that happened, in hexadecimal: equal for equal runs.
    var replayHash: String {
        var hash = FNV1a()
        for outcome in outcomes { hash.add(outcome.replayHash) }
        let digits = String(hash.value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    mutating func perform() {
        let classes = EndpointClass.allCases
        for relays in Encounter.Relays.allCases {
            var options = options
            options.relays = relays
            let cells = NATMatrix.run(options) { progress("\(relays.rawValue)  \($0.a.name) × \($0.b.name)") }
            tables.append((relays, cells))
        }
        for client in classes {
            for relays in [Encounter.Relays.none, .onlyA] {
                var options = options
                options.relays = relays
                server.append((client, relays == .onlyA, NATMatrix.runServer(client, options)))
                progress("server  \(client.name)")
            }
        }
        for plan in tablesOnly ? [] : NATVariations.plans {
            variations.append(NATVariations.run(plan, options))
            progress(plan.name)
        }
        if isatty(STDERR_FILENO) == 1 { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
    }

    private mutating func progress(_ name: String) {
        count += 1
        guard isatty(STDERR_FILENO) == 1 else { return }
        let classes = EndpointClass.allCases.count
        let total = classes * classes * 4 + classes * 2 + (tablesOnly ? 0 : NATVariations.plans.count)
        FileHandle.standardError.write(Data("\r\u{1B}[K\(count)/\(total)  \(name)".utf8))
    }
}
