import Spelling

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

extension Spelling {
    /// `Did you mean …?` where a known word is near, else all of them.
    static func hint(_ word: String, of known: [String], called noun: String) -> String {
        guard !known.isEmpty else { return "There is no \(noun) here" }
        if let nearest = nearest(word, of: known) { return "Did you mean `\(nearest)`?" }
        return "There is: \(known.joined(separator: ", "))"
    }
}
