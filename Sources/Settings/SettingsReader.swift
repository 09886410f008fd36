import Spelling
import Yams

/// Walks one mapping of the YAML file: each key is asked for once, by name and type; what nobody asked
/// for is an error that names the nearest known key.
struct SettingsReader {
    let file: String
    let path: String
    let line: Int?
    private let entries: [(key: String, line: Int?, value: Node)]
    private var known: [String] = []

    /// The root, or a nested section. A missing or empty section reads as an empty mapping.
    init(file: String, path: String = "", node: Node?) throws(SettingsError) {
        self.file = file
        self.path = path
        line = node?.mark?.line
        guard let node, node.null == nil else {
            entries = []
            return
        }
        guard let mapping = node.mapping else {
            throw SettingsError(
                file: file, line: node.mark?.line, key: path, problem: "this must be a section",
                fix: "Write `key: value` lines, indented under it")
        }
        var entries: [(key: String, line: Int?, value: Node)] = []
        for (key, value) in mapping {
            let name = key.string ?? ""
            entries.append((name, key.mark?.line, value))
        }
        self.entries = entries
    }

    private static func join(_ path: String, _ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    private mutating func take(_ key: String) -> (line: Int?, value: Node)? {
        known.append(key)
        return entries.first { $0.key == key }.map { ($0.line, $0.value) }
    }

    func error(_ key: String, line: Int?, _ problem: String, _ fix: String) -> SettingsError {
        SettingsError(file: file, line: line, key: Self.join(path, key), problem: problem, fix: fix)
    }

    /// The line of a key that was read, for checks that need more than one key.
    func line(of key: String) -> Int? { entries.first { $0.key == key }?.line }

    mutating func section(_ key: String) throws(SettingsError) -> SettingsReader {
        try SettingsReader(file: file, path: Self.join(path, key), node: take(key)?.value)
    }

    mutating func string(_ key: String, into value: inout String) throws(SettingsError) {
        guard let (line, node) = take(key) else { return }
        guard let text = node.scalar?.string else {
            throw error(key, line: line, "this must be one text value", "Write `\(key): \(value)`")
        }
        value = text
    }

    mutating func optionalString(_ key: String) throws(SettingsError) -> String? {
        var value = ""
        try string(key, into: &value)
        return value.isEmpty ? nil : value
    }

    mutating func flag(_ key: String, into value: inout Bool) throws(SettingsError) {
        guard let (line, node) = take(key) else { return }
        guard let flag = node.bool else {
            throw error(
                key, line: line, "`\(node.scalar?.string ?? "…")` is neither true nor false",
                "Write `\(key): true` or `\(key): false`")
        }
        value = flag
    }

    mutating func integer(_ key: String, in range: ClosedRange<Int>, into value: inout Int) throws(SettingsError) {
        guard let (line, node) = take(key) else { return }
        guard let number = node.int, range.contains(number) else {
            let text = node.scalar?.string ?? "…"
            throw error(
                key, line: line, "`\(text)` is not a whole number from \(range.lowerBound) to \(range.upperBound)",
                "Write for example `\(key): \(value)`")
        }
        value = number
    }

    mutating func strings(_ key: String, into value: inout [String]) throws(SettingsError) {
        guard let (line, node) = take(key) else { return }
        if node.null != nil {
            value = []
            return
        }
        guard let sequence = node.sequence, sequence.allSatisfy({ $0.scalar != nil }) else {
            throw error(key, line: line, "this must be a list", "Write `\(key): [one, two]`, or `\(key): []` for none")
        }
        value = sequence.compactMap { $0.scalar?.string }
    }

    mutating func map(
        _ key: String, into value: inout [String: String], example: String = "10.0.0.5: 203.0.113.7"
    ) throws(SettingsError) {
        guard let (line, node) = take(key) else { return }
        if node.null != nil { return }
        guard let mapping = node.mapping else {
            throw error(key, line: line, "this must be a mapping", "Write `\(example)` lines, indented under it")
        }
        value = [:]
        for (from, to) in mapping {
            guard let from = from.scalar?.string, let to = to.scalar?.string else {
                throw error(key, line: line, "both sides must be text", "Write `\(example)`")
            }
            value[from] = to
        }
    }

    mutating func parsed<Value>(
        _ key: String, into value: inout Value, expecting form: String, example: String, _ parse: (String) -> Value?
    ) throws(SettingsError) {
        guard let (line, node) = take(key) else { return }
        let text = node.scalar?.string ?? "…"
        guard let result = parse(text) else {
            throw error(key, line: line, "`\(text)` is not \(form)", "Write for example `\(key): \(example)`")
        }
        value = result
    }

    /// Call when every key of the section has been asked for.
    func finish() throws(SettingsError) {
        guard let stranger = entries.first(where: { !known.contains($0.key) }) else { return }
        throw error(
            stranger.key, line: stranger.line, "there is no such key",
            Spelling.nearest(stranger.key, of: known).map { "Did you mean `\($0)`?" }
                ?? "Known keys here: \(known.joined(separator: ", "))")
    }
}
