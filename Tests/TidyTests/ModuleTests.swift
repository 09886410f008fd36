import Testing

/// Who may import whom.
@Suite struct ModuleTests {
    @Test func coresImportNoSystem() {
        let forbidden: Set = [
            "Foundation", "FoundationEssentials", "Glibc", "Musl", "Darwin", "Dispatch", "Synchronization", "Logging",
        ]
        // Holds an atomic for what it does to the layout, not to synchronise.
        let files = Module.cores.flatMap { Repository.files(ofModule: $0) }.filter {
            !$0.path.hasSuffix("/InPlace.swift")
        }
        let violations = files.flatMap { file in
            file.imports.filter { forbidden.contains($0.module) }
                .map { file.violation($0.line, "a core imports no \($0.module)") }
        }
        #expect(violations.isEmpty, "\(violations.report)")
    }

    @Test func everyImportOfAModuleIsDeclaredInThePackage() {
        let own = Set(Module.dependencies.keys)
        #expect(own.isSuperset(of: Module.cores), "Package.swift was not understood")
        let violations = Repository.production.flatMap { file -> [Violation] in
            guard let module = file.module, let declared = Module.dependencies[module] else { return [] }
            return file.imports.filter { own.contains($0.module) && !declared.contains($0.module) }
                .map { file.violation($0.line, "\(module) does not depend on \($0.module) in Package.swift") }
        }
        #expect(violations.isEmpty, "\(violations.report)")
    }

    @Test func dependenciesOfCoresPointDown() {
        let seams: Set = ["CLinux", "CPrefetch", "COpenSSL", "CIPSecMB", "CSRTP", "CHiredis"]
        for (position, module) in Module.cores.enumerated() {
            let below = Set(Module.cores[..<position]).union(seams)
            let upward = Module.dependencies[module, default: []].subtracting(below).sorted()
            #expect(upward.isEmpty, "Package.swift: \(module) must not depend on \(upward)")
        }
    }

    /// usrsctp is the peer of tests and of a benchmark's child; the product stands alone.
    @Test func noProductLinksUsrsctp() throws {
        let manifest = try #require(Repository.text("Package.swift"))
        #expect(manifest.contains("\"CUSRSCTP\""), "Package.swift was not understood")
        let users = Module.dependencies.filter { $0.value.contains("CUSRSCTP") }.map(\.key).sorted()
        #expect(users == [], "Package.swift: \(users) must not depend on CUSRSCTP")
        let violations = Repository.production.flatMap { file in
            file.imports.filter { $0.module == "CUSRSCTP" }.map { file.violation($0.line, "only tests import CUSRSCTP") }
        }
        #expect(violations.isEmpty, "\(violations.report)")
    }

    @Test func transportAndForwardingDoNotKnowEachOther() {
        for (module, allowed) in [
            ("Transport", ["ICE", "STUN", "DTLS", "SRTP", "SCTP", "Wire"] as Set),
            ("Forwarding", ["CPrefetch", "Congestion", "RTP", "Wire"]),
        ] {
            let own = Set(Module.dependencies.keys)
            let violations = Repository.files(ofModule: module).flatMap { file in
                file.imports.filter { own.contains($0.module) && !allowed.contains($0.module) }
                    .map { file.violation($0.line, "\(module) imports \($0.module)") }
            }
            #expect(violations.isEmpty, "\(violations.report)")
        }
    }

    @Test func everyTestTargetIsInAGroupThatIsRun() throws {
        let script = try #require(Repository.text("scripts/test"))
        let manifest = try #require(Repository.text("Package.swift"))
        let targets = manifest.matches(of: /tests\("(\w+)"/).map { String($0.output.1) }
        #expect(targets.count > 20, "Package.swift was not understood")
        let run = Set(script.split { "'|".contains($0) }.map(String.init))
        for target in targets { #expect(run.contains(target), "\(target) is in none of UNIT_GROUPS") }
    }

    @Test func everyModuleHasFiles() {
        for module in Module.cores { #expect(!Repository.files(ofModule: module).isEmpty, "\(module) is empty") }
    }
}
