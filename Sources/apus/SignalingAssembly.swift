import DTLS
import Foundation
import Gallery
import Kurento
import Logging
import Session
import Settings
import Signaling
import Wire

/// What the front door listens on, by the settings.
enum SignalingAssembly {
    /// Where other controllers reach this one's HTTP without TLS; loopback first, which those of the same host take.
    static func reachable(_ settings: ClusterSettings) -> [String] {
        settings.signaling.listen.filter { $0.port != 0 }.flatMap { listen -> [String] in
            let hosts: [IPAddress]
            switch listen.host {
            case "::", "0.0.0.0", "":
                let isWide = listen.host != "0.0.0.0"
                hosts =
                    [IPAddress(ipv4: 0x7F00_0001)]
                    + MediaAddresses.forHeartbeats(settings.media)
                    .filter { isWide || $0.isIPv4 }
            case "localhost": hosts = [IPAddress(ipv4: 0x7F00_0001)]
            default: hosts = IPAddress(listen.host).map { [$0] } ?? []
            }
            return hosts.map { SocketAddress(ip: $0, port: UInt16(truncatingIfNeeded: listen.port)).description }
        }
    }

    static func configuration(_ settings: ClusterSettings) throws -> SignalingConfiguration {
        var listeners = settings.signaling.listen.map {
            SignalingConfiguration.Listener(host: $0.host, port: $0.port)
        }
        if !settings.tls.listen.isEmpty {
            let identity = try identity(settings.tls)
            listeners += settings.tls.listen.map {
                SignalingConfiguration.Listener(host: $0.host, port: $0.port, identity: identity)
            }
        }
        var configuration = SignalingConfiguration(listeners: listeners)
        configuration.kurentoPath = settings.signaling.kurentoPath
        configuration.allowedOrigins = settings.signaling.allowedOrigins
        configuration.webDirectory = webDirectory
        configuration.pagesDirectory = try pagesDirectory(settings.signaling)
        configuration.limits.connections = settings.limits.connections
        configuration.limits.connectionsPerAddress = settings.limits.connectionsPerAddress
        return configuration
    }

    /// The pages' application server.
    static func gallery(
        _ media: MediaServer, id: ControllerID, _ settings: ClusterSettings, logger: Logger
    ) -> ApplicationServer {
        let root = settings.files.roots.first.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
        var configuration = GalleryConfiguration(directory: root.map { $0 + "/gallery" }, prefix: "\(id)")
        if !settings.gallery.repository.isEmpty { configuration.repository = settings.gallery.repository }
        configuration.recordsCalls = settings.gallery.recordsCalls
        return ApplicationServer(media: media, configuration: configuration, logger: logger)
    }

    private static func pagesDirectory(_ settings: SignalingSettings) throws -> String? {
        guard !settings.pages.isEmpty else { return nil }
        guard (try? FileManager.default.contentsOfDirectory(atPath: settings.pages)) != nil else {
            throw SettingsError(
                file: "cluster.yml", line: nil, key: "signaling.pages",
                problem: "`\(settings.pages)` is no folder that can be read",
                fix: "Give the path of a folder with your pages, or leave it out")
        }
        return settings.pages
    }

    private static func identity(_ settings: TLSSettings) throws -> TLSIdentity {
        switch settings.certificate {
        case .selfSigned:
            let certificate = try Certificate()
            return TLSIdentity(certificatePEM: try certificate.pem(), keyPEM: try certificate.privateKeyPEM())
        case .files(let certificate, let key):
            let chain = try read(certificate, key: "tls.certificate")
            let keyBytes = try key.map { try read($0, key: "tls.key") } ?? chain
            return TLSIdentity(certificatePEM: chain, keyPEM: keyBytes, password: settings.password)
        }
    }

    /// Names the files that a certificate came from.
    static func identityError(_ settings: TLSSettings, reason: String) -> SettingsError {
        var files = "the self-signed certificate"
        if case .files(let certificate, let key) = settings.certificate {
            files = key.map { "`\(certificate)` with the key in `\($0)`" } ?? "`\(certificate)`"
        }
        return SettingsError(
            file: "cluster.yml", line: nil, key: "tls.certificate", problem: "\(files) cannot be used: \(reason)",
            fix: "Both must be PEM and belong together; set `tls.password` if the key has a passphrase")
    }

    private static func read(_ path: String, key: String) throws -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw SettingsError(
                file: "cluster.yml", line: nil, key: key, problem: "`\(path)` is not there or cannot be read",
                fix: "Give the path of a PEM file, or `certificate: self-signed`")
        }
        return Array(data)
    }

    /// `web/` in the folder where `apus` runs, or above the executable (a build folder, an installed
    /// `share/apus`).
    static var webDirectory: String? {
        var candidates = ["web"]
        if let variable = ProcessInfo.processInfo.environment["APUS_WEB"] { candidates.insert(variable, at: 0) }
        if let executable = Bundle.main.executablePath {
            var folder = URL(fileURLWithPath: executable).resolvingSymlinksInPath().deletingLastPathComponent()
            for _ in 0..<4 {
                candidates.append(folder.appendingPathComponent("web").path)
                candidates.append(folder.appendingPathComponent("share/apus/web").path)
                folder = folder.deletingLastPathComponent()
            }
        }
        return candidates.first { FileManager.default.fileExists(atPath: "\($0)/index.html") }
    }
}
