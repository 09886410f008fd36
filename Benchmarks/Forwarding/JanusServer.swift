import Foundation
import LoadGenerator

/// Debian's Janus with its videoroom plugin, on loopback, from a configuration of its own.
final class JanusServer: ServerUnderTest {
    static let program = "/usr/bin/janus"

    let signaling: any LoadSignaling
    let mediaProcess: Int32
    let processes: [Int32]
    let facts: ServerFacts
    private let child: ChildProcess

    /// `eventLoops` 0 is Janus's default: a thread for each client.
    init(_ workshop: Workshop, eventLoops: Int) async throws {
        guard FileManager.default.isExecutableFile(atPath: Self.program) else {
            throw BenchmarkError("janus is not installed: run `apus bench forwarding --install-peers`")
        }
        let loopback = try workshop.compile(
            ["Forwarding/loopback.c"], to: "loopback.so", flags: ["-shared", "-fPIC"], libraries: ["-ldl"])
        let port = try FreePort.tcp()
        let folder = workshop.folder + "/janus-\(port)"
        try JanusConfiguration(folder: folder, port: port, eventLoops: eventLoops).write()
        child = try ChildProcess(
            workshop.guarded(["/usr/bin/env", "LD_PRELOAD=\(loopback)", Self.program, "-F", folder, "-o"]),
            log: workshop.folder + "/janus.log")
        do {
            var information: JanusInformation?
            try await child.wait(for: "Janus") {
                information = try? await JanusSignaling.information(port: port)
                return information != nil
            }
            signaling = try await JanusSignaling(port: port)
            let tree = ProcessTable.tree(child.identifier)
            guard let janus = tree.first(where: { ProcessTable.arguments($0).first == Self.program }) else {
                throw BenchmarkError("Janus is not among its own processes")
            }
            mediaProcess = janus
            processes = [janus]
            let version = information?.version_string ?? "?"
            let room = information?.plugins?["janus.plugin.videoroom"]?.version_string ?? "?"
            facts = ServerFacts(
                version: "Janus \(version), videoroom \(room) (Debian \(Self.package))",
                configuration: (eventLoops > 0 ? "event_loops = \(eventLoops)" : "a thread for each handle")
                    + ", ICE lite, videoroom over HTTP, no recording, bitrate and fir_freq 0")
        } catch {
            await child.stop()
            throw error
        }
    }

    func stop() async { await child.stop() }

    private static var package: String {
        ((try? ChildProcess.run(["/usr/bin/dpkg-query", "-W", "-f", "${Version}", "janus"])) ?? "?")
    }

    /// Installs Janus from Debian; what it says when it is there already.
    static func install() throws -> String {
        if FileManager.default.isExecutableFile(atPath: program) { return "janus \(package) is installed" }
        try ChildProcess.run(["/usr/bin/apt-get", "update", "-q"])
        try ChildProcess.run(
            ["/usr/bin/apt-get", "install", "-q", "-y", "--no-install-recommends", "janus"])
        // The package starts a service of its own, with the ports of everybody.
        _ = try? ChildProcess.run(["/usr/bin/systemctl", "disable", "--now", "janus"])
        return "janus \(package) has been installed"
    }
}

/// The files that Janus reads.
struct JanusConfiguration {
    let folder: String
    /// Of the HTTP API.
    let port: Int
    let eventLoops: Int

    var files: [String: String] {
        let library = "/usr/lib/" + Self.triplet + "/janus"
        return [
            "janus.jcfg": """
            general: {
              configs_folder = "\(folder)"
              plugins_folder = "\(library)/plugins"
              transports_folder = "\(library)/transports"
              events_folder = "\(library)/events"
              loggers_folder = "\(library)/loggers"
              debug_level = 3
              interface = "127.0.0.1"
              session_timeout = 0
            \(eventLoops > 0 ? "  event_loops = \(eventLoops)" : "")
            }
            media: {
              ipv6 = false
              rtp_port_range = "20000-40000"
              no_media_timer = 0
              slowlink_threshold = 0
            }
            nat: {
              ice_lite = true
              ice_tcp = false
              full_trickle = false
            }
            plugins: {
              disable = "\(Self.otherPlugins.map { "libjanus_\($0).so" }.joined(separator: ","))"
            }
            transports: {
              disable = "\(Self.otherTransports.map { "libjanus_\($0).so" }.joined(separator: ","))"
            }
            """,
            "janus.transport.http.jcfg": """
            general: {
              json = "compact"
              http = true
              port = \(port)
              ip = "127.0.0.1"
              https = false
            }
            admin: {
              admin_http = false
            }
            """,
            "janus.plugin.videoroom.jcfg": """
            room-\(JanusSignaling.room): {
              description = "bench"
              publishers = 64
              bitrate = 0
              fir_freq = 0
              audiocodec = "opus"
              videocodec = "vp8"
              record = false
              notify_joining = false
            }
            """,
        ]
    }

    func write() throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (name, text) in files {
            try (text + "\n").write(toFile: folder + "/" + name, atomically: false, encoding: .utf8)
        }
    }

    private static let otherPlugins = [
        "audiobridge", "duktape", "echotest", "lua", "nosip", "recordplay", "sip", "streaming", "textroom", "videocall",
        "voicemail",
    ]
    private static let otherTransports = ["mqtt", "nanomsg", "pfunix", "rabbitmq", "websockets"]

    private static var triplet: String {
        #if arch(arm64)
            "aarch64-linux-gnu"
        #else
            "x86_64-linux-gnu"
        #endif
    }
}
