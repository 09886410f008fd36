import Foundation
import Testing

/// Size and wording of production code.
@Suite struct StyleTests {
    @Test func filesAreShort() {
        let violations = Repository.production.filter { $0.lines.count > 400 }
            .map { $0.violation($0.lines.count, "a file has at most 400 lines") }
        #expect(violations.isEmpty, "\(violations.report)")
    }

    @Test func linesAreShort() {
        let violations = eachLine { _, text, _ in
            guard text.utf8.count > 120, text.count > 120 else { return nil }
            return "a line has at most 120 columns, this one has \(text.count)"
        }
        #expect(violations.isEmpty, "\(violations.report)")
    }

    @Test func functionsAreShort() {
        let violations = Repository.production.flatMap { file in
            FunctionLength.functions(in: file.code).filter { $0.length > 70 }
                .map { file.violation($0.line, "a function has at most 70 lines, this one has \($0.length)") }
        }
        #expect(violations.isEmpty, "\(violations.report)")
    }

    @Test func nothingTrapsForConvenience() {
        let violations = eachLine { _, _, code in
            for word in ["try!", "as!", "fatalError"] where code.contains(word) { return "no `\(word)`" }
            return Self.unwraps(code) ? "no force unwrap" : nil
        }
        #expect(violations.isEmpty, "\(violations.report)")
    }

    @Test func nothingIsLeftForLater() {
        let markers = ["TO" + "DO", "FIX" + "ME", "XX" + "X"]
        let violations = eachLine { _, text, _ in
            markers.first { Self.hasWord($0, in: text) }.map { "no `\($0)`: do it, or write it into an issue" }
        }
        #expect(violations.isEmpty, "\(violations.report)")
    }

    @Test func nothingIsPrintedOutsideTheExecutable() {
        let violations = eachLine { file, _, code in
            guard file.module != "apus", code.contains("print(") || code.contains("dump(") else { return nil }
            return ["print(", "debugPrint(", "dump("].contains { Self.calls($0, in: code) }
                ? "no print() outside Sources/apus" : nil
        }
        #expect(violations.isEmpty, "\(violations.report)")
    }

    @Test func indentationIsSpaces() {
        let endings = [".swift", ".c", ".h", ".py", ".sh", ".yml", ".md", ".js", ".html", ".css"]
        let violations = Repository.paths.filter { path in
            endings.contains { path.hasSuffix($0) } || path.hasPrefix("scripts/")
        }
        .flatMap { path -> [Violation] in
            guard let text = Repository.text(path), text.utf8.contains(UInt8(ascii: "\t")) else { return [] }
            return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
                .filter { $0.element.utf8.contains(UInt8(ascii: "\t")) }
                .map { Violation(path: path, line: $0.offset + 1, rule: "no tabs") }
        }
        #expect(violations.isEmpty, "\(violations.report)")
    }

    /// One violation at most for each line of production code: what `check` says of its text and its code.
    private func eachLine(_ check: (SourceFile, String, String) -> String?) -> [Violation] {
        Repository.production.flatMap { file in
            zip(file.lines, file.code).enumerated().compactMap { index, line in
                check(file, line.0, line.1).map { file.violation(index + 1, $0) }
            }
        }
    }

    /// A postfix `!`: after a name or a closing bracket, and not the start of `!=`.
    static func unwraps(_ code: String) -> Bool {
        let bytes = Array(code.utf8)
        for index in bytes.indices.dropFirst() where bytes[index] == UInt8(ascii: "!") {
            if index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: "=") { continue }
            let before = Character(UnicodeScalar(bytes[index - 1]))
            if before.isLetter || before.isNumber || "_)]}\"?>`".contains(before) { return true }
        }
        return false
    }

    static func hasWord(_ word: String, in text: String) -> Bool {
        guard let range = text.range(of: word) else { return false }
        let before = range.lowerBound == text.startIndex ? " " : text[text.index(before: range.lowerBound)]
        let after = range.upperBound == text.endIndex ? " " : text[range.upperBound]
        return !before.isLetter && !before.isNumber && !after.isLetter && !after.isNumber
    }

    /// Whether `call` (with its parenthesis) is called as a free function.
    private static func calls(_ call: String, in code: String) -> Bool {
        guard let range = code.range(of: call) else { return false }
        guard range.lowerBound > code.startIndex else { return true }
        let before = code[code.index(before: range.lowerBound)]
        return !before.isLetter && !before.isNumber && before != "_" && before != "."
    }
}
