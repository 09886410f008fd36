import Foundation
import FoundationNetworking

/// Asks a controller over its HTTP port: readiness for `apus up`, status for `apus status`.
struct ControlClient: Sendable {
    let base: String

    /// The address to ask when a server listens on `host`.
    static func localHost(_ host: String) -> String {
        switch host {
        case "::", "0.0.0.0", "": "127.0.0.1"
        default: host.contains(":") ? "[\(host)]" : host
        }
    }

    /// Nil when the cluster is ready; otherwise why it is not, in words.
    func reasonNotReady() async -> String? {
        do {
            let (status, body) = try await get("/readyz")
            if status == 200 { return nil }
            let object = try? JSONSerialization.jsonObject(with: body) as? [String: Any]
            let reasons = object?["reasons"] as? [String] ?? []
            return reasons.isEmpty ? "status \(status)" : reasons.joined(separator: "; ")
        } catch {
            return "the controller does not answer yet"
        }
    }

    func status() async throws -> Data {
        let (code, body) = try await get("/api/status")
        guard code == 200 else { throw URLError(.badServerResponse) }
        return body
    }

    private func get(_ path: String) async throws -> (Int, Data) {
        guard let url = URL(string: base + path) else { throw URLError(.badURL) }
        var request = URLRequest(url: url)
        request.timeoutInterval = 2
        let (data, response) = try await URLSession.shared.data(for: request)
        return ((response as? HTTPURLResponse)?.statusCode ?? 0, data)
    }
}
