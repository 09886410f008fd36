import Foundation
import LoadGenerator

/// `apus up` with one worker and one reactor, on free ports and with a Redis of its own; or all in one process.
package final class ApusServer: ServerUnderTest {
    let signaling: any LoadSignaling
    package let mediaProcess: Int32
    package let processes: [Int32]
    /// Where it speaks HTTP and the Kurento protocol.
    package let port: Int
    let facts: ServerFacts
    private let child: ChildProcess

    /// - Parameters:
    ///   - isEmbedded: `apus up --embedded`, whose media nobody can take over.
    ///   - hasFeedback: subscribers offer transport-wide feedback, as browsers do.
    package init(_ workshop: Workshop, isEmbedded: Bool = false, hasFeedback: Bool = true) async throws {
        port = try FreePort.tcp()
        let redis = try FreePort.tcp()
        let file = workshop.folder + "/cluster-\(port).yml"
        try Self.settings(port: port, redis: redis, folder: workshop.folder)
            .write(toFile: file, atomically: false, encoding: .utf8)
        child = try ChildProcess(
            workshop.guarded(
                [workshop.executable, "up", "--config", file] + (isEmbedded ? ["--embedded"] : [])),
            log: workshop.folder + "/apus.log")
        do {
            let client = HTTPClient(port: port)
            try await child.wait(for: "apus up") {
                (try? await client.request("GET", "/readyz", seconds: 2))?.status == 200
            }
            let tree = ProcessTable.tree(child.identifier)
            let role = isEmbedded ? "up" : "media"
            guard let media = tree.first(where: { ProcessTable.arguments($0).dropFirst().first == role }) else {
                throw BenchmarkError("apus up has no media process:\n\(child.lastOutput)")
            }
            mediaProcess = media
            processes = tree
            signaling = WebRTCHTTPSignaling(port: port, hasFeedback: hasFeedback)
            let version = try ChildProcess.run([workshop.executable, "--version"])
            facts = ServerFacts(
                version: "Apus " + version.trimmingCharacters(in: .whitespacesAndNewlines),
                configuration: "one worker, one reactor, \(isEmbedded ? "one process" : "Redis"); "
                    + "NACK, RTX, RTCP and statistics on, "
                    + (hasFeedback ? "congestion control by transport-wide feedback" : "no transport-wide feedback"))
        } catch {
            await child.stop()
            throw error
        }
    }

    package func stop() async { await child.stop() }

    /// What differs from the defaults: loopback alone, free ports, one worker, room for the subscribers, and files
    /// where the benchmark has its own.
    static func settings(port: Int, redis: Int, folder: String) -> String {
        let firstMediaPort = 42_000 + port % 200 * 64
        return """
            cluster: bench-\(port)
            signaling:
              listen: ["127.0.0.1:\(port)"]
            tls:
              listen: []
            media:
              udp_ports: \(firstMediaPort)-\(firstMediaPort + 63)
              interfaces: [lo]
              ipv6: false
            store:
              url: redis://127.0.0.1:\(redis)/0
            workers:
              count: 1
              reactors: 1
            limits:
              endpoints_per_reactor: 20000
            files:
              roots: ["\(folder)"]
            log_level: warning

            """
    }
}
