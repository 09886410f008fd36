/// A setting that cannot be used: where it stands, what is wrong with it, and what to write instead.
public struct SettingsError: Error, Equatable, Sendable, CustomStringConvertible {
    public var file: String
    /// Counted from 1; nil when the whole file is meant.
    public var line: Int?
    public var key: String
    public var problem: String
    public var fix: String

    public init(file: String, line: Int?, key: String, problem: String, fix: String) {
        self.file = file
        self.line = line
        self.key = key
        self.problem = problem
        self.fix = fix
    }

    public var description: String {
        let place = line.map { "\(file):\($0)" } ?? file
        let subject = key.isEmpty ? "" : "\(key): "
        return "\(place): \(subject)\(problem). \(fix)"
    }
}
