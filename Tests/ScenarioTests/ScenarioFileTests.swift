import Foundation
import ScenarioRunner
import Testing
import Wire

@Suite struct ScenarioFileTests {
    static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    /// All scenario files, from the root of the repository.
    static let files: [String] = ["Simulations/Scenarios", "Simulations/FailCases"].flatMap { folder in
        ((try? FileManager.default.contentsOfDirectory(atPath: root + "/" + folder)) ?? [])
            .filter { $0.hasSuffix(".yaml") }.sorted().map { folder + "/" + $0 }
    }

    static func text(_ file: String) throws -> String {
        try String(contentsOfFile: root + "/" + file, encoding: .utf8)
    }

    @Test func theFilesAreThere() {
        #expect(Self.files.count { $0.hasPrefix("Simulations/Scenarios") } >= 8)
    }

    @Test(arguments: files) func everyFileGoesAsItSays(_ file: String) throws {
        let scenario = try Scenario(yaml: Self.text(file))
        let report = try ScenarioRun(scenario).run()
        #expect(report.violations.isEmpty, "\(report.violations.map(\.text))")
        let unmet = report.verdicts.filter { !$0.isMet }
        #expect(unmet.isEmpty, "\(unmet.map { "\($0.expected): \($0.found)" })")
        #expect(!report.verdicts.isEmpty || file.contains("FailCases"), "it expects nothing")
    }

    @Test(arguments: files.filter { $0.hasPrefix("Simulations/Scenarios") })
    func everyFileGoesAsItSaysWithOtherSeeds(_ file: String) throws {
        let scenario = try Scenario(yaml: Self.text(file))
        // A long one once is enough for the time that tests may take.
        for seed in UInt64(100)...101 where scenario.duration < .seconds(300) {
            let report = try ScenarioRun(scenario, seed: seed).run()
            #expect(report.isGood, "seed \(seed): \(report.verdicts.filter { !$0.isMet }) \(report.violations)")
        }
    }

    @Test func whatIsWrittenIsReadAsTheSame() throws {
        for seed in UInt64(1)...40 {
            let scenario = Scenario.random(seed: seed)
            let again = try Scenario(yaml: scenario.yaml)
            #expect(again == scenario, "seed \(seed)")
        }
        for file in Self.files {
            let scenario = try Scenario(yaml: Self.text(file))
            let again = try Scenario(yaml: scenario.yaml)
            #expect(again == scenario, "\(file)")
        }
    }

    private static let valid = """
        title: Test
        network:
          nats:
            - { name: home, mapping: EIM }
          firewalls:
            - { name: wall }
          hosts:
            - { name: a, behind: home }
            - { name: b, link: { delay: 5 ms } }
        servers:
          - { name: stun, host: b }
        calls:
          - { name: c, from: { host: a, stun: [stun] }, to: { host: b } }
        events:
          - { at: 1 s, what: link down, where: a, for: 1 s }
        expect:
          - { result: direct, within: 1 s }
        """

    /// What is replaced, by what, and what the error must name: the field, the line, and the way out.
    @Test(arguments: [
        ("title: Test", "titel: Test", "titel", 1, "Did you mean `title`?"),
        ("behind: home", "behind: hme", "network.hosts[0].behind", 8, "Did you mean `home`?"),
        ("mapping: EIM", "mapping: cone", "network.nats[0].mapping", 4, "EIM"),
        ("delay: 5 ms", "delay: 5", "network.hosts[1].link.delay", 9, "20 ms"),
        ("delay: 5 ms", "delay: -1 s", "network.hosts[1].link.delay", 9, "20 ms"),
        ("delay: 5 ms", "dealy: 5 ms", "network.hosts[1].link.dealy", 9, "Did you mean `delay`?"),
        ("delay: 5 ms", "loss: 105 %", "network.hosts[1].link.loss", 9, "5 %"),
        ("delay: 5 ms", "rate: 2 MB", "network.hosts[1].link.rate", 9, "2 Mbit/s"),
        ("stun: [stun]", "stun: [stunn]", "calls[0].from.stun[0]", 13, "Did you mean `stun`?"),
        ("to: { host: b }", "to: { host: a }", "calls[0].to.host", 13, "another host"),
        ("what: link down", "what: link gone", "events[0].what", 15, "link down"),
        ("where: a, for", "where: z, for", "events[0].where", 15, "Did you mean"),
        ("for: 1 s", "loss: 5 %", "events[0].loss", 15, "Leave it out"),
        ("what: link down, where: a, for: 1 s", "what: host pause, where: a", "events[0]", 15, "for: 2 s"),
        ("at: 1 s, ", "", "events[0]", 15, "at: "),
        ("name: b", "name: a", "network.hosts[1].name", 9, "Rename"),
        ("{ name: wall }", "{ name: wall, behind: wall }", "network", 3, "behind nothing"),
        ("within: 1 s", "kinds: [HX]", "expect[0].kinds[0]", 17, "HS"),
        ("result: direct, within: 1 s", "reconnects_after: 1 s", "expect[0]", 17, "both"),
    ])
    func aMistakeIsNamedWithItsPlaceAndTheWayOut(
        _ old: String, _ new: String, _ path: String, _ line: Int, _ fix: String
    ) throws {
        _ = try Scenario(yaml: Self.valid)
        let text = Self.valid.replacing(old, with: new)
        #expect(text != Self.valid)
        let error = #expect(throws: ScenarioError.self) { try Scenario(yaml: text) }
        #expect(error?.path == path)
        #expect(error?.line == line, "\(error?.description ?? "")")
        #expect(error?.description.contains(fix) == true, "\(error?.description ?? "")")
    }

    @Test func brokenYAMLIsAnErrorWithItsLine() {
        let error = #expect(throws: ScenarioError.self) { try Scenario(yaml: "title: x\nnetwork: [a, b\n") }
        #expect(error?.line != nil)
        let twice = #expect(throws: ScenarioError.self) { try Scenario(yaml: "title: x\ntitle: y\nnetwork: {}\n") }
        #expect(twice?.description.contains("twice") == true)
        #expect(throws: ScenarioError.self) { try Scenario(yaml: String(repeating: "[", count: 5000)) }
    }
}
