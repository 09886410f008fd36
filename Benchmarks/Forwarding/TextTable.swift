/// Rows and columns as text for a terminal or as Markdown.
public struct TextTable: Sendable {
    public var header: [String]
    public private(set) var rows: [[String]] = []

    public init(_ header: [String]) { self.header = header }

    /// Short rows are filled up, long ones cut.
    public mutating func add(_ row: [String]) {
        rows.append(Array((row + Array(repeating: "", count: header.count)).prefix(header.count)))
    }

    /// The first column to the left, the others to the right.
    public var text: String {
        let widths = header.indices.map { column in ([header] + rows).map { $0[column].count }.max() ?? 0 }
        let rule = widths.map { String(repeating: "─", count: $0) }.joined(separator: "  ")
        return ([line(header, widths), rule] + rows.map { line($0, widths) }).joined(separator: "\n")
    }

    public var markdown: String {
        let escaped = ([header] + rows).map { row in
            "| " + row.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
        }
        let rule = "| " + header.indices.map { $0 == 0 ? "---" : "---:" }.joined(separator: " | ") + " |"
        return ([escaped[0], rule] + escaped.dropFirst()).joined(separator: "\n")
    }

    private func line(_ row: [String], _ widths: [Int]) -> String {
        let cells = zip(row, widths).enumerated().map { column, cell in
            let space = String(repeating: " ", count: max(0, cell.1 - cell.0.count))
            return column == 0 ? cell.0 + space : space + cell.0
        }
        var text = cells.joined(separator: "  ")
        while text.last == " " { text.removeLast() }
        return text
    }
}
