import Foundation
import Simulator
import Wire

/// A matrix as a file: the table's name, then the cell's, then what each side has.
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
    var poolArbitrary: [String: String]?
    /// By the chain, then by the peer's class.
    var doubleNATVersusSingle: [String: [String: String]]?
    var shared: [String: String]?
    var replay: String?

    enum CodingKeys: String, CodingKey {
        case p2p, replay, shared
        case sfuLite = "sfu_lite"
        case poolArbitrary = "pool_arbitrary"
        case doubleNATVersusSingle = "double_nat_vs_single"
    }

    init(_ run: MatrixRun) {
        p2p = [:]
        for (relays, cells) in run.tables {
            var table: [String: Cell] = [:]
            for cell in cells {
                table["\(cell.a.name)|\(cell.b.name)"] = Cell(
                    a: cell.outcome.text, b: cell.outcome.kindsAtB?.description ?? "--",
                    connect: cell.outcome.connectTime.map { Double($0.microseconds) / 1000 })
            }
            p2p[relays.rawValue] = table
        }
        var server: [String: String] = [:]
        for cell in run.server { server["\(cell.client.name)|\(cell.hasRelay ? "turn" : "stun")"] = cell.outcome.text }
        sfuLite = server
        replay = run.replayHash
        guard !run.tablesOnly else { return }
        var tables: [NATVariations.Table: [String: String]] = [:]
        for cell in run.variations { tables[cell.table, default: [:]][cell.name] = cell.outcome.text }
        poolArbitrary = tables[.pool]
        shared = tables[.shared]
        var chains: [String: [String: String]] = [:]
        for (name, kinds) in tables[.doubleNAT] ?? [:] {
            let parts = name.split(separator: "|").map(String.init)
            chains[parts[0], default: [:]][parts[1]] = kinds
        }
        doubleNATVersusSingle = chains
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
        let text = String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
        guard file != "-" else { return FileHandle.standardOutput.write(Data(text.utf8)) }
        try text.write(to: file)
    }

    /// What of `expected` is another here, and what was not run at all.
    func differences(from expected: MatrixDocument) -> (cells: [String], notRun: [String], compared: Int) {
        var cells: [String] = []
        var notRun: [String] = []
        var compared = 0
        let own = flat
        for (name, theirs) in expected.flat.sorted(by: { $0.key < $1.key }) {
            guard let ours = own[name] else {
                notRun.append(name)
                continue
            }
            compared += 1
            if ours != theirs { cells.append("\(name): expected \(theirs), got \(ours)") }
        }
        return (cells, notRun, compared)
    }

    /// Every cell by its full name.
    private var flat: [String: String] {
        var cells: [String: String] = [:]
        for (table, content) in p2p {
            for (name, cell) in content { cells["p2p \(table) \(name)"] = "\(cell.a) and \(cell.b)" }
        }
        for (table, content) in [("sfu_lite", sfuLite), ("pool_arbitrary", poolArbitrary), ("shared", shared)] {
            for (name, kinds) in content ?? [:] { cells["\(table) \(name)"] = kinds }
        }
        for (chain, content) in doubleNATVersusSingle ?? [:] {
            for (name, kinds) in content { cells["double_nat_vs_single \(chain) \(name)"] = kinds }
        }
        return cells
    }
}
