import Yams

extension Tree {
    /// Parses one YAML document.
    init(yaml text: String) throws(ScenarioError) {
        guard text.utf8.count <= Limits.fileBytes else {
            throw ScenarioError(
                "", "the file has more than \(Limits.fileBytes >> 20) MiB", fix: "A scenario needs some lines only")
        }
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw Self.syntaxError(error)
        }
        guard let root else {
            self.init(.empty)
            return
        }
        try self.init(root, depth: 0)
    }

    private init(_ node: Node, depth: Int) throws(ScenarioError) {
        let line = node.mark?.line
        guard depth < Limits.depth else {
            throw ScenarioError("", line: line, "this is nested too deeply", fix: "Check the indentation")
        }
        switch node {
        case .scalar(let scalar):
            self.init(scalar.style == .plain && scalar.string.isEmpty ? .empty : .text(scalar.string), line: line)
        case .sequence(let sequence):
            var items: [Tree] = []
            for item in sequence { items.append(try Tree(item, depth: depth + 1)) }
            self.init(.list(items), line: line)
        case .mapping(let mapping):
            var entries: [(key: String, line: Int?, value: Tree)] = []
            for (key, value) in mapping {
                entries.append((key.string ?? "", key.mark?.line, try Tree(value, depth: depth + 1)))
            }
            self.init(.mapping(entries), line: line)
        case .alias:
            throw ScenarioError("", line: line, "an alias stands here", fix: "Write the value itself")
        }
    }

    private static func syntaxError(_ error: any Error) -> ScenarioError {
        switch error as? YamlError {
        case .duplicatedKeysInMapping(let keys, let context):
            return ScenarioError(
                keys.sorted().first ?? "", line: context.mark.line, "this key is here twice", fix: "Keep one of them")
        case .scanner(_, let what, let mark, _), .parser(_, let what, let mark, _), .composer(_, let what, let mark, _):
            return ScenarioError(
                "", line: mark.line, "not valid YAML: \(what)",
                fix: "Check the indentation (spaces, no tabs) and the quotes around this line")
        case .reader(let what, _, _, _):
            return ScenarioError("", "not valid YAML: \(what)", fix: "The file must be UTF-8 text")
        default:
            return ScenarioError("", "not valid YAML", fix: "Check the indentation and the quotes")
        }
    }
}
