import Foundation

/// A Swift file as its rules see it.
struct SourceFile {
    /// From the repository's root.
    let path: String
    let lines: [String]
    /// The same lines with the contents of comments and strings blanked; interpolated code stays.
    let code: [String]

    init(path: String, text: String) {
        self.path = path
        lines = Self.split(text)
        code = Self.split(CodeBlanker.blank(text))
    }

    /// `Sources/<Module>/…`, else nil.
    var module: String? {
        let parts = path.split(separator: "/")
        return parts.count > 2 && parts[0] == "Sources" ? String(parts[1]) : nil
    }

    func violation(_ line: Int, _ rule: String) -> Violation { Violation(path: path, line: line, rule: rule) }

    /// Modules that the file imports, with the line of each, counted from 1.
    var imports: [(line: Int, module: String)] {
        code.enumerated().compactMap { index, line in
            let words = line.split(separator: " ")
            guard let position = words.firstIndex(of: "import"), position < 3, position + 1 < words.count else {
                return nil
            }
            // `import struct Foundation.Data` names its module in the last word.
            return (index + 1, String((words.last ?? "").prefix { $0 != "." }))
        }
    }

    private static func split(_ text: String) -> [String] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        return lines
    }
}

/// One breach of a rule.
struct Violation: Comparable, CustomStringConvertible {
    let path: String
    /// Counted from 1.
    let line: Int
    let rule: String

    var description: String { "\(path):\(line): \(rule)" }

    static func < (left: Self, right: Self) -> Bool {
        (left.path, left.line, left.rule) < (right.path, right.line, right.rule)
    }
}

extension [Violation] {
    /// For `#expect(violations.isEmpty, violations.report)`.
    var report: String { "\n" + sorted().map(\.description).joined(separator: "\n") }
}
