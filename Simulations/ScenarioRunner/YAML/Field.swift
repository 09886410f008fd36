import Spelling

/// A part of a scenario with named fields: one list of them reads it, writes it, and says what can be made simpler.
protocol Record: Hashable {
    /// Every field at its default.
    init()
    static var fields: [Field<Self>] { get }
    /// For errors: `a host`.
    static var noun: String { get }
}

/// One key of a mapping.
struct Field<Root: Record> {
    typealias Read = (Tree, _ path: String, inout Root, inout Lines) throws(ScenarioError) -> Void

    let key: String
    var isRequired = false
    let read: Read
    /// Nil where there is nothing.
    let write: (Root) -> Tree?
    /// Whether it is what it would be anyway.
    var isDefault: (Root) -> Bool = { _ in false }
    /// The same with this field one step closer to its default.
    var simpler: (Root) -> [Root] = { _ in [] }

    /// A field that has to be there, and that shrinking leaves alone.
    var required: Field {
        var field = self
        field.isRequired = true
        field.simpler = { _ in [] }
        return field
    }

    /// A field that shrinking leaves alone.
    var kept: Field {
        var field = self
        field.simpler = { _ in [] }
        return field
    }
}

/// On which line each field stands, by its path.
struct Lines {
    private(set) var byPath: [String: Int] = [:]

    mutating func add(_ line: Int?, _ path: String) {
        if let line { byPath[path] = line }
    }

    /// The line of a field, or of the nearest part around it.
    func line(of path: String) -> Int? {
        var path = path[...]
        while true {
            if let line = byPath[String(path)] { return line }
            guard let end = path.lastIndex(where: { $0 == "." || $0 == "[" }) else { return byPath[""] }
            path = path[..<end]
        }
    }
}

// MARK: Kinds of fields

extension Field {
    static func value<Value: ScalarValue>(_ key: String, _ place: WritableKeyPath<Root, Value>) -> Field {
        Field(
            key: key,
            read: { (tree, path, root, _) throws(ScenarioError) in
                root[keyPath: place] = try Value.read(tree, path)
            },
            write: { root in Tree(.text(root[keyPath: place].text)) },
            isDefault: { root in root[keyPath: place] == Root()[keyPath: place] },
            simpler: { root in
                let (value, plain) = (root[keyPath: place], Root()[keyPath: place])
                return value == plain
                    ? [] : replacing(root, place, by: plain) + replacing(root, place, by: value.rounded)
            })
    }

    static func optional<Value: ScalarValue>(_ key: String, _ place: WritableKeyPath<Root, Value?>) -> Field {
        Field(
            key: key,
            read: { (tree, path, root, _) throws(ScenarioError) in
                root[keyPath: place] = try Value.read(tree, path)
            },
            write: { root in root[keyPath: place].map { Tree(.text($0.text)) } },
            simpler: { root in
                replacing(root, place, by: nil) + replacing(root, place, by: root[keyPath: place]?.rounded)
            })
    }

    /// A list of words; one alone may stand without brackets.
    static func values<Value: ScalarValue>(_ key: String, _ place: WritableKeyPath<Root, [Value]>) -> Field {
        Field(
            key: key,
            read: { (tree, path, root, _) throws(ScenarioError) in
                guard case .list(let items) = tree.content else {
                    root[keyPath: place] = tree.isEmpty ? [] : [try Value.read(tree, path)]
                    return
                }
                var values: [Value] = []
                for (index, item) in items.enumerated() { values.append(try Value.read(item, "\(path)[\(index)]")) }
                root[keyPath: place] = values
            },
            write: { root in
                let values = root[keyPath: place]
                return values.isEmpty ? nil : Tree(.list(values.map { Tree(.text($0.text)) }))
            },
            simpler: { root in replacing(root, place, by: []) })
    }

    static func record<Part: Record>(_ key: String, _ place: WritableKeyPath<Root, Part>) -> Field {
        Field(
            key: key,
            read: { (tree, path, root, lines) throws(ScenarioError) in
                root[keyPath: place] = try Part.read(tree, path, &lines)
            },
            write: { root in root[keyPath: place].tree },
            isDefault: { root in root[keyPath: place] == Part() },
            simpler: { root in
                replacing(root, place, by: Part())
                    + root[keyPath: place].simpler.flatMap { replacing(root, place, by: $0) }
            })
    }

    static func optionalRecord<Part: Record>(_ key: String, _ place: WritableKeyPath<Root, Part?>) -> Field {
        Field(
            key: key,
            read: { (tree, path, root, lines) throws(ScenarioError) in
                root[keyPath: place] = try Part.read(tree, path, &lines)
            },
            write: { root in root[keyPath: place]?.tree },
            simpler: { root in
                guard let part = root[keyPath: place] else { return [] }
                return replacing(root, place, by: nil) + part.simpler.flatMap { replacing(root, place, by: $0) }
            })
    }

    static func records<Part: Record>(_ key: String, _ place: WritableKeyPath<Root, [Part]>) -> Field {
        Field(
            key: key,
            read: { (tree, path, root, lines) throws(ScenarioError) in
                guard !tree.isEmpty else { return }
                guard case .list(let items) = tree.content else {
                    throw ScenarioError(
                        path, line: tree.line, "this must be a list", fix: "Begin each \(Part.noun) with `- `")
                }
                var parts: [Part] = []
                for (index, item) in items.enumerated() {
                    parts.append(try Part.read(item, "\(path)[\(index)]", &lines))
                }
                root[keyPath: place] = parts
            },
            write: { root in
                let parts = root[keyPath: place]
                return parts.isEmpty ? nil : Tree(.list(parts.map(\.tree)))
            },
            simpler: { root in
                root[keyPath: place].indices.flatMap { index in
                    root[keyPath: place][index].simpler.map { part in
                        var simpler = root
                        simpler[keyPath: place][index] = part
                        return simpler
                    }
                }
            })
    }

    private static func replacing<Value: Hashable>(
        _ root: Root, _ place: WritableKeyPath<Root, Value>, by value: Value
    ) -> [Root] {
        guard root[keyPath: place] != value else { return [] }
        var replaced = root
        replaced[keyPath: place] = value
        return [replaced]
    }
}

extension ScalarValue {
    static func read(_ tree: Tree, _ path: String) throws(ScenarioError) -> Self {
        guard case .text(let text) = tree.content, let value = Self(text: text) else {
            var written = "this"
            if case .text(let text) = tree.content { written = "`\(text)`" }
            throw ScenarioError(
                path, line: tree.line, "\(written) is not \(form)", fix: "Write for example `\(example)`")
        }
        return value
    }
}

/// Words of which one is written.
extension ScalarValue where Self: CaseIterable & RawRepresentable, RawValue == String {
    init?(text: String) { self.init(rawValue: text) }
    var text: String { rawValue }
    static var form: String { "one of: \(allCases.map(\.rawValue).joined(separator: ", "))" }
    static var example: String { allCases.first?.rawValue ?? "" }
}

// MARK: Reading and writing a whole record

extension Record {
    static func read(_ tree: Tree, _ path: String, _ lines: inout Lines) throws(ScenarioError) -> Self {
        lines.add(tree.line, path)
        var record = Self()
        var entries: [(key: String, line: Int?, value: Tree)] = []
        switch tree.content {
        case .empty: break
        case .mapping(let given): entries = given
        case .text, .list:
            throw ScenarioError(
                path, line: tree.line, "this must be \(noun)", fix: "Write `key: value` lines, indented under it")
        }
        let known = fields
        for entry in entries {
            let inner = path.isEmpty ? entry.key : "\(path).\(entry.key)"
            lines.add(entry.line, inner)
            guard let field = known.first(where: { $0.key == entry.key }) else {
                throw ScenarioError(
                    inner, line: entry.line, "\(noun) has no such key",
                    fix: Spelling.hint(entry.key, of: known.map(\.key), called: "key"))
            }
            var value = entry.value
            value.line = value.line ?? entry.line
            try field.read(value, inner, &record, &lines)
        }
        for field in known where field.isRequired && !entries.contains(where: { $0.key == field.key }) {
            throw ScenarioError(
                path, line: tree.line, "\(noun) needs `\(field.key)`", fix: "Add a line `\(field.key): …`")
        }
        return record
    }

    var tree: Tree {
        Tree(
            .mapping(
                Self.fields.compactMap { field in
                    guard field.isRequired || !field.isDefault(self) else { return nil }
                    return field.write(self).map { (field.key, nil, $0) }
                }))
    }

    /// Everything that differs from it by one step towards the defaults.
    var simpler: [Self] { Self.fields.flatMap { $0.simpler(self) } }
}
