import Foundation
import Testing

/// What a reader is promised.
@Suite struct DocumentationTests {
    @Test func publicDeclarationsOfCoresAreDocumented() {
        let violations = Module.cores.flatMap { Repository.files(ofModule: $0) }.flatMap { file in
            Self.undocumented(file).map { file.violation($0, "a public declaration has a /// comment") }
        }
        #expect(violations.isEmpty, "\(violations.report)")
    }

    /// Lines of public declarations at file level that have no `///` above them.
    static func undocumented(_ file: SourceFile) -> [Int] {
        var depth = 0
        var lines: [Int] = []
        for (index, code) in file.code.enumerated() {
            if depth == 0, declaresPublicly(code) {
                var above = index - 1
                while above >= 0, file.lines[above].hasPrefix("@") { above -= 1 }
                if above < 0 || !file.lines[above].hasPrefix("///") { lines.append(index + 1) }
            }
            for byte in code.utf8 {
                if byte == UInt8(ascii: "{") { depth += 1 }
                if byte == UInt8(ascii: "}") { depth -= 1 }
            }
        }
        return lines
    }

    private static func declaresPublicly(_ code: String) -> Bool {
        let words = code.split(separator: " ").drop { $0.hasPrefix("@") }
        guard words.first == "public", let kind = words.dropFirst().first else { return false }
        return kind != "import" && kind != "extension"
    }

    @Test func everyDropReasonIsGivenBySomeone() throws {
        let home = "Sources/Wire/DropReason.swift"
        let file = try #require(Repository.production.first { $0.path == home })
        let others = Repository.production.filter { $0.path != home && $0.path.hasPrefix("Sources/") }
        let used = Set(
            others.flatMap { $0.code }.filter { $0.contains(".") }.flatMap { line in
                line.split { !($0.isLetter || $0.isNumber || $0 == "." || $0 == "_") }
                    .flatMap { $0.split(separator: ".", omittingEmptySubsequences: false).dropFirst() }
            })
        var violations: [Violation] = []
        for (index, code) in file.code.enumerated() where code.hasPrefix("    case ") {
            for name in code.dropFirst("    case ".count).split(separator: ",") {
                let name = name.trimmingCharacters(in: .whitespaces)
                if !used.contains(Substring(name)) {
                    violations.append(file.violation(index + 1, "nobody drops a packet for `\(name)`"))
                }
            }
        }
        #expect(violations.isEmpty, "\(violations.report)")
    }

    @Test(arguments: ["scripts/up", "scripts/test"])
    func aCommandOfTheReadmeCanBeRun(path: String) throws {
        let readme = try #require(Repository.text("README.md"), "README.md is missing")
        #expect(readme.contains(path), "README.md: it does not name \(path)")
        #expect(
            FileManager.default.isExecutableFile(atPath: Repository.root.path + "/" + path),
            "\(path): it is missing or not executable")
    }

    @Test func noFileKnowsTheMachineItWasWrittenOn() {
        let homes = ["/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/"]
        let registries = ["index-" + "url", "registry." + "npmjs", "/pypi/" + "simple", "goproxy" + "="]
        let violations = Repository.paths.flatMap { path -> [Violation] in
            guard !path.hasPrefix("Simulations/FailCases/"), let text = Repository.text(path) else { return [] }
            guard (homes + registries).contains(where: { text.contains($0) }) else { return [] }
            return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().flatMap { index, line in
                homes.filter { Self.hasPath($0, in: line) }
                    .map { Violation(path: path, line: index + 1, rule: "no path of one machine (\($0))") }
                    + registries.filter { line.contains($0) }
                    .map { Violation(path: path, line: index + 1, rule: "no registry of one machine (\($0))") }
            }
        }
        #expect(violations.isEmpty, "\(violations.report)")
    }

    /// An absolute path, and not the middle of a relative one or of a URL.
    private static func hasPath(_ start: String, in line: Substring) -> Bool {
        line.ranges(of: start).contains { range in
            guard range.lowerBound > line.startIndex else { return true }
            let before = line[line.index(before: range.lowerBound)]
            return !before.isLetter && !before.isNumber && !"._-~*}".contains(before)
        }
    }
}
