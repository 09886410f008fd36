import Foundation

/// Where a Redis server is: `redis://[[user]:password@]host[:port][/database]`, or the path of its Unix
/// socket as `/run/redis.sock` or `unix:///run/redis.sock`.
public struct RedisAddress: Hashable, Sendable, CustomStringConvertible {
    public enum Endpoint: Hashable, Sendable {
        case tcp(host: String, port: Int)
        case unix(path: String)
    }

    public var endpoint: Endpoint
    public var user: String?
    public var password: String?
    public var database: Int

    public init(endpoint: Endpoint, user: String? = nil, password: String? = nil, database: Int = 0) {
        self.endpoint = endpoint
        self.user = user
        self.password = password
        self.database = database
    }

    /// Nil when the text is none of the forms.
    public init?(_ text: String) {
        if text.hasPrefix("/") {
            self.init(endpoint: .unix(path: text))
            return
        }
        guard let parts = URLComponents(string: text) else { return nil }
        switch parts.scheme {
        case "unix":
            guard !parts.path.isEmpty else { return nil }
            self.init(endpoint: .unix(path: parts.path), password: parts.password)
        case "redis":
            guard let host = parts.host, !host.isEmpty, parts.port.map({ (1...65535).contains($0) }) ?? true
            else { return nil }
            let path = parts.path.split(separator: "/", omittingEmptySubsequences: true)
            guard path.count <= 1 else { return nil }
            var database = 0
            if let name = path.first {
                guard let number = Int(name), (0...1023).contains(number) else { return nil }
                database = number
            }
            let bare = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
            self.init(
                endpoint: .tcp(host: bare, port: parts.port ?? 6379),
                user: parts.user.flatMap { $0.isEmpty ? nil : $0 }, password: parts.password, database: database)
        default:
            return nil
        }
    }

    /// For logs: without user and password.
    public var description: String {
        switch endpoint {
        case .tcp(let host, let port):
            let host = host.contains(":") ? "[\(host)]" : host
            return "redis://\(host):\(port)" + (database == 0 ? "" : "/\(database)")
        case .unix(let path): return path
        }
    }
}
