/// A document: text, lists and mappings, with the line that each began on.
struct Tree {
    enum Content {
        case empty
        case text(String)
        case list([Tree])
        case mapping([(key: String, line: Int?, value: Tree)])
    }

    var content: Content
    var line: Int?

    init(_ content: Content, line: Int? = nil) {
        self.content = content
        self.line = line
    }

    var isEmpty: Bool {
        switch content {
        case .empty: true
        case .text: false
        case .list(let items): items.isEmpty
        case .mapping(let entries): entries.isEmpty
        }
    }
}

// Writing it as YAML.

extension Tree {
    /// Small mappings and lists stay on one line; everything else is a line for each entry.
    func yaml() -> String {
        var lines: [String] = []
        write(into: &lines, indent: 0)
        return lines.joined(separator: "\n") + "\n"
    }

    private static let width = 100

    private func write(into lines: inout [String], indent: Int) {
        let space = String(repeating: " ", count: indent)
        switch content {
        case .empty: lines.append(space + "{}")
        case .text(let text): lines.append(space + Self.quoted(text))
        case .list(let items):
            for item in items { Self.write(item, after: "\(space)-", into: &lines, indent: indent + 2, isItem: true) }
        case .mapping(let entries):
            for entry in entries {
                Self.write(
                    entry.value, after: "\(space)\(entry.key):", into: &lines, indent: indent + 2, isItem: false)
            }
        }
    }

    private static func write(
        _ tree: Tree, after head: String, into lines: inout [String], indent: Int, isItem: Bool
    ) {
        let flow = tree.flow
        if let flow, head.count + flow.count < width, !tree.isSection {
            lines.append("\(head) \(flow)")
            return
        }
        var body: [String] = []
        tree.write(into: &body, indent: indent)
        guard isItem, let first = body.first else {
            lines.append(head)
            lines += body
            return
        }
        lines.append(head + " " + first.drop { $0 == " " })
        lines += body.dropFirst()
    }

    /// Lists of mappings, and mappings that hold one, deserve lines of their own.
    private var isSection: Bool {
        switch content {
        case .empty, .text: false
        case .list(let items): items.contains { if case .text = $0.content { false } else { true } }
        case .mapping(let entries): entries.contains { $0.value.isSection }
        }
    }

    private var flow: String? {
        switch content {
        case .empty: "{}"
        case .text(let text): Self.quoted(text)
        case .list(let items): "[" + items.compactMap(\.flow).joined(separator: ", ") + "]"
        case .mapping(let entries):
            entries.isEmpty
                ? "{}"
                : "{ " + entries.map { "\($0.key): \($0.value.flow ?? "")" }.joined(separator: ", ") + " }"
        }
    }

    /// Plain where every reader takes it for the same text.
    private static func quoted(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy {
            ($0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z")) || ($0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z"))
                || ($0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9")) || " ./%_+-()".utf8.contains($0)
        }
        let first = text.utf8.first ?? 0x20
        if isPlain, !" -%+.".utf8.contains(first), text.utf8.last != 0x20 { return text }
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            default: quoted.unicodeScalars.append(scalar.value < 0x20 ? " " : scalar)
            }
        }
        return quoted + "\""
    }
}
