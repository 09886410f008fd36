import Foundation

/// The files of the repository that this test was compiled from.
enum Repository {
    static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Paths of all files, from the root, sorted. What git ignores is left out.
    static let paths: [String] = {
        var paths: [String] = []
        var folders = [""]
        while let folder = folders.popLast() {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: root.path + "/" + folder)) ?? []
            for name in names where !isIgnored(name, in: folder) {
                let path = folder.isEmpty ? name : folder + "/" + name
                var isFolder: ObjCBool = false
                guard FileManager.default.fileExists(atPath: root.path + "/" + path, isDirectory: &isFolder) else {
                    continue
                }
                if isFolder.boolValue { folders.append(path) } else { paths.append(path) }
            }
        }
        return paths.sorted()
    }()

    /// Production code and what simulates it; tests are freer.
    static let production: [SourceFile] = paths.filter {
        $0.hasSuffix(".swift") && ["Sources/", "Simulations/", "Benchmarks/"].contains(where: $0.hasPrefix)
    }.compactMap { path in text(path).map { SourceFile(path: path, text: $0) } }

    static func text(_ path: String) -> String? {
        guard let data = FileManager.default.contents(atPath: root.path + "/" + path), data.count < 4 << 20 else {
            return nil
        }
        return String(data: data, encoding: .utf8)
    }

    static func files(ofModule module: String) -> [SourceFile] { production.filter { $0.module == module } }

    /// As `.gitignore` says.
    private static func isIgnored(_ name: String, in folder: String) -> Bool {
        if [".git", ".swiftpm", ".pytest_cache", "__pycache__", "Package.resolved"].contains(name) { return true }
        if folder.isEmpty, ["recordings", "var"].contains(name) { return true }
        return name.hasPrefix(".build") || name.hasPrefix(".venv") || name.hasSuffix(".o") || name.hasSuffix(".profraw")
    }
}

/// The modules by what they may do.
enum Module {
    /// Sans-IO: time and randomness come in as arguments. In order: each may import those before it only.
    static let cores = [
        "Wire", "STUN", "ICE", "MDNS", "DTLS", "SRTP", "RTP", "Payload", "Congestion", "SCTP", "SDP", "Transport",
        "Forwarding", "Session", "Uploads",
    ]

    /// What `Package.swift` says that each module depends on.
    static let dependencies: [String: Set<String>] = {
        guard let manifest = Repository.text("Package.swift") else { return [:] }
        let bare = manifest.replacing(/\.product\([^)]*\)/, with: "")
        var result: [String: Set<String>] = [:]
        for match in bare.matches(of: /(?:core\(\s*|name: )"(\w+)",\s*(?:dependencies: )?\[([^\]]*)\]/) {
            result[String(match.1)] = Set(match.2.matches(of: /"(\w+)"/).map { String($0.1) })
        }
        return result
    }()
}
