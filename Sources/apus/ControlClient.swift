import Foundation

/// Asks a controller over its HTTP port: readiness for `apus up`, status for `apus status`.
///
/// Not URLSession: on Linux its async calls can deadlock when they are cancelled as they end, which is
/// what Ctrl-C during the start does, and it does not reach IPv6 literals.
struct ControlClient: Sendable {
    let host: String
    let port: Int

    struct Unreachable: Error {}

    init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Nil when the text is no `http://host:port`.
    init?(url: String) {
        guard let parts = URLComponents(string: url), parts.scheme == "http", let host = parts.host else { return nil }
        self.init(host: host.trimmingCharacters(in: CharacterSet(charactersIn: "[]")), port: parts.port ?? 80)
    }

    /// The address to ask when a server listens on `host`.
    static func localHost(_ host: String) -> String {
        ["::", "0.0.0.0", ""].contains(host) ? "127.0.0.1" : host
    }

    /// For people.
    var base: String { "http://" + (host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)") }

    /// Nil when the cluster is ready; otherwise why it is not, in words.
    func reasonNotReady() async -> String? {
        guard let (status, body) = try? await get("/readyz") else { return "the controller does not answer yet" }
        if status == 200 { return nil }
        let object = try? JSONSerialization.jsonObject(with: body) as? [String: Any]
        let reasons = object?["reasons"] as? [String] ?? []
        return reasons.isEmpty ? "\(base) answers with status \(status)" : reasons.joined(separator: "; ")
    }

    func status() async throws -> Data {
        let (code, body) = try await get("/api/status")
        guard code == 200 else { throw Unreachable() }
        return body
    }

    /// Has a worker drained, or not any more.
    /// - Throws: ``CommandFailure`` with the controller's words, or ``Unreachable``.
    func setDrain(of worker: String, seconds: Int?, token: String?) async throws {
        let name = worker.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let path = "/api/workers/\(name)/drain" + (seconds.map { "?deadline=\($0)" } ?? "")
        let fields = token.map { ["Authorization: Bearer \($0)"] } ?? []
        let (code, body) = try await get(path, method: seconds == nil ? "DELETE" : "POST", fields: fields)
        guard code != 200 else { return }
        throw failure(code, body)
    }

    /// What an upgrade of a worker came to.
    struct Upgraded: Codable {
        var worker: String
        var processID: Int32
        var standstillMilliseconds: Double
        var durationMilliseconds: Double
    }

    /// Has a worker's media process replaced, and waits for it.
    /// - Throws: as ``setDrain(of:seconds:token:)``.
    func upgrade(_ worker: String, token: String?) async throws -> Upgraded {
        let name = worker.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let fields = token.map { ["Authorization: Bearer \($0)"] } ?? []
        let (code, body) = try await get(
            "/api/workers/\(name)/upgrade", method: "POST", fields: fields, patience: Self.upgradePatience)
        guard code == 200 else { throw failure(code, body) }
        return try JSONDecoder().decode(Upgraded.self, from: body)
    }

    /// Seconds: longer than the controller waits for the worker.
    private static let upgradePatience = 30

    private func failure(_ code: Int, _ body: Data) -> CommandFailure {
        let object = try? JSONSerialization.jsonObject(with: body) as? [String: Any]
        return CommandFailure(object?["error"] as? String ?? "\(base) answered with status \(code)")
    }

    /// One request on a connection and a thread of its own: the caller's thread may be the one that
    /// the server needs for the answer.
    private func get(
        _ path: String, method: String = "GET", fields: [String] = [], patience: Int = TCPConnection.patience
    ) async throws -> (Int, Data) {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(
                    with: Result {
                        try TCPConnection.request(
                            path, method: method, fields: fields, host: host, port: port, patience: patience)
                    })
            }
        }
    }
}

/// A blocking TCP connection with time limits.
enum TCPConnection {
    /// Whether somebody listens there.
    static func isOpen(host: String, port: Int) -> Bool {
        guard let descriptor = try? open(host: host, port: port) else { return false }
        close(descriptor)
        return true
    }

    static func request(
        _ path: String, method: String = "GET", fields: [String] = [], host: String, port: Int,
        patience: Int = TCPConnection.patience
    ) throws -> (Int, Data) {
        let descriptor = try open(host: host, port: port, patience: patience)
        defer { close(descriptor) }
        let header = ["\(method) \(path) HTTP/1.1", "Host: \(host)", "Connection: close"] + fields
        let request = Array((header.joined(separator: "\r\n") + "\r\n\r\n").utf8)
        guard unsafe send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            throw ControlClient.Unreachable()
        }
        var answer = Data()
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe recv(descriptor, &buffer, buffer.count, 0)
            guard count >= 0 else { throw ControlClient.Unreachable() }
            if count == 0 { break }
            answer.append(contentsOf: buffer[..<count])
        }
        guard let head = answer.range(of: Data("\r\n\r\n".utf8)),
            let line = String(decoding: answer[..<head.lowerBound], as: UTF8.self).split(separator: "\r\n").first,
            line.hasPrefix("HTTP/1."), let status = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
        else { throw ControlClient.Unreachable() }
        return (status, Data(answer[head.upperBound...]))
    }

    /// Seconds for connecting and for each read.
    static let patience = 2

    private static func open(host: String, port: Int, patience: Int = TCPConnection.patience) throws -> Int32 {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(host, "\(port)", &hints, &list) == 0 else { throw ControlClient.Unreachable() }
        defer { unsafe freeaddrinfo(list) }
        var next = unsafe list
        while let entry = unsafe next {
            let descriptor = unsafe socket(entry.pointee.ai_family, entry.pointee.ai_socktype, 0)
            if descriptor >= 0 {
                var limit = timeval(tv_sec: patience, tv_usec: 0)
                let size = socklen_t(MemoryLayout<timeval>.size)
                unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
                unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
                if unsafe connect(descriptor, entry.pointee.ai_addr, entry.pointee.ai_addrlen) == 0 {
                    return descriptor
                }
                close(descriptor)
            }
            unsafe next = entry.pointee.ai_next
        }
        throw ControlClient.Unreachable()
    }
}
