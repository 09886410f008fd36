import ArgumentParser
import Foundation
import Settings

/// Where the settings come from; the same for every process of a cluster.
struct ConfigurationOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "The cluster's settings (default: cluster.yml in this folder, if there is one).")
    var config: String?

    @Option(help: "Kurento's own kurento.conf.json: its port, path and secure port are used.")
    var confFile: String?

    /// Where settings are corrected, for errors that no line can be given for.
    var fileName: String { confFile ?? config ?? "cluster.yml" }

    /// Reads the files. A file that was named must exist; the default one need not.
    func load() throws -> (settings: ClusterSettings, kurento: KurentoSettings?) {
        var settings = ClusterSettings()
        let path = config ?? "cluster.yml"
        if config != nil || FileManager.default.fileExists(atPath: path) {
            settings = try ClusterSettings(yaml: try Self.read(path), file: path)
        }
        guard let confFile else { return (settings, nil) }
        let kurento = try KurentoSettings(json: try Self.read(confFile), file: confFile)
        let folder = URL(fileURLWithPath: confFile).deletingLastPathComponent().path
        kurento.apply(to: &settings, relativeTo: folder)
        return (settings, kurento)
    }

    /// The same options for a child process.
    var arguments: [String] {
        (config.map { ["--config", $0] } ?? []) + (confFile.map { ["--conf-file", $0] } ?? [])
    }

    private static func read(_ path: String) throws -> String {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw SettingsError(
                file: path, line: nil, key: "", problem: "there is no such file, or it cannot be read",
                fix: "Check the path")
        }
        return String(decoding: data, as: UTF8.self)
    }
}
