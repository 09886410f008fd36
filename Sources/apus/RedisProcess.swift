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
    let address: String

    /// Nil when Redis answers already, is elsewhere, or is not ours to start.
    static func needed(for settings: StoreSettings) async throws -> RedisProcess? {
        guard settings.start, let url = URLComponents(string: settings.url), url.scheme == "redis",
            let host = url.host, ["127.0.0.1", "localhost", "[::1]", "::1"].contains(host)
        else { return nil }
        let port = url.port ?? 6379
        let probe = host.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        if PortProbe.isOpen(host: probe == "localhost" ? "127.0.0.1" : probe, port: UInt16(port)) { return nil }
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
            "--daemonize", "no", "--loglevel", "warning", "--dir", NSTemporaryDirectory(),
        ]
        if let password = url.password { arguments += ["--requirepass", password] }
        return RedisProcess(
            child: Supervisor.Child(name: "redis-server", executable: path, arguments: arguments),
            address: "\(host):\(port)")
    }
}

/// Whether somebody listens on a TCP port of this machine.
enum PortProbe {
    static func isOpen(host: String, port: UInt16) -> Bool {
        let isIPv6 = host.contains(":")
        let descriptor = socket(isIPv6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        if isIPv6 {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            unsafe inet_pton(AF_INET6, host, &address.sin6_addr)
            return connects(descriptor, address)
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        unsafe inet_pton(AF_INET, host, &address.sin_addr)
        return connects(descriptor, address)
    }

    private static func connects<Address>(_ descriptor: Int32, _ address: Address) -> Bool {
        unsafe withUnsafeBytes(of: address) { bytes in
            guard let base = bytes.baseAddress else { return false }
            let pointer = unsafe base.assumingMemoryBound(to: sockaddr.self)
            return unsafe connect(descriptor, pointer, socklen_t(bytes.count)) == 0
        }
    }
}
