import Foundation
import Settings
import Store

extension StoreSettings {
    /// The parsed address of the store.
    func address() throws -> RedisAddress {
        guard let address = RedisAddress(url) else {
            throw SettingsError(
                file: "cluster.yml", line: nil, key: "store.url", problem: "this is not a Redis address",
                fix: "Write for example redis://127.0.0.1:6379/0")
        }
        return address
    }
}

/// The redis-server that `apus up` starts when the store is on this machine and nobody answers there.
struct RedisProcess {
    let child: Supervisor.Child
    let host: String
    let port: Int

    /// Nil when Redis answers already, is elsewhere, or is not ours to start.
    static func needed(for settings: StoreSettings, executable: String) throws -> RedisProcess? {
        guard settings.start, let url = URLComponents(string: settings.url), url.scheme == "redis",
            let host = url.host, ["127.0.0.1", "localhost", "[::1]", "::1"].contains(host)
        else { return nil }
        let port = url.port ?? 6379
        let probe = host.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        if TCPConnection.isOpen(host: probe, port: port) { return nil }
        let path = "/usr/bin/redis-server"
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw SettingsError(
                file: "cluster.yml", line: nil, key: "store.url",
                problem: "no Redis answers at \(host):\(port) and redis-server is not installed",
                fix: "Run scripts/up (it installs it), start a Redis there, or use `apus up --embedded`")
        }
        // No persistence: the store holds nothing that the workers cannot tell again.
        var arguments = [
            "--port", "\(port)", "--bind", "127.0.0.1", "-::1", "--save", "", "--appendonly", "no",
            "--daemonize", "no", "--loglevel", "warning", "--logfile", "/dev/null", "--dir", NSTemporaryDirectory(),
        ]
        if let password = url.password { arguments += ["--requirepass", password] }
        return RedisProcess(
            child: Supervisor.Child(
                name: "redis-server", executable: executable, arguments: ["guard", "--", path] + arguments),
            host: probe, port: port)
    }
}
