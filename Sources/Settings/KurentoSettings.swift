import Foundation

/// The part of Kurento's own `kurento.conf.json` that has a meaning here, so that a Kurento user
/// can swap the binary and keep the file.
public struct KurentoSettings: Sendable, Equatable {
    public var port: Int?
    public var address: String?
    public var path: String?
    public var securePort: Int?
    /// PEM file with certificate and key.
    public var secureCertificate: String?
    public var securePassword: String?
    public var garbageCollectorPeriod: Int?
    public var disableRequestCache = false
    /// The `metadata` node as JSON text, for ServerManager.getMetadata.
    public var metadata = ""

    /// Reads the file's text. Kurento allows `//` comments in it; keys that it has and we do not are left alone.
    public init(json text: String, file: String) throws(SettingsError) {
        let bare = Self.withoutComments(text)
        let root: Any
        do {
            root = try JSONSerialization.jsonObject(with: Data(bare.utf8))
        } catch {
            let reason = (error as NSError).userInfo["NSDebugDescription"] as? String ?? "not valid JSON"
            throw SettingsError(
                file: file, line: Self.line(in: reason, of: bare), key: "", problem: reason,
                fix: "Kurento's file is JSON with // comments; check commas and quotes around this place")
        }
        var node = Node(file: file, path: "", value: root)
        node = try node.child("mediaServer")
        let net = try node.child("net").child("websocket")
        port = try net.port("port")
        address = try net.string("address")
        path = try net.string("path").map { $0.hasPrefix("/") ? String($0.dropFirst()) : $0 }
        let secure = try net.child("secure")
        securePort = try secure.port("port")
        secureCertificate = try secure.string("certificate")
        securePassword = try secure.string("password")
        let resources = try node.child("resources")
        garbageCollectorPeriod = try resources.integer("garbageCollectorPeriod", in: 1...86_400)
        disableRequestCache = try resources.flag("disableRequestCache") ?? false
        if let value = node.raw("metadata"), JSONSerialization.isValidJSONObject(value),
            let data = try? JSONSerialization.data(withJSONObject: value, options: [.sortedKeys])
        {
            metadata = String(decoding: data, as: UTF8.self)
        }
    }

    /// Puts what the Kurento file says over `settings`: TLS is on only if the file has a secure port.
    public func apply(to settings: inout ClusterSettings, relativeTo folder: String) {
        settings.signaling.listen = [ListenAddress(host: address ?? "::", port: port ?? 8888)]
        settings.signaling.kurentoPath = path ?? "kurento"
        if let garbageCollectorPeriod { settings.limits.sessionGarbagePeriod = garbageCollectorPeriod }
        guard let securePort else {
            settings.tls.listen = []
            return
        }
        settings.tls.listen = [ListenAddress(host: address ?? "::", port: securePort)]
        settings.tls.password = securePassword
        if let secureCertificate {
            let file = secureCertificate.hasPrefix("/") ? secureCertificate : "\(folder)/\(secureCertificate)"
            settings.tls.certificate = .files(certificate: file, key: nil)
        }
    }

    /// Blanks `//` comments outside strings, keeping every line where it was.
    static func withoutComments(_ text: String) -> String {
        var result: [UInt8] = []
        var inString = false
        var escaped = false
        var inComment = false
        let bytes = Array(text.utf8)
        for (index, byte) in bytes.enumerated() {
            if byte == UInt8(ascii: "\n") { inComment = false }
            if inComment { continue }
            if inString {
                if escaped {
                    escaped = false
                } else if byte == UInt8(ascii: "\\") {
                    escaped = true
                } else if byte == UInt8(ascii: "\"") {
                    inString = false
                }
            } else if byte == UInt8(ascii: "\"") {
                inString = true
            } else if byte == UInt8(ascii: "/"), index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: "/") {
                inComment = true
                continue
            }
            result.append(byte)
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// Foundation names the place as "around line 3, column 5" or "around character 35".
    private static func line(in reason: String, of text: String) -> Int? {
        if let line = number(after: "line ", in: reason) { return line }
        guard let offset = number(after: "character ", in: reason) else { return nil }
        return text.utf8.prefix(offset).reduce(1) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
    }

    private static func number(after word: String, in reason: String) -> Int? {
        guard let range = reason.range(of: word) else { return nil }
        return Int(reason[range.upperBound...].prefix { $0.isNumber })
    }

    /// One JSON object of the file and the path to it.
    private struct Node {
        let file: String
        let path: String
        let value: Any?

        private func join(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

        func raw(_ key: String) -> Any? { (value as? [String: Any])?[key] }

        private func error(_ key: String, _ problem: String, _ fix: String) -> SettingsError {
            SettingsError(file: file, line: nil, key: join(key), problem: problem, fix: fix)
        }

        func child(_ key: String) throws(SettingsError) -> Node {
            let value = raw(key)
            guard value == nil || value is [String: Any] else {
                throw error(key, "this must be an object", "Write \"\(key)\": { … }")
            }
            return Node(file: file, path: join(key), value: value)
        }

        func integer(_ key: String, in range: ClosedRange<Int>) throws(SettingsError) -> Int? {
            guard let value = raw(key) else { return nil }
            // Kurento reads numbers from strings as well.
            let number = value as? Int ?? (value as? String).flatMap { Int($0) }
            guard let number, range.contains(number) else {
                throw error(
                    key, "`\(value)` is not a whole number from \(range.lowerBound) to \(range.upperBound)",
                    "Correct it or leave it out")
            }
            return number
        }

        func port(_ key: String) throws(SettingsError) -> Int? { try integer(key, in: 0...65535) }

        func string(_ key: String) throws(SettingsError) -> String? {
            guard let value = raw(key) else { return nil }
            guard let text = value as? String else {
                throw error(key, "this must be text", "Write \"\(key)\": \"…\"")
            }
            return text.isEmpty ? nil : text
        }

        func flag(_ key: String) throws(SettingsError) -> Bool? {
            guard let value = raw(key) else { return nil }
            if let flag = value as? Bool { return flag }
            if let text = value as? String, let flag = Bool(text) { return flag }
            throw error(key, "`\(value)` is neither true nor false", "Write \"\(key)\": true or false")
        }
    }
}
