import Foundation
import Fuzzing
import Testing

/// What once broke a parser never does again.
@Suite struct FailCaseTests {
    static let folder = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Simulations/FailCases").path

    /// `<target>/<file>` of every saved input.
    static let cases: [String] = names(in: folder).flatMap { target in
        names(in: folder + "/" + target).map { target + "/" + $0 }
    }

    private static func names(in path: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).filter { !$0.hasPrefix(".") }.sorted()
    }

    @Test func theFolderIsThere() {
        #expect(FileManager.default.fileExists(atPath: Self.folder + "/README.md"))
    }

    @Test(arguments: cases)
    func aSavedInputDoesNotTrap(path: String) async throws {
        let name = String(path.prefix { $0 != "/" })
        let target = try #require(FuzzTarget(rawValue: name), "\(path): there is no target \(name)")
        let input = try #require(FileManager.default.contents(atPath: Self.folder + "/" + path))
        await onOwnThread { target.run(Array(input)) }
    }
}
