/// What is wrong with a scenario, where, and what to write instead.
public struct ScenarioError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The field, from the top: `network.hosts[1].link.loss`.
    public var path: String
    /// Counted from 1; nil when it is not known.
    public var line: Int?
    public var problem: String
    public var fix: String

    public init(_ path: String, line: Int? = nil, _ problem: String, fix: String) {
        self.path = path
        self.line = line
        self.problem = problem
        self.fix = fix
    }

    public var description: String {
        let place = line.map { "line \($0): " } ?? ""
        let field = path.isEmpty ? "" : "\(path): "
        return "\(place)\(field)\(problem). \(fix)"
    }
}

/// Finds what somebody may have meant.
enum Spelling {
    /// `Did you mean …?` where a known word is near, else all of them.
    static func hint(_ word: String, of known: [String], called noun: String) -> String {
        guard !known.isEmpty else { return "There is no \(noun) here" }
        let nearest = known.min { distance($0, word) < distance($1, word) }
        if let nearest, distance(nearest, word) <= max(2, word.count / 3) { return "Did you mean `\(nearest)`?" }
        return "There is: \(known.joined(separator: ", "))"
    }

    /// Levenshtein's edit distance.
    static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right)
        var row = Array(0...right.count)
        for (i, character) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for j in right.indices {
                let cost = min(row[j + 1] + 1, row[j] + 1, diagonal + (character == right[j] ? 0 : 1))
                diagonal = row[j + 1]
                row[j + 1] = cost
            }
        }
        return row[right.count]
    }
}
